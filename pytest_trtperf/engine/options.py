"""The build options: one entry each with its type, its counterparts and where it exists."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, TypeAlias, get_args

from pytest_trtperf.engine import option_checks as values

Kind: TypeAlias = Literal["flag", "number", "enum", "other", "load"]
Versions: TypeAlias = Mapping[str, "tuple[str, str | None]"]
"""Backend -> the first version that has the option, and the first that no longer has it (or None),
of the versions that the contract tests read."""

_BOTH: Versions = {"tensorrt": ("10.0", None), "tensorrt-rtx": ("1.4", None)}
_TENSORRT: Versions = {"tensorrt": ("10.0", None)}
_TENSORRT_10: Versions = {"tensorrt": ("10.0", "11")}
_RTX: Versions = {"tensorrt-rtx": ("1.4", None)}
_10_16: Versions = {"tensorrt": ("10.16", None)}
_10_16_UNTIL_11: Versions = {"tensorrt": ("10.16", "11")}
_10_16_AND_RTX: Versions = {"tensorrt": ("10.16", None), "tensorrt-rtx": ("1.4", None)}


@dataclass(frozen=True)
class Option:
    """One build option.

    Attributes:
        name: as in TensorRT's Python API where that has one, a unit appended.
        kind: how it reaches TensorRT: as a member of `BuilderFlag` (``flag``), as an attribute of
            `IBuilderConfig` that is a number or an enum's member (``number``, ``enum``), or in its
            own way (``other``). A ``load`` option has no effect on the plan, only on its loading.
        check: returns the value in one spelling, or raises a ValueError with what it takes.
        api: its name in TensorRT's Python API, dotted.
        trtexec: trtexec's flag or flags for the same.
        versions: where the option exists and has an effect.
        enum: of kind ``enum``: the enum's name.
        default: the value of an absent option, if it is the same in every version; else None.
    """

    name: str
    kind: Kind
    check: values.Check
    api: str
    trtexec: str
    versions: Versions
    enum: str = ""
    default: object = None

    def may_be_in(self, backend: str, version: str) -> bool:
        """Whether the backend has had it in some version, and has not dropped it by this one."""
        _, end = self.versions.get(backend, ("", "0"))
        return end is None or _numbers(version) < _numbers(end)

    def described_versions(self) -> str:
        """The versions that have it, such as ``TensorRT 10.0 and later, before 11``."""
        names = {"tensorrt": "TensorRT", "tensorrt-rtx": "TensorRT for RTX"}
        return "; ".join(
            f"{names[backend]} {first} and later" + (f", before {end}" if end else "")
            for backend, (first, end) in self.versions.items()
        )


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]


def _flag(name: str, trtexec: str, versions: Versions = _BOTH, *, default: bool = False) -> Option:
    api = f"BuilderFlag.{name.upper()}"
    return Option(name, "flag", values.flag, api, trtexec, versions, default=default)


def _number(name: str, check: values.Check, trtexec: str, versions: Versions = _BOTH) -> Option:
    return Option(name, "number", check, f"IBuilderConfig.{name}", trtexec, versions)


def _enum(name: str, enum: str, trtexec: str, versions: Versions = _BOTH) -> Option:
    return Option(
        name, "enum", values.member, f"IBuilderConfig.{name}", trtexec, versions, enum=enum
    )


def _other(
    name: str, check: values.Check, api: str, trtexec: str, versions: Versions = _BOTH,
    default: object = None,
) -> Option:  # fmt: skip
    return Option(name, "other", check, api, trtexec, versions, default=default)


def _load(
    name: str, check: values.Check, api: str, trtexec: str, versions: Versions = _BOTH,
    default: object = None,
) -> Option:  # fmt: skip
    return Option(name, "load", check, api, trtexec, versions, default=default)


_ALL = (
    _number("builder_optimization_level", values.int_between(0, 5), "--builderOptimizationLevel"),
    _number("max_aux_streams", values.int_between(0, 1024), "--maxAuxStreams"),
    _number("max_num_tactics", values.int_between(1, 2**31 - 1), "--maxTactics", _10_16),
    _number("avg_timing_iterations", values.int_between(1, 2**31 - 1), "--avgTiming", _TENSORRT),
    _enum(
        "tiling_optimization_level",
        "TilingOptimizationLevel",
        "--tilingOptimizationLevel",
        _10_16_AND_RTX,
    ),
    _number("l2_limit_for_tiling", values.int_between(0, 2**63 - 1), "--l2LimitForTiling",
            _10_16_AND_RTX),
    _enum(
        "hardware_compatibility_level",
        "HardwareCompatibilityLevel",
        "--hardwareCompatibilityLevel",
        _TENSORRT,
    ),
    _enum("profiling_verbosity", "ProfilingVerbosity", "--profilingVerbosity"),
    _other("memory_pool_limit_mib", values.by_member(values.mib),
           "IBuilderConfig.set_memory_pool_limit", "--memPoolSize"),
    _other("tactic_sources", values.by_member(values.flag),
           "IBuilderConfig.set_tactic_sources", "--tacticSources", _TENSORRT),
    _other("preview_features", values.by_member(values.flag),
           "IBuilderConfig.set_preview_feature", "--preview"),
    _other("compute_capabilities", values.members,
           "IBuilderConfig.set_compute_capability", "--computeCapabilities", _RTX),
    _other("strongly_typed", values.flag,
           "NetworkDefinitionCreationFlag.STRONGLY_TYPED", "--stronglyTyped", default=True),
    _flag("tf32", "--noTF32", default=True),
    _flag("fp16", "--fp16", _TENSORRT_10),
    _flag("bf16", "--bf16", _TENSORRT_10),
    _flag("int8", "--int8", _TENSORRT_10),
    _flag("fp8", "--fp8", _TENSORRT_10),
    _flag("int4", "--int4", _10_16_UNTIL_11),
    _flag("strict_nans", "", _10_16_AND_RTX),
    _flag("sparse_weights", "--sparsity"),
    _flag("direct_io", "--directIO"),
    _flag("distributive_independence", "--distributiveIndependence", _10_16_AND_RTX),
    _flag("refit", "--refit"),
    _flag("version_compatible", "--versionCompatible", _TENSORRT),
    _flag("exclude_lean_runtime", "--excludeLeanRuntime", _TENSORRT),
    _flag("disable_compilation_cache", "--noCompilationCache", _TENSORRT),
    _flag("disable_timing_cache", "--noBuilderCache", _TENSORRT),
    _flag("error_on_timing_cache_miss", "--errorOnTimingCacheMiss", _TENSORRT),
    _other("timing_cache", values.flag_or_file,
           "IBuilderConfig.set_timing_cache", "--timingCacheFile", _TENSORRT, default=False),
    _flag("gpu_fallback", "--allowGPUFallback", _TENSORRT),
    _other("DLA_core", values.int_between(0, 1024), "IBuilderConfig.DLA_core", "--useDLACore",
           _TENSORRT),
    _other("plugins", values.files,
           "IPluginRegistry.load_library", "--staticPlugins, --dynamicPlugins", _TENSORRT),
    _flag("weight_streaming", "--allowWeightStreaming"),
    _flag("strip_plan", "--stripWeights"),
    _other("allowed_formats", values.by_tensor(values.member_set),
           "ITensor.allowed_formats", "--inputIOFormats, --outputIOFormats"),
    _other("dtype", values.by_tensor(values.member),
           "ITensor.dtype", "--inputIOFormats, --outputIOFormats", _TENSORRT_10),
    _other("configure_key", values.text, "IBuilderConfig", ""),
    _load("optimization_profile", values.int_between(0, 1023),
          "IExecutionContext.set_optimization_profile_async", "--useProfile", default=0),
    _load("engine_host_code_allowed", values.flag, "Runtime.engine_host_code_allowed", "",
          default=False),
    _load("weight_streaming_budget_mib", values.mib,
          "ICudaEngine.weight_streaming_budget_v2", "--weightStreamingBudget", _10_16_AND_RTX),
)  # fmt: skip

OPTIONS: Mapping[str, Option] = MappingProxyType({option.name: option for option in _ALL})
"""By name, in the order in which they are applied: TensorRT refuses some of them before others."""

BYTES_PER_MIB = 1 << 20
"""The unit of options that end in ``_mib``."""

FILE_OPTIONS = ("plugins", "timing_cache")
"""Options whose values are paths."""

PLAN_OPTIONS = (*(one.name for one in _ALL if one.kind == "load"), "plugins", "DLA_core")
"""Options for a plan that the user gives in the place of a model: they matter when it is loaded."""

Precision: TypeAlias = Literal["fp16", "bf16", "int8", "fp8", "int4"]
PRECISIONS: tuple[str, ...] = get_args(Precision)
"""What ``precision=`` takes: each is the flag of that name."""

OWN = "own"
"""The precision that the file has, as without ``precision=``; None is the same."""


class CheckedOptions(Mapping[str, Any]):
    """Build options whose values fit, in one order and spelling. `checked_options` makes them."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = dict(values)

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"CheckedOptions({self._values!r})"


