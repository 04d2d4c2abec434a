"""What a baseline can show, in the words that recording it ends with."""

from __future__ import annotations

import re

import pytest

from pytest_trtperf.baseline.schema import (
    BaselineEntry,
    BaselineRound,
    BaselineRun,
    BaselineSession,
)
from pytest_trtperf.judge.policy import Policy
from pytest_trtperf.judge.repository import Repository, what_it_finds
from tests.judge.compared import rounds


def said(levels: tuple[float, ...]) -> str:
    """What a baseline of sessions at these levels is said to show."""
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
    entry = BaselineEntry(engine="e", mode={"load": "closed"}, shapes={}, runs=[run])
    return what_it_finds(entry, Repository(lambda: [entry]), Policy(), comparisons=1)


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
