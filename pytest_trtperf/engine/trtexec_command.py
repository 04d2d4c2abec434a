"""trtexec's command line -> what `trt_engine` takes; whatever has no counterpart is named."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pytest_trtperf.engine import trtexec_values as values
from pytest_trtperf.engine.onnx_outline import outline
from pytest_trtperf.errors import EngineBuildError

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
    "--builderOptimizationLevel": ("builder_optimization_level", values.whole),
    "--maxAuxStreams": ("max_aux_streams", values.whole),
    "--maxTactics": ("max_num_tactics", values.whole),
    "--avgTiming": ("avg_timing_iterations", values.whole),
    "--tilingOptimizationLevel": ("tiling_optimization_level", values.tiling_level),
    "--l2LimitForTiling": ("l2_limit_for_tiling", values.whole),
    "--hardwareCompatibilityLevel": ("hardware_compatibility_level", values.hardware_level),
    "--profilingVerbosity": ("profiling_verbosity", str),
    "--memPoolSize": ("memory_pool_limit_mib", values.memory_pools),
    "--tacticSources": ("tactic_sources", values.tactic_sources),
    "--preview": ("preview_features", values.preview_features),
    "--computeCapabilities": ("compute_capabilities", values.compute_capabilities),
    "--sparsity": ("sparse_weights", values.sparsity),
    "--timingCacheFile": ("timing_cache", str),
    "--useDLACore": ("DLA_core", values.whole),
    "--useProfile": ("optimization_profile", values.whole),
    "--weightStreamingBudget": ("weight_streaming_budget_mib", values.budget_mib),
}

# A member of DataType -> what the file calls it, where that differs.
_ONNX_TYPES: Mapping[str, str] = {"float": "float32", "half": "float16", "bf16": "bfloat16"}
_PATH_FLAGS = ("--onnx", "--loadEngine")
_PLUGIN_FLAGS = ("--staticPlugins", "--dynamicPlugins", "--plugins")
_SHAPE_FLAGS = ("--minShapes", "--optShapes", "--maxShapes")
_FORMAT_FLAGS = ("--inputIOFormats", "--outputIOFormats")
_WITH_VALUE = (
    *(*_VALUES, *_PATH_FLAGS, *_PLUGIN_FLAGS, *_SHAPE_FLAGS, *_FORMAT_FLAGS),
    *("--shapes", "--profile"),
)
# They change nothing of the engine, and nothing of a measurement.
_WITHOUT_EFFECT = ("--verbose", "--buildOnly", "--skipInference", "--saveEngine", "--explicitBatch")

_INSTEAD: Mapping[str, str] = {
    "--best": "name the precisions, such as --fp16",
    "--calib": "calibrate ahead, with modelopt.onnx.quantization",
    "--device": "choose the GPU by CUDA_VISIBLE_DEVICES",
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
    """What was found so far; ``profiles`` are in the order of ``--profile``.

    ``formats`` are by their flag, since trtexec goes by the order of the model's tensors.
    """

    path: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    profiles: list[dict[str, dict[str, str]]] = field(default_factory=list)
    shapes: dict[str, str] | None = None
    formats: dict[str, list[tuple[str, list[str]]]] = field(default_factory=dict)
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
        except values.Unusable as instead:
            reading.problems.append(f"{argument}: {instead}")
    profiles = _profiles(reading)
    if reading.formats and reading.path is not None:
        _name_formats(reading, find(Path(reading.path)))
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
            raise values.Unusable("takes no value")
        options.update(_SWITCHES[flag])
    elif flag in _WITHOUT_EFFECT:
        return
    elif flag in _WITH_VALUE and not value:
        raise values.Unusable("needs a value")
    elif flag in _PATH_FLAGS:
        reading.path = value
    elif flag in _VALUES:
        name, convert = _VALUES[flag]
        options[name] = convert(value)
    elif flag in _PLUGIN_FLAGS:
        options.setdefault("plugins", []).append(value)
    elif flag in _FORMAT_FLAGS:
        reading.formats[flag] = values.io_formats(value)
    elif flag == "--profile":
        if values.whole(value) != len(reading.profiles):
            raise values.Unusable("give --profile=0, --profile=1 and so on, each before its shapes")
        reading.profiles.append({})
    elif flag in _SHAPE_FLAGS:
        if not reading.profiles:
            reading.profiles.append({})
        reading.profiles[-1][flag] = values.shapes(value)
    elif flag == "--shapes":
        reading.shapes = values.shapes(value)
    else:
        raise values.Unusable(_INSTEAD.get(flag, "unknown or not supported"))


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


def _name_formats(reading: _Reading, onnx: Path) -> None:
    """Types and formats by tensor; one alone is for all, as in trtexec."""
    model = outline(onnx)
    dtypes: dict[str, str] = {}
    allowed: dict[str, list[str]] = {}
    for flag, found in reading.formats.items():
        names = model.inputs if flag == "--inputIOFormats" else model.outputs
        if len(found) not in (1, len(names)):
            listed = ", ".join(names) or "none"
            reading.problems.append(f"{flag}: {len(found)} formats, and the model has {listed}")
            continue
        for name, (dtype, formats) in zip(names, found * len(names), strict=False):
            allowed[name] = formats
            # A type that a tensor has already need not be asked for; few networks take another.
            if model.tensors[name].split()[0] != _ONNX_TYPES.get(dtype, dtype):
                dtypes[name] = dtype
    reading.options |= {"allowed_formats": allowed} if allowed else {}
    reading.options |= {"dtype": dtypes} if dtypes else {}