def checked_options(
    options: Mapping[str, Any], find: Callable[[Path], Path] = Path
) -> CheckedOptions:
    """The options in one order and spelling, with ``precision`` resolved to its flag.

    Options that were checked before are returned as they are.

    Args:
        find: where the path in an option is.

    Raises:
        ValueError: an option is unknown, or its value does not fit.
    """
    if isinstance(options, CheckedOptions):
        return options
    given = dict(options)
    if (precision := given.pop("precision", None)) not in (None, OWN):
        given[_precision(precision, given)] = True
    if unknown := sorted(set(given) - set(OPTIONS)):
        raise ValueError(
            f"unknown build option {', '.join(map(repr, unknown))}; known are "
            f"precision, configure, {', '.join(OPTIONS)}"
        )
    values = {name: _checked(name, given[name]) for name in OPTIONS if name in given}
    for name in FILE_OPTIONS:
        if isinstance(paths := values.get(name), list):
            values[name] = [str(find(Path(path))) for path in paths]
        elif isinstance(paths, str):
            values[name] = str(find(Path(paths)))
    return CheckedOptions(values)


def without_defaults(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that differ from TensorRT's defaults: the others may as well be absent."""
    return {name: value for name, value in options.items() if value != OPTIONS[name].default}


def is_strongly_typed(options: Mapping[str, Any]) -> bool:
    """Whether the ONNX file decides the types, as it does unless a precision is asked for."""
    asked = any(options.get(name) for name in PRECISIONS)
    return bool(options.get("strongly_typed", not asked))


def _precision(value: object, given: Mapping[str, Any]) -> str:
    if not isinstance(value, str) or value.lower() not in PRECISIONS:
        raise ValueError(
            f"build option precision={value!r}: it takes one of {PRECISIONS}, or {OWN!r} or None "
            "for the types that the file has, which are fp32 in most"
        )
    if value.lower() in given:
        raise ValueError(f"build options precision and {value.lower()} mean the same: give one")
    return value.lower()


def _checked(name: str, value: object) -> Any:
    try:
        return OPTIONS[name].check(value)
    except ValueError as wanted:
        raise ValueError(f"build option {name}={value!r}: it takes {wanted}") from None
