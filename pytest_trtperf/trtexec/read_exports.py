"""trtexec's own results as baselines: its exported times, its profile and its command line.

NVIDIA/TensorRT, samples/common: sampleReporting.cpp writes the files, sampleOptions.cpp reads the
command line, sampleInference.cpp has the loop.
"""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Mapping, Sequence
from itertools import pairwise
from os import PathLike
from typing import Annotated, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from pytest_trtperf.analysis.gates import LEAST_QUERIES_FOR_P99
from pytest_trtperf.analysis.layers import Layer
from pytest_trtperf.analysis.summary import quantiles
from pytest_trtperf.baseline.schema import BaselineEntry, BaselineRound, BaselineRun
from pytest_trtperf.engine.shapes import parse_shape
from pytest_trtperf.errors import BaselineError, ShapeError

Mode = dict[str, bool | int | float | str]

UNKNOWN_PLAN = "trtexec"
"""Stands for the plan's checksum, and the engine's digest, where nobody said which it was."""

MAX_BYTES = 1 << 29
ROUND_MS = 200.0
LEAST_ROUNDS = 5
MOST_ROUNDS = 30
LEAST_QUERIES = 2

_SIGNIFICANT_DIGITS = 6  # what a C++ stream prints unless told otherwise
_COARSENESS = 1000  # a round is at least so many steps of its time stamps long

# A year of milliseconds: nothing above it is a time that trtexec measured.
Time = Annotated[float, msgspec.Meta(ge=0, le=4e10)]


def _key(name: str) -> str:
    """`start_h2d_ms` as trtexec has it, `startH2dMs`; msgspec's own rule makes it `startH2DMs`."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


class TimedQuery(msgspec.Struct, frozen=True, kw_only=True, rename=_key, gc=False):
    """One query of `--exportTimes`, in milliseconds.

    Time stamps have six digits only, so a duration has a field of its own.
    """

    start_enq_ms: Time
    end_enq_ms: Time
    start_h2d_ms: Time
    end_h2d_ms: Time
    start_compute_ms: Time
    end_compute_ms: Time
    start_d2h_ms: Time
    end_d2h_ms: Time
    h2d_ms: Time
    compute_ms: Time
    d2h_ms: Time
    latency_ms: Time


class _Count(msgspec.Struct, frozen=True):
    count: Annotated[int, msgspec.Meta(ge=1)]


class _ProfiledLayer(msgspec.Struct, frozen=True, kw_only=True, rename=_key):
    name: str
    time_ms: Time
    average_ms: Time
    median_ms: Time
    percentage: Annotated[float, msgspec.Meta(ge=0, le=101)]


_T = TypeVar("_T")


def import_times(data: bytes, path: str | PathLike[str]) -> list[TimedQuery]:
    """The queries in a file of `--exportTimes`, in its order; `path` is only named in errors.

    Raises:
        BaselineError: not JSON, no query, a wrong type or value; names file and place.
    """
    queries = _decoded(data, path, "times", list[TimedQuery])
    if not queries:
        raise _flaw(path, "times", "$", "there is no query in it")
    for number, query in enumerate(queries):
        for stage in ("h2d", "compute", "d2h"):
            if getattr(query, f"end_{stage}_ms") < getattr(query, f"start_{stage}_ms"):
                raise _flaw(path, "times", f"$[{number}]", f"its {stage} ends before it starts")
    return queries


def import_profile(data: bytes, path: str | PathLike[str]) -> list[Layer]:
    """The layers in a file of `--exportProfile`, in its order; `path` is only named in errors.

    As everywhere, a layer's share is of the sum of the medians; trtexec's percentage is of the
    sum of the total times, and is not kept.

    Raises:
        BaselineError: not JSON, no layer, a wrong type or value; names file and place.
    """
    # Two passes: the first element is of another type than the rest.
    raw = _decoded(data, path, "profile", list[msgspec.Raw])
    if len(raw) < 2:
        raise _flaw(path, "profile", "$", "there is no layer in it")
    _decoded(bytes(raw[0]), path, "profile", _Count, "$[0]")
    layers = [
        _decoded(bytes(item), path, "profile", _ProfiledLayer, f"$[{number}]")
        for number, item in enumerate(raw[1:], start=1)
    ]
    whole = sum(layer.median_ms for layer in layers)
    return [
        Layer(
            name=layer.name,
            median_ms=layer.median_ms,
            average_ms=layer.average_ms,
            total_ms=layer.time_ms,
            share=layer.median_ms / whole if whole else 0.0,
        )
        for layer in layers
    ]


def baseline_run(
    queries: Sequence[TimedQuery],
    *,
    recorded: str,
    plan: str = UNKNOWN_PLAN,
    software: Mapping[str, str] | None = None,
    layers: Mapping[str, float] | None = None,
) -> BaselineRun:
    """The run of a baseline that trtexec measured, cut into rounds of about 200 ms.

    Rounds are longer where 200 ms have too few queries for a P99 that can be compared, where
    trtexec ran long, or where six digits are too coarse; there are 5 to 30 of them, of equally
    many queries in the order of completion. A round lasts from one completion to another, the
    last of the round before it and its own last: so every query counts with the time that it
    added, whatever overlaps at the ends. The first query of all only starts the clock. Pauses
    count, as in trtexec; an export of ours has one after each of its own rounds.

    Args:
        recorded: ISO 8601, UTC.
        plan: the sha256 of the plan that trtexec ran, if known.
        layers: median milliseconds by layer, of `import_profile`.

    Raises:
        BaselineError: too few queries or too short a time for 5 rounds; says what would do.
    """
    table = np.array([(query.end_d2h_ms, query.latency_ms, query.compute_ms) for query in queries])
    end, latency, compute = table[np.argsort(table[:, 0], kind="stable")].T
    rounds = [
        BaselineRound(
            queries=last - first,
            throughput=1e3 * (last - first) / _span(end, first, last),
            quantiles={
                "latency": _quantiles("latencyMs", latency[first + 1 : last + 1]),
                "gpu_compute": _quantiles("computeMs", compute[first + 1 : last + 1]),
            },
        )
        for first, last in pairwise(_marks(end))
    ]
    return BaselineRun(
        recorded=recorded,
        plan=plan,
        software=dict(software or {}),
        rounds=rounds,
        layers=dict(layers or {}),
    )


def baseline_entry(
    run: BaselineRun,
    *,
    mode: Mapping[str, bool | int | float | str],
    shapes: Mapping[str, Sequence[int]],
    engine: str | None = None,
) -> BaselineEntry:
    """The baseline entry of a run; `engine` is its plan's checksum unless given."""
    return BaselineEntry(
        engine=run.plan if engine is None else engine,
        mode=dict(mode),
        shapes={name: list(shape) for name, shape in shapes.items()},
        runs=[run],
    )


