"""trtexec's command line -> the arguments of `trt_engine`; an error names all it cannot take."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from pytest_trtperf.engine.options import checked_options
from pytest_trtperf.engine.shapes import parse_profiles
from pytest_trtperf.engine.spec import PLAN_SUFFIXES, is_plan
from pytest_trtperf.engine.type_names import numpy_name
from pytest_trtperf.errors import ShapeError
from pytest_trtperf.onnx_file.outline import outline
from pytest_trtperf.trtexec import values
from pytest_trtperf.trtexec.arguments import (
    no_arguments,
    problem_of,
    read_words,
    refusal,
    unknown,
)
from pytest_trtperf.trtexec.measuring_flags import MEASURING
from pytest_trtperf.trtexec.unsupported import INSTEAD

_SWITCHES: Mapping[str, Mapping[str, Any]] = {
    **{f"--{name}": {name: True} for name in ("fp16", "bf16", "int8", "fp8", "int4", "refit")},
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
    "--profilingVerbosity": ("profiling_verbosity", values.verbosity),
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

_PATH_FLAGS = ("--onnx", "--loadEngine")
_PLUGIN_FLAGS = ("--staticPlugins", "--dynamicPlugins", "--plugins")
_NAMING_FILES = (*_PATH_FLAGS, *_PLUGIN_FLAGS, "--timingCacheFile")
_SHAPE_FLAGS = ("--minShapes", "--optShapes", "--maxShapes")
_PROFILE_FLAGS = (*_SHAPE_FLAGS, "--profile", "--shapes")
_FORMAT_FLAGS = ("--inputIOFormats", "--outputIOFormats")
_WITH_VALUE = (*_VALUES, *_PATH_FLAGS, *_PLUGIN_FLAGS, *_PROFILE_FLAGS, *_FORMAT_FLAGS)
_REPEATABLE = (*_PLUGIN_FLAGS, "--profile")
# They change neither the engine nor a measurement.
_WITHOUT_EFFECT = ("--verbose", "--buildOnly", "--skipInference", "--saveEngine", "--explicitBatch")

KNOWN = frozenset((*_SWITCHES, *_WITH_VALUE, *_WITHOUT_EFFECT, *INSTEAD, *MEASURING))
"""All options of trtexec, taken here or not."""


class TrtexecCommand(NamedTuple):
    """What a trtexec command builds or loads.

    Attributes:
        path: of the model or plan.
        shapes: of each optimization profile.
        options: build options.
        saved: the file that trtexec would write, which nothing here does; empty without one.
    """

    path: Path
    shapes: list[dict[str, Any]]
    options: dict[str, Any]
    saved: str = ""


@dataclass
class _Reading:
    """The arguments that were read so far.

    Attributes:
        given: flags that may not come again; those of shapes may, in another profile.
        paths, formats: by flag; formats are in the order of the model's tensors, as in trtexec.
        profiles: by the number after ``--profile``; shapes go to the last one.
        saved: the value of ``--saveEngine``.
    """

    given: set[str] = field(default_factory=set)
    paths: dict[str, str] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    profiles: dict[int, dict[str, dict[str, str]]] = field(default_factory=dict)
    shapes: dict[str, str] | None = None
    formats: dict[str, list[tuple[str | None, list[str]]]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    saved: str = ""


def read_command(
    command: str | Sequence[str] | Path, find: Callable[[Path], Path] = Path
) -> TrtexecCommand:
    """Reads what trtexec would build or load.

    Args:
        command: arguments as for a shell, as a list, or the path of a file that holds them.
        find: finds the file of a path.

    Raises:
        ValueError: it is not a trtexec command, or some arguments are unknown or unsupported; the
            message names all of them. Those that only measure are left to `read_measuring`.
        TypeError: the command is neither text, list nor path.
        EngineBuildError: the file cannot be read.
    """
    reading = _Reading()
    arguments, others = read_words(command, find)
    for argument in arguments:
        flag, _, value = argument.partition("=")
        try:
            _read_argument(reading, flag, value)
        except ValueError as problem:
            reading.problems.append(problem_of(argument, problem))
    if others:
        reading.problems.append(no_arguments(others))
    profiles = _profiles(reading)
    if len(reading.paths) != 1:
        reading.problems.append("one of --onnx= and --loadEngine= has to be given")
    elif reading.formats:
        _name_formats(reading, find)
    if reading.problems:
        raise refusal("trt_engine.from_trtexec", reading.problems)
    (path,) = reading.paths.values()
    return TrtexecCommand(Path(path), profiles, reading.options, reading.saved)


def _read_argument(reading: _Reading, flag: str, value: str) -> None:
    if flag in _WITH_VALUE:
        _check_value(reading, flag, value)
    if flag in _NAMING_FILES:
        value = os.path.expanduser(value)  # noqa: PTH111  # unknown users stay as written
    if flag in _SWITCHES:
        if value:
            raise values.Unusable("takes no value")
        _set_options(reading, _SWITCHES[flag])
    elif flag == "--saveEngine":
        reading.saved = value
    elif flag in _WITHOUT_EFFECT or (flag in MEASURING and flag not in _WITH_VALUE):
        return
    elif flag in _PATH_FLAGS:
        reading.paths[flag] = value
        if (flag == "--loadEngine") != is_plan(Path(value)):
            raise values.Unusable(
                f"here plans end in {', '.join(PLAN_SUFFIXES)}, and models do not"
            )
    elif flag in _VALUES:
        name, convert = _VALUES[flag]
        found = {name: convert(value)}
        checked_options(found)  # for its errors alone
        _set_options(reading, found)
    elif flag in _PLUGIN_FLAGS:
        reading.options.setdefault("plugins", []).append(value)
    elif flag in _FORMAT_FLAGS:
        reading.formats[flag] = values.io_formats(value)
    elif flag in _PROFILE_FLAGS:
        _read_shapes(reading, flag, value)
    else:
        raise values.Unusable(INSTEAD.get(flag) or unknown(flag, KNOWN))


def _set_options(reading: _Reading, found: Mapping[str, Any]) -> None:
    for name, value in found.items():
        if reading.options.setdefault(name, value) != value:
            raise values.Unusable("contradicts an argument before it: keep one")


def _check_value(reading: _Reading, flag: str, value: str) -> None:
    if not value:
        raise values.Unusable(f"needs a value: {flag}=…")
    if flag in reading.given:
        raise values.Unusable(f"{flag} was given before: keep one")
    if flag not in _REPEATABLE:
        reading.given.add(flag)


def _read_shapes(reading: _Reading, flag: str, value: str) -> None:
    if flag == "--profile":
        number = values.whole(value)
        if number in reading.profiles:
            raise values.Unusable("give each --profile once, and before its shapes")
        reading.profiles[number] = {}
        reading.given -= {*_SHAPE_FLAGS}
        return
    shapes = values.shapes(value)
    parse_profiles(shapes)  # for its errors alone
    if flag == "--shapes":
        reading.shapes = shapes
        return
    if not reading.profiles:
        reading.profiles[0] = {}
    *_, current = reading.profiles.values()
    current[flag] = shapes


def _profiles(reading: _Reading) -> list[dict[str, Any]]:
    """The profiles; missing min, opt or max shapes are filled in as trtexec does."""
    # Beside those of a profile, or of a plan, they are of the measurement alone.
    if reading.shapes is not None and not reading.profiles and "--loadEngine" not in reading.paths:
        return [dict(reading.shapes)]
    if sorted(reading.profiles) != list(range(len(reading.profiles))):
        reading.problems.append("give --profile=0, --profile=1 and so on, without a gap")
    completed = []
    for number, given in sorted(reading.profiles.items()):
        if not given:
            reading.problems.append(f"--profile={number}: its shapes have to follow")
            continue
        low, best, high = (given.get(flag) for flag in _SHAPE_FLAGS)
        first, middle, last = low or best or high, best or high or low, high or best or low
        if not (first and middle and last and first.keys() == middle.keys() == last.keys()):
            reading.problems.append(
                "--minShapes, --optShapes and --maxShapes have to name the same inputs"
            )
            continue
        completed.append({name: (first[name], middle[name], last[name]) for name in first})
    try:
        parse_profiles(completed)
    except ShapeError as problem:
        reading.problems.append(f"--minShapes, --optShapes and --maxShapes: {problem}")
    return completed


def _name_formats(reading: _Reading, find: Callable[[Path], Path]) -> None:
    """Sets types and formats by tensor; a single one is for all, as in trtexec."""
    if "--onnx" not in reading.paths:
        reading.problems.append(f"{', '.join(reading.formats)}: a plan has its formats already")
        return
    model = outline(find(Path(reading.paths["--onnx"])))
    if model.problem:
        reading.problems.append(f"--onnx={reading.paths['--onnx']}: {model.problem}")
        return
    dtypes: dict[str, str] = {}
    allowed: dict[str, list[str]] = {}
    for flag, found in reading.formats.items():
        names = model.inputs if flag == "--inputIOFormats" else model.outputs
        if len(found) not in (1, len(names)):
            listed = ", ".join(names) or "none"
            reading.problems.append(f"{flag}: {len(found)} formats, and the model has {listed}")
            continue
        if flag == "--inputIOFormats" and (both := {*names} & {*model.outputs}):
            reading.problems.append(
                f"{flag}: {', '.join(sorted(both))} is also an output, and TensorRT renames such "
                "an input: put an Identity before the output"
            )
            continue
        each = found * len(names) if len(found) == 1 else found
        for name, (dtype, formats) in zip(names, each, strict=True):
            allowed[name] = formats
            # The tensor's own type is not asked for: few networks accept any other.
            if dtype and model.tensors[name].split()[0] != numpy_name(dtype):
                dtypes[name] = dtype
    reading.options |= {"allowed_formats": allowed} if allowed else {}
    reading.options |= {"dtype": dtypes} if dtypes else {}
