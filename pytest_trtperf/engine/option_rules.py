"""Whether a backend has the build options that are asked for, and whether they go together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pytest_trtperf.engine.options import OPTIONS, PRECISIONS, Option, is_strongly_typed
from pytest_trtperf.errors import EngineBuildError


def check_options(options: Mapping[str, Any], backend: str, version: str) -> None:
    """Checks the options of an ONNX model.

    Args:
        options: as `checked_options` returns them.
        backend: one that has no options at all accepts and ignores them.
        version: of the backend.

    Raises:
        EngineBuildError: the backend lacks an option. This comes first: no other option can help.
        ValueError: two contradict each other.
    """
    for name, value in options.items():
        option = OPTIONS[name]
        is_asked_for = backend in _WITH_OPTIONS and value is not False
        if is_asked_for and not option.may_be_in(backend, version):
            raise lacking(option, value, backend, version)
    for is_wrong, message in _RULES:
        if is_wrong(options):
            raise ValueError(f"build options: {message}")


def lacking(option: Option, value: object, backend: str, version: str) -> EngineBuildError:
    """The error for an option that this version of the backend does not have."""
    here = f"{backend} {version}"
    is_typing = option.name in (*PRECISIONS, "dtype")
    if is_typing and not option.may_be_in(backend, version):
        reason = f"{here} does not choose types: networks are strongly typed. {_ADVICE}"
    else:
        reason = f"{here} has no {option.api}, or it has no effect there. Drop the option"
    return EngineBuildError(
        f"build option {option.name}={value!r}: {reason}. "
        f"It exists in {option.described_versions()}"
    )


_WITH_OPTIONS = frozenset(name for option in OPTIONS.values() for name in option.versions)

_ADVICE = (
    "The ONNX file decides: drop the option and convert the model, to fp16 with "
    "onnxconverter_common.float16.convert_float_to_float16 or modelopt.onnx.autocast, to int8, "
    "fp8 or int4 with modelopt.onnx.quantization, or export it in that type (torch: model.half())"
)

_RULES: tuple[tuple[Callable[[Mapping[str, Any]], bool], str], ...] = (
    (
        lambda o: bool(o.get("strongly_typed")) and any(o.get(name) for name in PRECISIONS),
        "strongly_typed=True excludes a precision: drop one of the two",
    ),
    (
        lambda o: "dtype" in o and is_strongly_typed(o),
        "dtype= needs a weakly typed network: give a precision or strongly_typed=False",
    ),
    (
        lambda o: bool(o.get("exclude_lean_runtime")) and not o.get("version_compatible"),
        "exclude_lean_runtime=True needs version_compatible=True",
    ),
    (
        lambda o: bool(o.get("error_on_timing_cache_miss")) and not o.get("timing_cache"),
        "error_on_timing_cache_miss=True needs timing_cache=",
    ),
    (
        lambda o: bool(o.get("gpu_fallback")) and "DLA_core" not in o,
        "gpu_fallback=True needs DLA_core=",
    ),
    (
        lambda o: "weight_streaming_budget_mib" in o and not o.get("weight_streaming"),
        "weight_streaming_budget_mib= needs weight_streaming=True",
    ),
    (
        lambda o: bool(o.get("disable_timing_cache")) and bool(o.get("timing_cache")),
        "disable_timing_cache=True contradicts timing_cache=",
    ),
    (
        lambda o: (
            bool(o.get("version_compatible"))
            and not (o.get("exclude_lean_runtime") or o.get("engine_host_code_allowed"))
        ),
        "version_compatible=True needs engine_host_code_allowed=True or exclude_lean_runtime=True",
    ),
    (
        lambda o: any(
            name.startswith("DLA_")
            for names in o.get("allowed_formats", {}).values()
            for name in names
        ),
        "allowed_formats= cannot have dla_linear and dla_hwc4: their inputs cannot be generated",
    ),
)
