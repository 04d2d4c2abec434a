"""An ONNX file and build options -> the bytes of a plan, with TensorRT or TensorRT for RTX."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from pytest_trtperf.backend.progress import Report
from pytest_trtperf.backend.tensorrt.advice import advised
from pytest_trtperf.backend.tensorrt.apply_options import apply_options, apply_to_network
from pytest_trtperf.backend.tensorrt.bindings import (
    Errors,
    Write,
    collected,
    created,
    import_tensorrt,
    refusals,
    shared_logger,
)
from pytest_trtperf.backend.tensorrt.build_monitor import attach_monitor, deferred_interrupt
from pytest_trtperf.backend.tensorrt.dtypes import dtype_name
from pytest_trtperf.engine.bound_shapes import to_paste, unequal_names
from pytest_trtperf.engine.options import is_strongly_typed
from pytest_trtperf.engine.shapes import Profile, TensorInfo
from pytest_trtperf.engine.spec import EngineSpec
from pytest_trtperf.errors import EngineBuildError, ShapeError
from pytest_trtperf.onnx_file.messages import build_messages, parser_messages
from pytest_trtperf.plan_cache.timing_cache import TimingCacheFile


def build_plan(
    spec: EngineSpec,
    backend: str,
    timing_cache: TimingCacheFile | None = None,
    report: Report | None = None,
    write: Write | None = None,
    *,
    verbose: bool = False,
) -> bytes:
    """Builds the plan of a spec; no GPU is needed with ``tensorrt-rtx``.

    Networks are strongly typed, so that the precision is the ONNX file's own in every version,
    unless options ask a TensorRT that still has weakly typed ones to choose.

    Args:
        spec: What to build; its options passed `check_options`, and its files are all there.
        backend: ``"tensorrt"`` or ``"tensorrt-rtx"``.
        timing_cache: What the option ``timing_cache`` asks for.
        report: Called with the progress at each step; what it raises is lost.
        write: Called with each of TensorRT's messages.
        verbose: Whether those of VERBOSE are among them.

    Raises:
        BackendUnavailable: the backend cannot be imported.
        EngineBuildError: the model cannot be parsed or built; carries TensorRT's own messages.
        ShapeError: the profiles do not fit the inputs; lists all inputs.
        KeyboardInterrupt: Ctrl-C; TensorRT is asked to give up at its next step.
    """
    trt = import_tensorrt(backend)
    _require(trt, "Builder", f"{backend} only loads plans, it cannot build them")
    with collected(trt, write, verbose=verbose) as errors, deferred_interrupt() as interrupted:
        builder = _created(created(trt.Builder, shared_logger(trt)), "builder", errors)
        _load_plugins(builder, spec, errors)
        network = _network(trt, builder, spec, backend, errors)
        parser = _parsed(trt, network, spec.onnx, errors)
        apply_to_network(trt, network, spec.options)
        config = _created(builder.create_builder_config(), "builder configuration", errors)
        apply_options(trt, config, spec.options, backend)
        _add_profiles(builder, config, network, spec)
        if timing_cache is not None:
            timing_cache.attach(config)
        if spec.configure is not None:
            with refusals(trt, _refused_configure):
                spec.configure(config)
        attach_monitor(trt, config, interrupted, report)
        plan = builder.build_serialized_network(network, config)
        del parser  # it owns the weights that the network points to, so it outlives the build
        if plan is not None and timing_cache is not None:
            timing_cache.keep(config)
    if plan is None:
        raise _not_built(spec, backend, build_messages(errors(), spec.onnx))
    return bytes(plan)


def _not_built(spec: EngineSpec, backend: str, said: Sequence[str]) -> EngineBuildError:
    return EngineBuildError(_with_details(f"{spec.onnx}: {backend} built no engine", advised(said)))


def has_weakly_typed_networks(trt: ModuleType, backend: str) -> bool:
    """Whether TensorRT may choose the precision, as trtexec of TensorRT 10 lets it."""
    # TensorRT for RTX 1.4 still has the flag, and refuses to build with it.
    return hasattr(trt.BuilderFlag, "FP16") and backend != "tensorrt-rtx"


def _require(owner: Any, name: str, why: str) -> Any:
    if not hasattr(owner, name):
        raise EngineBuildError(f"this TensorRT has no {name}: {why}")
    return getattr(owner, name)


def _created(thing: Any, what: str, errors: Errors) -> Any:
    if thing is None:
        raise EngineBuildError(_with_details(f"TensorRT could not create a {what}", errors()))
    return thing


def _with_details(headline: str, details: Sequence[str]) -> str:
    return "\n  ".join([f"{headline}:" if details else headline, *details])


def _refused_configure(said: Sequence[str]) -> EngineBuildError:
    return EngineBuildError(_with_details("configure=: TensorRT refuses what it does", said))


def _load_plugins(builder: Any, spec: EngineSpec, errors: Errors) -> None:
    for path in spec.options.get("plugins", ()):
        if builder.get_plugin_registry().load_library(str(Path(path).resolve())) is None:
            raise EngineBuildError(
                _with_details(f"{path}: TensorRT cannot load this plugin library", errors())
            )


def _network(trt: ModuleType, builder: Any, spec: EngineSpec, backend: str, errors: Errors) -> Any:
    is_strong = is_strongly_typed(spec.options)
    if not is_strong and not has_weakly_typed_networks(trt, backend):
        raise EngineBuildError(
            f"{spec.onnx}: strongly_typed=False: {backend} {trt.__version__} has strongly "
            "typed networks only; drop the option"
        )
    kinds = trt.NetworkDefinitionCreationFlag
    flags = 0
    if is_strong and hasattr(kinds, "STRONGLY_TYPED"):
        flags |= 1 << int(kinds.STRONGLY_TYPED)
    return _created(builder.create_network(flags), "network", errors)


def _parsed(trt: ModuleType, network: Any, onnx: Path, errors: Errors) -> Any:
    parser = _created(created(trt.OnnxParser, network, shared_logger(trt)), "parser", errors)
    if not parser.parse_from_file(str(onnx)):
        found = parser_messages(parser, onnx) or build_messages(errors(), onnx)
        headline = f"{onnx}: TensorRT cannot parse this model"
        raise EngineBuildError(_with_details(headline, advised(found)))
    return parser


def _add_profiles(builder: Any, config: Any, network: Any, spec: EngineSpec) -> None:
    inputs = [network.get_input(index) for index in range(network.num_inputs)]
    for number, shapes in enumerate(spec.profiles or ({},)):
        where = f"{spec.onnx}: profile {number}" if len(spec.profiles) > 1 else str(spec.onnx)
        _check_profile(where, shapes, inputs)
        if not any(_needs_profile(tensor) for tensor in inputs):
            continue
        profile = builder.create_optimization_profile()
        for tensor in inputs:
            if not _needs_profile(tensor):
                continue
            wanted = shapes[tensor.name]
            # As in trtexec, the "shape" of an input that is itself a shape gives its values.
            put = profile.set_shape_input if tensor.is_shape_tensor else profile.set_shape
            put(tensor.name, wanted.min, wanted.opt, wanted.max)
        if config.add_optimization_profile(profile) < 0:
            raise ShapeError(f"{where}: TensorRT refuses these shapes; {_known(inputs)}")


def _needs_profile(tensor: Any) -> bool:
    return bool(tensor.is_shape_tensor) or -1 in tuple(tensor.shape)


def _check_profile(where: str, shapes: Mapping[str, Profile], inputs: Sequence[Any]) -> None:
    names = {tensor.name for tensor in inputs}
    problems = [f"there is no input {name!r}" for name in shapes if name not in names]
    for tensor in inputs:
        profile = shapes.get(tensor.name)
        if profile is not None:
            problems += _mismatches(tensor, profile)
        elif tensor.is_shape_tensor:
            problems.append(f"input {tensor.name!r} is a shape tensor and has no values")
        elif _needs_profile(tensor):
            problems.append(f"input {tensor.name!r} is dynamic and has no shape")
    if problems:
        raise ShapeError(
            f"{where}: {'; '.join(problems)}. {_known(inputs)}{_remedy(shapes, inputs)}"
        )
    best = {name: profile.opt for name, profile in shapes.items()}
    if problem := unequal_names(best, [_tensor_info(tensor) for tensor in inputs]):
        raise ShapeError(f"{where}: {problem}")


def _mismatches(tensor: Any, profile: Profile) -> list[str]:
    shape = tuple(tensor.shape)
    if tensor.is_shape_tensor:
        count = shape[0] if shape else 1
        fits = count in (-1, len(profile.opt))
        return [] if fits else [f"input {tensor.name!r} takes {count} values"]
    if len(shape) != len(profile.opt):
        return [f"input {tensor.name!r} has rank {len(shape)}, not {len(profile.opt)}"]
    if any(dim < 0 for dim in profile.min):
        return [f"input {tensor.name!r} has no dimension below 0, as in {profile}"]
    for axis, dim in enumerate(shape):
        if dim != -1 and not profile.min[axis] == dim == profile.max[axis]:
            return [f"input {tensor.name!r} is fixed at {dim} in dimension {axis}, not {profile}"]
    return []


def _remedy(shapes: Mapping[str, Profile], inputs: Sequence[Any]) -> str:
    infos = [_tensor_info(one) for one in inputs if not one.is_shape_tensor]
    lacking = [one for one in infos if None in one.shape and one.name not in shapes]
    remedy = f". Pass {to_paste(lacking)}, each a size or (min, opt, max)" if lacking else ""
    for one in inputs:
        if one.is_shape_tensor and one.name not in shapes:
            remedy += (
                f". The values of {one.name!r} decide sizes: give them in place of its shape, as "
                f"shapes={{{one.name!r}: ((least, …), (usual, …), (largest, …))}}"
            )
    return remedy


def _known(inputs: Sequence[Any]) -> str:
    listed = [str(_tensor_info(tensor)) for tensor in inputs]
    return f"The inputs are: {', '.join(listed) or 'none'}"


def _tensor_info(tensor: Any) -> TensorInfo:
    shape = tuple(None if dim == -1 else int(dim) for dim in tensor.shape)
    names = tuple(tensor.get_dimension_name(axis) or None for axis in range(len(shape)))
    return TensorInfo(tensor.name, shape, dtype_name(tensor.dtype), names)