def mode_of_trtexec(arguments: str, version: int = 10) -> Mode:
    """The mode in which trtexec measures with these arguments, in the words of our sessions.

    Args:
        arguments: trtexec's command line, quoted as for a shell.
        version: TensorRT's major version: 11 turned most defaults round.

    Raises:
        BaselineError: trtexec would not take an option like this, or no session of ours measures
            like this.
    """
    options = _options(arguments)
    for name, reason in _INCOMPARABLE.items():
        if name in options:
            raise BaselineError(f"trtexec's {name} {reason}: measure again without it")
    if version >= 11:
        # Its --noDataTransfers, --useSpinWait and --useCudaGraph are accepted and do nothing.
        transfers = "--includeDataTransfers" in options
        spin_wait = "--noSpinWait" not in options
        cuda_graph = "--noCudaGraph" not in options
    else:
        if new := sorted(_NEW_IN_11 & options.keys()):
            raise BaselineError(f"{', '.join(new)}: only trtexec of version 11 has this option")
        transfers = "--noDataTransfers" not in options
        spin_wait = "--useSpinWait" in options
        cuda_graph = "--useCudaGraph" in options
    streams = "--infStreams" if "--infStreams" in options else "--streams"
    return {
        "transfers": transfers,
        "spin_wait": spin_wait,
        "cuda_graph": cuda_graph,
        "streams": _whole(streams, options.get(streams, "1")),
        "concurrency": 1 if "--exposeDMA" in options else 2,
        "inputs": "seeded",
        "seed": 0,
        "load": "closed",
        "idle_ms": _milliseconds("--idleTime", options.get("--idleTime", "0")),
    }


def shapes_of_trtexec(arguments: str) -> dict[str, list[int]]:
    """The input shapes that trtexec measures with these arguments, as far as they say it.

    As in trtexec, an input that `--shapes` leaves out has the optimum of the engine that the same
    command builds, or else its maximum or minimum.

    Raises:
        BaselineError: a shape cannot be read.
    """
    options = _options(arguments)
    built = next((name for name in _PROFILE_SHAPES if name in options), None)
    shapes: dict[str, list[int]] = {}
    for option in (built, "--shapes"):
        if option is not None and option in options:
            shapes |= _shapes(option, options[option])
    return shapes


