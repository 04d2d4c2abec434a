"""trtexec's command line -> what `trt_engine` takes; whatever has no counterpart is named."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pytest_trtperf.errors import EngineBuildError

_UNITS_IN_MIB: Mapping[str, float] = {"B": 2.0**-20, "K": 2.0**-10, "M": 1.0, "G": 2.0**10}
_POOLS: Mapping[str, str] = {
    "workspace": "workspace",
    "dlaSRAM": "dla_managed_sram",
    "dlaLocalDRAM": "dla_local_dram",
    "dlaGlobalDRAM": "dla_global_dram",
    "tacticSharedMem": "tactic_shared_memory",
}
_PREVIEW_FEATURES: Mapping[str, str] = {
    "profileSharing0806": "profile_sharing_0806",
    "aliasedPluginIO1003": "aliased_plugin_io_10_03",
    "runtimeActivationResize": "runtime_activation_resize_10_10",
}
_HARDWARE_LEVELS: Mapping[str, str] = {
    "none": "none",
    "ampere+": "ampere_plus",
    "samecomputecapability": "same_compute_capability",
}
_TILING_LEVELS = ("none", "fast", "moderate", "full")


class _Unusable(Exception):
    """An argument that has no counterpart; the text says what to do instead."""


def _size_mib(text: str, default_unit: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([BKMG]?)(?:i?B)?", text, re.IGNORECASE)
    if match is None:
        raise _Unusable(f"{text!r} is no size such as 512M")
    return float(match[1]) * _UNITS_IN_MIB[match[2].upper() or default_unit]


def _whole(text: str) -> int:
    if not re.fullmatch(r"\d{1,18}", text):
        raise _Unusable(f"{text!r} is no whole number")
    return int(text)


def _one_of(names: Mapping[str, str], text: str) -> str:
    if text not in names:
        raise _Unusable(f"{text!r} is none of {', '.join(names)}")
    return names[text]


def _pairs(text: str) -> list[tuple[str, str]]:
    """``name:value,name:value``; a name in single quotes may hold colons and commas."""
    pair = r"(?:'([^']*)'|([^:,']+)):([^,:]*)"
    if not re.fullmatch(rf"{pair}(?:,{pair})*", text):
        raise _Unusable(f"{text!r} is not written name:value,name:value")
    return [(m[1] or m[2], m[3]) for m in re.finditer(pair, text)]


def _shapes(text: str) -> dict[str, str]:
    shapes = dict(_pairs(text))
    if starred := [name for name in shapes if "*" in name]:
        raise _Unusable(f"write out the names that {starred[0]} stands for")
    return {name: "" if shape == "scalar" else shape for name, shape in shapes.items()}


def _switches(text: str, names: Mapping[str, str] | None = None) -> dict[str, bool]:
    """``+A,-B``"""
    if not re.fullmatch(r"[+-]\w+(,[+-]\w+)*", text):
        raise _Unusable(f"{text!r} is not written +NAME,-NAME")
    parts = text.split(",")
    return {(_one_of(names, p[1:]) if names else p[1:]): p[0] == "+" for p in parts}


def _tactic_sources(text: str) -> dict[str, bool]:
    switches = _switches(text)
    return {"cublas_lt" if n.lower() == "cublaslt" else n: on for n, on in switches.items()}


def _memory_pools(text: str) -> dict[str, float]:
    return {_one_of(_POOLS, name): _size_mib(size, "M") for name, size in _pairs(text)}


def _hardware_level(text: str) -> str:
    return _one_of(_HARDWARE_LEVELS, text.lower())


def _tiling_level(text: str) -> str:
    level = _whole(text)
    if level >= len(_TILING_LEVELS):
        raise _Unusable(f"levels end at {len(_TILING_LEVELS) - 1}")
    return _TILING_LEVELS[level]


def _sparsity(text: str) -> bool:
    if text == "force":
        raise _Unusable("weights are not overwritten here: prune the model, then 'enable'")
    return _one_of({"enable": "1", "disable": ""}, text) == "1"


def _budget_mib(text: str) -> float:
    if not re.fullmatch(r"[1-9][\d.]*[BKMGbkmg]?", text):
        raise _Unusable("give a size such as 512M; percentages and -1 are not supported")
    return _size_mib(text, "B")


def _compute_capabilities(text: str) -> list[str]:
    return [f"SM{_whole(one)}" for one in text.split(",")]


_SWITCHES: Mapping[str, Mapping[str, Any]] = {
    **{f"--{name}": {name: True} for name in ("fp16", "bf16", "int8", "fp8", "refit")},
    "--noTF32": {"tf32": False},
    "--stronglyTyped": {"strongly_typed": True},
    "--directIO": {"direct_io": True},
    "--distributiveIndependence": {"distributive_independence": True},
    "--stripWeights": {"strip_plan": True},
    "--stripAllWeights": {"strip_plan": True, "refit": True},
    "--versionCompatible": {"version_compatible": True},
    "--vc": {"version_compatible": True},
    "--excludeLeanRuntime": {"exclude_lean_runtime": True},
    "--allowWeightStreaming": {"weight_streaming": True},
    "--allowGPUFallback": {"gpu_fallback": True},
    "--noBuilderCache": {"disable_timing_cache": True},
    "--noCompilationCache": {"disable_compilation_cache": True},
    "--errorOnTimingCacheMiss": {"error_on_timing_cache_miss": True},
    "--useGpu": {"compute_capabilities": ["current"]},
}

_VALUES: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "--builderOptimizationLevel": ("builder_optimization_level", _whole),
    "--maxAuxStreams": ("max_aux_streams", _whole),
    "--maxTactics": ("max_num_tactics", _whole),
    "--avgTiming": ("avg_timing_iterations", _whole),
    "--tilingOptimizationLevel": ("tiling_optimization_level", _tiling_level),
    "--l2LimitForTiling": ("l2_limit_for_tiling", _whole),
    "--hardwareCompatibilityLevel": ("hardware_compatibility_level", _hardware_level),
    "--profilingVerbosity": ("profiling_verbosity", str),
    "--memPoolSize": ("memory_pool_limit_mib", _memory_pools),
    "--tacticSources": ("tactic_sources", _tactic_sources),
    "--preview": ("preview_features", lambda text: _switches(text, _PREVIEW_FEATURES)),
    "--computeCapabilities": ("compute_capabilities", _compute_capabilities),
    "--sparsity": ("sparse_weights", _sparsity),
    "--timingCacheFile": ("timing_cache", str),
    "--useDLACore": ("DLA_core", _whole),
    "--useProfile": ("optimization_profile", _whole),
    "--weightStreamingBudget": ("weight_streaming_budget_mib", _budget_mib),
}

_PATH_FLAGS = ("--onnx", "--loadEngine")
_PLUGIN_FLAGS = ("--staticPlugins", "--dynamicPlugins", "--plugins")
_SHAPE_FLAGS = ("--minShapes", "--optShapes", "--maxShapes")
_WITH_VALUE = (*_VALUES, *_PATH_FLAGS, *_PLUGIN_FLAGS, *_SHAPE_FLAGS, "--shapes", "--profile")
# They change nothing of the engine, and nothing of a measurement.
_WITHOUT_EFFECT = ("--verbose", "--buildOnly", "--skipInference", "--saveEngine", "--explicitBatch")

_INSTEAD: Mapping[str, str] = {
    "--best": "name the precisions, such as --fp16",
    "--calib": "calibrate ahead, with modelopt.onnx.quantization",
    "--device": "choose the GPU by CUDA_VISIBLE_DEVICES",
    "--inputIOFormats": "not supported: inputs are in the model's own types, in linear format",
    "--outputIOFormats": "not supported: outputs are in the model's own types, in linear format",
    "--workspace": "--memPoolSize=workspace:MIB",
    "--useCudaGraph": "trt_measure(cuda_graph=True)",
    "--noCudaGraph": "trt_measure(cuda_graph=False)",
    "--useSpinWait": "trt_measure(spin_wait=True), which is the default",
    "--noSpinWait": "trt_measure(spin_wait=False)",
    "--noDataTransfers": "trt_measure(transfers=False)",
    "--includeDataTransfers": "trt_measure(transfers=True), which is the default",
    "--exposeDMA": "trt_measure(concurrency=1)",
    "--infStreams": "trt_measure(streams=N)",
    "--streams": "trt_measure(streams=N)",
    "--idleTime": "trt_measure(idle_ms=MS)",
    "--warmUp": "trt_measure(warm_up_ms=MS)",
    "--duration": "trt_measure(max_time=S)",
    "--iterations": "trt_measure(round_queries=N)",
    "--avgRuns": "trt_measure(round_queries=N)",
    "--loadInputs": "trt_measure(inputs={'x': 'x.bin'})",
    "--percentile": "perf.percentile(P) or perf.assert_percentile(P, ms=…)",
    "--exportTimes": "pytest --trtperf-export-times=DIRECTORY",
    "--exportProfile": "pytest --trtperf-export-profile=DIRECTORY",
    "--dumpProfile": "perf.layers()",
    "--separateProfileRun": "perf.layers(), which always is one",
    "--dumpLayerInfo": "perf.layers()",
    "--exportLayerInfo": "perf.layers()",
}


@dataclass
class _Reading:
    """What was found so far; ``profiles`` are in the order of ``--profile``."""

    path: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    profiles: list[dict[str, dict[str, str]]] = field(default_factory=list)
    shapes: dict[str, str] | None = None
    problems: list[str] = field(default_factory=list)


def read_command(
    command: str | Sequence[str] | Path, find: Callable[[Path], Path] = Path
) -> tuple[Path, list[dict[str, Any]], dict[str, Any]]:
    """Model or plan, shapes of each optimization profile, and build options.

    Args:
        command: arguments as for a shell, as a list, or the path of a file that holds them.
        find: where a path is.

    Raises:
        ValueError: names all arguments that are unknown, unsupported, or for `trt_measure`.
        EngineBuildError: the file cannot be read.
    """
    arguments = _arguments(command, find)
    reading = _Reading()
    for argument in arguments:
        flag, _, value = argument.partition("=")
        try:
            _read_argument(reading, flag, value)
        except _Unusable as instead:
            reading.problems.append(f"{argument}: {instead}")
    profiles = _profiles(reading)
    if reading.path is None:
        reading.problems.append("--onnx= is missing, or --loadEngine=")
    if reading.problems:
        listed = "\n  ".join(reading.problems)
        raise ValueError(f"trt_engine.from_trtexec cannot take these arguments:\n  {listed}")
    return Path(str(reading.path)), profiles, reading.options


def _arguments(command: str | Sequence[str] | Path, find: Callable[[Path], Path]) -> list[str]:
    if isinstance(command, Path) or (isinstance(command, str) and _is_path(command)):
        path = find(Path(command))
        try:
            command = path.read_text(encoding="utf-8")
        except OSError as error:
            raise EngineBuildError(f"{path}: cannot be read: {error.strerror}") from error
    if isinstance(command, str):
        try:
            command = shlex.split(command.replace("\\\n", " "), comments=True)
        except ValueError as error:
            raise ValueError(f"{command!r} is no command line: {error}") from None
    arguments = list(command)
    is_program = arguments and re.fullmatch(r"(.*/)?(trtexec|tensorrt_rtx)", arguments[0])
    return arguments[1:] if is_program else arguments


def _is_path(text: str) -> bool:
    return bool(text.strip()) and "--" not in text


def _read_argument(reading: _Reading, flag: str, value: str) -> None:
    options = reading.options
    if flag in _SWITCHES:
        if value:
            raise _Unusable("takes no value")
        options.update(_SWITCHES[flag])
    elif flag in _WITHOUT_EFFECT:
        return
    elif flag in _WITH_VALUE and not value:
        raise _Unusable("needs a value")
    elif flag in _PATH_FLAGS:
        reading.path = value
    elif flag in _VALUES:
        name, convert = _VALUES[flag]
        options[name] = convert(value)
    elif flag in _PLUGIN_FLAGS:
        options.setdefault("plugins", []).append(value)
    elif flag == "--profile":
        if _whole(value) != len(reading.profiles):
            raise _Unusable("give --profile=0, --profile=1 and so on, each before its shapes")
        reading.profiles.append({})
    elif flag in _SHAPE_FLAGS:
        if not reading.profiles:
            reading.profiles.append({})
        reading.profiles[-1][flag] = _shapes(value)
    elif flag == "--shapes":
        reading.shapes = _shapes(value)
    else:
        raise _Unusable(_INSTEAD.get(flag, "unknown or not supported"))


def _profiles(reading: _Reading) -> list[dict[str, Any]]:
    """Missing ones of min, opt and max are filled as trtexec fills them."""
    if reading.shapes is not None:
        if reading.profiles:
            reading.problems.append("--shapes beside --optShapes: trt_measure(shapes=…)")
        return [dict(reading.shapes)]
    completed = []
    for given in reading.profiles:
        low, best, high = (given.get(flag) for flag in _SHAPE_FLAGS)
        first, middle, last = low or best or high, best or high or low, high or best or low
        if not (first and middle and last and first.keys() == middle.keys() == last.keys()):
            reading.problems.append(
                "--minShapes, --optShapes and --maxShapes have to name the same inputs"
            )
            continue
        completed.append({name: (first[name], middle[name], last[name]) for name in first})
    return completed
