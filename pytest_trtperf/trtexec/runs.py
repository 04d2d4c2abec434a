"""The queries that trtexec measured -> a run of a baseline."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from pytest_trtperf.analysis.gates import LEAST_QUERIES_FOR_P99
from pytest_trtperf.analysis.summary import quantiles
from pytest_trtperf.baseline.schema import (
    BaselineEntry,
    BaselineRound,
    BaselineRun,
    BaselineSession,
)
from pytest_trtperf.errors import BaselineError
from pytest_trtperf.trtexec.read_exports import TimedQuery

UNKNOWN_PLAN = "trtexec"
"""Stands for the plan's SHA-256, and the engine's digest, where nobody gave them."""

ROUND_MS = 200.0
MIN_ROUNDS = 5
MAX_ROUNDS = 30
_MIN_QUERIES = 2

_SIGNIFICANT_DIGITS = 6  # what a C++ stream prints by default
_COARSENESS = 1000  # a round is at least so many steps of its time stamps long


def imported_run(
    queries: Sequence[TimedQuery],
    *,
    recorded: str,
    plan: str = UNKNOWN_PLAN,
    software: Mapping[str, str] | None = None,
    layers: Mapping[str, float] | None = None,
) -> BaselineRun:
    """The run of a baseline that trtexec measured, cut into rounds of about 200 ms.

    There are 5 to 30 rounds of equally many queries, in the order of completion. Rounds are
    longer than 200 ms if these have too few queries to compare a P99, if trtexec ran long, or if
    six digits are too coarse. A round lasts from the last completion of the round before it to
    its own last completion, so each query counts with the time that it added. The first query of
    all only starts the clock. Pauses count, as in trtexec; our own exports have a pause after
    each round.

    Args:
        recorded: ISO 8601, UTC.
        plan: the SHA-256 of the plan that trtexec ran, if known.
        layers: median milliseconds by layer, of `import_profile`.

    Raises:
        BaselineError: there are too few queries, or too short a time, for 5 rounds.
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
        sessions=[BaselineSession(rounds=rounds)],
        layers=dict(layers or {}),
    )


def imported_entry(
    run: BaselineRun,
    *,
    mode: Mapping[str, bool | int | float | str],
    shapes: Mapping[str, Sequence[int]],
    engine: str | None = None,
) -> BaselineEntry:
    """The baseline entry of a run; `engine` is the plan's SHA-256 unless given."""
    return BaselineEntry(
        engine=run.plan if engine is None else engine,
        mode=dict(mode),
        shapes={name: list(shape) for name, shape in shapes.items()},
        runs=[run],
    )


def _marks(end: npt.NDArray[np.float64]) -> list[int]:
    """The indices of ascending completions (ms) at which rounds begin and end."""
    queries, span = end.size - 1, float(end[-1] - end[0])
    if queries < MIN_ROUNDS * _MIN_QUERIES or round(span / ROUND_MS) < MIN_ROUNDS:
        raise BaselineError(
            f"{end.size} queries over {span:.0f} ms are too few for a baseline, which has at least "
            f"{MIN_ROUNDS} rounds of {ROUND_MS:.0f} ms: run trtexec with --duration=3 or more "
            f"and --iterations={10 * MIN_ROUNDS} or more"
        )
    coarse_ms = _COARSENESS * 10 ** (math.floor(math.log10(end[-1])) + 1 - _SIGNIFICANT_DIGITS)
    number = min(
        MAX_ROUNDS,
        round(span / ROUND_MS),
        queries // LEAST_QUERIES_FOR_P99,
        int(span / coarse_ms),
    )
    marks = np.linspace(0, queries, max(MIN_ROUNDS, number) + 1)
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
        raise BaselineError(f"{name} is 0 for half of the queries of a round: nothing was measured")
    result: list[float] = quantiles(values).tolist()
    return result