_INCOMPARABLE = {
    "--loadInputs": "feeds values that this command line does not tell",
    "--refPair": "feeds values that this command line does not tell",
    "--useManagedMemory": "copies in a way that pytest-trtperf does not measure",
}
_NEW_IN_11 = {"--includeDataTransfers", "--noSpinWait", "--noCudaGraph"}
_PROFILE_SHAPES = ("--optShapes", "--maxShapes", "--minShapes")


def _decoded(
    data: bytes, path: str | PathLike[str], kind: str, expected: type[_T], place: str = "$"
) -> _T:
    if len(data) > MAX_BYTES:
        reason = f"it is larger than {MAX_BYTES >> 20} MiB; run trtexec with a smaller --duration"
        raise _flaw(path, kind, place, reason)
    try:
        return msgspec.json.decode(data, type=expected)
    except msgspec.ValidationError as error:
        reason, _, inner = str(error).partition(" - at `$")
        raise _flaw(path, kind, place + inner.rstrip("`"), reason) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        reason = f"this is not JSON as trtexec writes it: {error}"
        if "truncated" in str(error):
            place = f"byte {len(data)}"
        raise _flaw(path, kind, place, reason) from error


def _flaw(path: str | PathLike[str], kind: str, place: str, reason: str) -> BaselineError:
    option = f"--export{kind.capitalize()}"
    return BaselineError(
        f"trtexec's {kind} {path}, at {place}: {reason}. Export it again with trtexec {option}=…"
    )


def _marks(end: npt.NDArray[np.float64]) -> list[int]:
    """The places in ascending completions (ms) from one to the next of which a round lasts."""
    queries, span = end.size - 1, float(end[-1] - end[0])
    if queries < LEAST_ROUNDS * LEAST_QUERIES or round(span / ROUND_MS) < LEAST_ROUNDS:
        raise BaselineError(
            f"{end.size} queries over {span:.0f} ms are too few for a baseline, which has at least "
            f"{LEAST_ROUNDS} rounds of {ROUND_MS:.0f} ms: run trtexec with --duration=3 or more "
            f"and --iterations={10 * LEAST_ROUNDS} or more"
        )
    coarse_ms = _COARSENESS * 10 ** (math.floor(math.log10(end[-1])) + 1 - _SIGNIFICANT_DIGITS)
    number = min(
        MOST_ROUNDS,
        round(span / ROUND_MS),
        queries // LEAST_QUERIES_FOR_P99,
        int(span / coarse_ms),
    )
    marks = np.linspace(0, queries, max(LEAST_ROUNDS, number) + 1)
    return [int(mark) for mark in np.round(marks)]


def _span(end: npt.NDArray[np.float64], first: int, last: int) -> float:
    span = float(end[last] - end[first])
    if span <= 0:
        raise BaselineError(
            f"{last - first} queries all end at {end[last]:g} ms: these time stamps are too "
            f"coarse for a throughput; run trtexec with a smaller --duration"
        )
    return span


def _quantiles(name: str, values: npt.NDArray[np.float64]) -> list[float]:
    if np.median(values) <= 0:
        raise BaselineError(f"{name} is 0 for half of the queries of a round: that is no measure")
    result: list[float] = quantiles(values).tolist()
    return result


def _options(arguments: str) -> dict[str, str]:
    """trtexec's options by name; what follows the first `=` is the value, the rest is skipped."""
    try:
        words = shlex.split(arguments)
    except ValueError as error:
        raise BaselineError(f"trtexec's arguments {arguments!r}: {error}") from error
    options: dict[str, str] = {}
    for word in words:
        name, _, value = word.partition("=")
        if options.get(name, value) != value:
            raise BaselineError(f"trtexec's arguments have {name} twice, with different values")
        if name.startswith("-"):
            options[name] = value
    return options


def _whole(name: str, value: str) -> int:
    if not re.fullmatch(r"[0-9]{1,6}", value) or not int(value):
        raise BaselineError(f"trtexec's {name}={value}: a whole number of at least 1 is expected")
    return int(value)


def _milliseconds(name: str, value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        raise BaselineError(f"trtexec's {name}={value}: milliseconds of at least 0 are expected")
    return number


def _shapes(option: str, value: str) -> dict[str, list[int]]:
    shapes: dict[str, list[int]] = {}
    for item in value.split(","):
        # As trtexec has it: a name may contain colons, and may stand in single quotes.
        name, _, text = item.rpartition(":")
        name = name.replace("'", "")
        if not (name and text):
            raise BaselineError(f"trtexec's {option}={value}: {item!r} is not NAME:SHAPE")
        try:
            shapes[name] = [] if text == "scalar" else list(parse_shape(text))
        except ShapeError as error:
            raise BaselineError(f"trtexec's {option}={value}: {error}") from error
    return shapes
