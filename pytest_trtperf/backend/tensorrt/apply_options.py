"""Build options -> TensorRT's builder configuration; one that it does not take is an error."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from functools import partial
from types import ModuleType
from typing import Any, TypeAlias

from pytest_trtperf.backend.tensorrt.bindings import refusals
from pytest_trtperf.backend.tensorrt.dtypes import dtype_name
from pytest_trtperf.backend.tensorrt.formats import has_unknown_layout
from pytest_trtperf.engine.option_rules import lacking
from pytest_trtperf.engine.options import BYTES_PER_MIB, OPTIONS, Option
from pytest_trtperf.errors import EngineBuildError


def apply_options(trt: ModuleType, config: Any, options: Mapping[str, Any], backend: str) -> None:
    """Sets all options that belong to the builder configuration.

    Args:
        options: those that `check_options` lets through.

    Raises:
        EngineBuildError: this TensorRT lacks an option or a value, or refuses it.
    """
    for name, value in options.items():
        option = OPTIONS[name]
        # A deprecated option still works: no warning of it here.
        with refusals(trt, partial(_refused, option, value)), warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            _apply(trt, config, option, value, backend)


def apply_to_network(trt: ModuleType, network: Any, options: Mapping[str, Any]) -> None:
    """Sets the types and formats that inputs and outputs are to have.

    Args:
        options: as for `apply_options`.

    Raises:
        EngineBuildError: the network has no such tensor, this TensorRT no such type or format, or
            it refuses it.
    """
    inputs = [network.get_input(index) for index in range(network.num_inputs)]
    outputs = [network.get_output(index) for index in range(network.num_outputs)]
    tensors = {tensor.name: tensor for tensor in (*inputs, *outputs)}
    for option_name, setter in _TENSOR_SETTERS.items():
        option = OPTIONS[option_name]
        for name, value in options.get(option_name, {}).items():
            with refusals(trt, partial(_refused, option, {name: value})):
                setter(trt, _tensor(tensors, name, option), option, value)


def _set_dtype(trt: ModuleType, tensor: Any, option: Option, value: Any) -> None:
    # Deprecated since 10.12, as weakly typed networks are.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        tensor.dtype = _member(trt.DataType, value, option)


def _set_allowed_formats(trt: ModuleType, tensor: Any, option: Option, value: Any) -> None:
    bits = [1 << int(_member(trt.TensorFormat, name, option)) for name in value]
    dtype = dtype_name(tensor.dtype)
    if unknown := [name for name in value if has_unknown_layout(name, dtype)]:
        raise EngineBuildError(
            f"build option {option.name}: where TensorRT puts values of {dtype}, the type of "
            f"{tensor.name!r}, in {', '.join(unknown)} is not known; name other formats"
        )
    tensor.allowed_formats = sum(bits)


def _tensor(tensors: Mapping[str, Any], name: str, option: Option) -> Any:
    if name not in tensors:
        raise EngineBuildError(
            f"build option {option.name}: the model has no input or output {name!r}; it has "
            f"{', '.join(map(repr, tensors))}"
        )
    return tensors[name]


def _refused(option: Option, value: object, said: list[str]) -> EngineBuildError:
    details = "\n  ".join(said)
    return EngineBuildError(
        f"build option {option.name}={value!r}: TensorRT refuses it:\n  {details}"
    )


def _apply(trt: ModuleType, config: Any, option: Option, value: Any, backend: str) -> None:
    if option.kind == "flag":
        _set_flag(trt, config, option, value, backend)
    elif option.kind == "number":
        _set_attribute(trt, config, option, value, backend)
    elif option.kind == "enum":
        _set_enum(trt, config, option, value, backend)
    elif option.kind == "other" and option.name not in _APPLIED_ELSEWHERE:
        _SETTERS[option.name](trt, config, option, value)


def _set_flag(trt: ModuleType, config: Any, option: Option, value: bool, backend: str) -> None:
    flag = getattr(trt.BuilderFlag, option.name.upper(), None)
    if flag is not None:
        (config.set_flag if value else config.clear_flag)(flag)
    elif value:
        raise lacking(option, value, backend, trt.__version__)


def _set_attribute(trt: ModuleType, config: Any, option: Option, value: Any, backend: str) -> None:
    try:
        setattr(config, option.name, value)
        taken = getattr(config, option.name)
    except AttributeError:
        raise lacking(option, value, backend, trt.__version__) from None
    if taken != value:
        raise EngineBuildError(
            f"build option {option.name}={value!r}: TensorRT makes {taken} of it; give what it "
            "takes, or drop the option"
        )


def _set_enum(trt: ModuleType, config: Any, option: Option, value: str, backend: str) -> None:
    enum = getattr(trt, option.enum, None)
    if enum is None:
        raise lacking(option, value, backend, trt.__version__)
    _set_attribute(trt, config, option, _member(enum, value, option), backend)


def _member(enum: Any, name: str, option: Option) -> Any:
    if name not in enum.__members__:
        raise EngineBuildError(
            f"build option {option.name}: this TensorRT has no {name}; it has "
            f"{', '.join(enum.__members__)}"
        )
    return enum.__members__[name]


def _set_memory_pools(trt: ModuleType, config: Any, option: Option, value: Any) -> None:
    for name, mib in value.items():
        pool = _member(trt.MemoryPoolType, name, option)
        config.set_memory_pool_limit(pool, int(mib * BYTES_PER_MIB))


def _set_tactic_sources(trt: ModuleType, config: Any, option: Option, value: Any) -> None:
    sources = config.get_tactic_sources()
    for name, is_on in value.items():
        bit = 1 << int(_member(trt.TacticSource, name, option))
        sources = sources | bit if is_on else sources & ~bit
    if not config.set_tactic_sources(sources):
        raise EngineBuildError(f"build option {option.name}: TensorRT refuses {value}")


def _set_preview_features(trt: ModuleType, config: Any, option: Option, value: Any) -> None:
    for name, is_on in value.items():
        config.set_preview_feature(_member(trt.PreviewFeature, name, option), is_on)


def _set_compute_capabilities(trt: ModuleType, config: Any, option: Option, value: Any) -> None:
    config.num_compute_capabilities = len(value)
    for index, name in enumerate(value):
        if not config.set_compute_capability(_member(trt.ComputeCapability, name, option), index):
            raise EngineBuildError(f"build option {option.name}: TensorRT refuses {name}")


def _set_dla_core(trt: ModuleType, config: Any, option: Option, value: Any) -> None:
    config.default_device_type = trt.DeviceType.DLA
    config.DLA_core = value
    if config.DLA_core != value:
        raise EngineBuildError(f"build option {option.name}={value}: this device has no such core")


_Setters: TypeAlias = Mapping[str, Callable[[ModuleType, Any, Option, Any], None]]
_SETTERS: _Setters = {
    "memory_pool_limit_mib": _set_memory_pools,
    "tactic_sources": _set_tactic_sources,
    "preview_features": _set_preview_features,
    "compute_capabilities": _set_compute_capabilities,
    "DLA_core": _set_dla_core,
}
_TENSOR_SETTERS: _Setters = {
    "dtype": _set_dtype,
    "allowed_formats": _set_allowed_formats,
}
_APPLIED_ELSEWHERE = frozenset(
    ("strongly_typed", "plugins", "timing_cache", "configure_key", *_TENSOR_SETTERS)
)
"""By `build_plan`, and by `apply_to_network`."""
