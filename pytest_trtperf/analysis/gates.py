"""Which numbers of a measurement are compared with its baseline, and what change is tolerated."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from pytest_trtperf.analysis.change import Baseline, Change, Level
from pytest_trtperf.analysis.costs import COSTS
from pytest_trtperf.analysis.machine import allow_for_machine
from pytest_trtperf.analysis.metrics import engine_metric
from pytest_trtperf.analysis.regression import judge_change
from pytest_trtperf.analysis.shift import Shift
from pytest_trtperf.analysis.spread import SessionFigure
from pytest_trtperf.analysis.summary import QUANTILES

TOLERANCE, P99_TOLERANCE = 0.05, 0.10
"""What is tolerated by default: of the median and throughput, and of P99."""

LEAST_QUERIES_FOR_P99 = 500
"""Queries that a round needs before its P99 is compared: of fewer it is one of the worst draws."""


class RoundStatistics(Protocol):
    """What is kept of a round; `quantiles` are those of `QUANTILES`, in milliseconds."""

    @property
    def queries(self) -> int: ...  # noqa: D102
    @property
    def throughput(self) -> float: ...  # noqa: D102
    @property
    def quantiles(self) -> Mapping[str, Sequence[float]]: ...  # noqa: D102


@dataclass(frozen=True)
class Gate:
    """One compared number. `tolerance` is a share.

    `kind` is median, p99 or throughput; of what an engine costs beside its queries, its name.
    """

    metric: str
    kind: str
    tolerance: float

    @property
    def name(self) -> str:
        """As it is shown: `gpu_compute median`, `latency P99`, `throughput`."""
        if self.is_cost:
            return COSTS[self.kind].title
        if self.kind == "throughput":
            return self.kind
        return f"{self.metric} {self.kind.replace('p', 'P')}"

    @property
    def unit(self) -> str:
        """The unit of the compared values."""
        if self.is_cost:
            return COSTS[self.kind].unit
        return "qps" if self.kind == "throughput" else "ms"

    @property
    def is_cost(self) -> bool:
        """Whether it is one of `COSTS`, which no round has."""
        return self.kind in COSTS

    def values(self, rounds: Sequence[RoundStatistics]) -> list[float]:
        """The compared number of each round."""
        if self.kind == "throughput":
            return [round.throughput for round in rounds]
        index = QUANTILES.index(0.5 if self.kind == "median" else 0.99)
        return [float(round.quantiles[self.metric][index]) for round in rounds]


def closed_load_gates(metrics: Container[str]) -> tuple[Gate, ...]:
    """The gates under a closed load, for the metrics that a backend measures."""
    return (
        Gate(engine_metric(metrics), "median", TOLERANCE),
        Gate("latency", "p99", P99_TOLERANCE),
        Gate("throughput", "throughput", TOLERANCE),
    )


OPEN_LOAD_GATES = (Gate("response", "median", TOLERANCE), Gate("response", "p99", P99_TOLERANCE))
"""The gates under an open load, whose throughput is the rate that was asked for."""


def too_few_for_p99(gate: Gate, rounds: Sequence[RoundStatistics]) -> bool:
    """Whether a round is too short for its P99 to be compared."""
    return gate.kind == "p99" and any(r.queries < LEAST_QUERIES_FOR_P99 for r in rounds)


def judge_gate(
    gate: Gate,
    sessions: Sequence[Sequence[RoundStatistics]],
    baseline: Baseline,
    level: Level,
    *,
    shift: Shift | None = None,
    disturbance: float = 0.0,
    machine: float | None = None,
) -> Change:
    """The change of a gate's number in sessions of rounds, see `judge_change`.

    Args:
        machine: how much longer a fixed calculation takes, as a ratio; None where that is not
            known. See `allow_for_machine`.
    """
    change = judge_change(
        [SessionFigure.of(gate.values(rounds)) for rounds in sessions],
        baseline,
        level,
        higher_is_better=gate.kind == "throughput",
        shift=shift,
        disturbance=disturbance,
    )
    return change if machine is None else allow_for_machine(change, machine, level.tolerance)
