"""What a baseline can show, in the words that recording it ends with."""

from __future__ import annotations

import re

import pytest

from pytest_trtperf.analysis.change import Level
from pytest_trtperf.analysis.gates import closed_load_gates, judge_gate
from pytest_trtperf.baseline.schema import (
    BaselineEntry,
    BaselineRound,
    BaselineRun,
    BaselineSession,
)
from pytest_trtperf.judge.policy import Policy
from pytest_trtperf.judge.repository import Repository, baseline_figure, what_it_finds
from tests.judge.compared import rounds


def entry_of(levels: tuple[float, ...]) -> BaselineEntry:
    """A baseline of one run whose sessions are at these levels."""
    sessions = [
        BaselineSession(
            rounds=[
                BaselineRound(
                    queries=one.queries, throughput=one.throughput, quantiles=one.quantiles
                )
                for one in rounds(level, 0.001)
            ]
        )
        for level in levels
    ]
    run = BaselineRun(recorded="2026-01-01T00:00:00Z", plan="p", software={}, sessions=sessions)
    return BaselineEntry(engine="e", mode={"load": "closed"}, shapes={}, runs=[run])


def said(levels: tuple[float, ...]) -> str:
    """What a baseline of sessions at these levels is said to show."""
    entry = entry_of(levels)
    return what_it_finds(entry, Repository(lambda: [entry]), Policy(), comparisons=1)


@pytest.mark.parametrize("levels", [(1.0,), (1.0, 1.5, 1.6), (0.3, 17.0, 18.0)])
def test_a_baseline_is_shown_by_the_number_that_runs_are_compared_with(
    levels: tuple[float, ...],
) -> None:
    entry = entry_of(levels)
    for gate in closed_load_gates(entry.rounds[0].quantiles):
        baseline = Repository(lambda: [entry]).baseline(entry, gate)  # asked now
        change = judge_gate(gate, [rounds(1.0, 0.001)], baseline, Level(0.05, 3, 1))
        assert baseline_figure(entry, gate) == pytest.approx(change.baseline)


def test_a_baseline_of_no_time_is_shown_as_that() -> None:
    still = BaselineRound(queries=1, throughput=1.0, quantiles={"latency": [0.0] * 21})
    sessions = [BaselineSession(rounds=[still] * 5)]
    run = BaselineRun(recorded="2026-01-01", plan="p", software={}, sessions=sessions)
    entry = BaselineEntry(engine="e", mode={}, shapes={}, runs=[run])
    gate = closed_load_gates({"latency"})[0]
    assert baseline_figure(entry, gate) == 0.0


@pytest.mark.parametrize(
    ("levels", "size"), [((1.0, 1.001, 1.002), r"\d+\.\d%"), ((1.0, 4.0, 30.0), r"\d+(\.\d)?x")]
)
def test_a_baseline_says_the_least_slowdown_that_it_shows(
    levels: tuple[float, ...], size: str
) -> None:
    assert re.fullmatch(
        rf"3 sessions of 1 run can only show slowdowns of more than {size} \([^)]+\)"
        rf"(, {size} \([^)]+\))*, in 9 of 10 runs",
        said(levels),
    )
