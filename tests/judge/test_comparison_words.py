"""Why a comparison stays open, in words."""

from __future__ import annotations

import pytest

from pytest_trtperf.analysis.change import CONFIRMING, Baseline, Change, Level
from pytest_trtperf.analysis.moderation import Variance
from pytest_trtperf.analysis.regression import judge_change
from pytest_trtperf.analysis.spread import SessionFigure, Spread, StoredRun
from pytest_trtperf.analysis.verdict import Reason, Status
from pytest_trtperf.judge.comparison_words import accepted_by, undecided
from pytest_trtperf.judge.policy import BASELINE

SPREAD = Spread(Variance(0.003**2, 1e6), day=Variance(0.0, 1e6))


def judged(sessions: list[float], *, rate: bool = False, tolerance: float = 0.005) -> Change:
    """One number of 600, with a baseline of three runs; sessions that take so much longer."""
    runs = [StoredRun(label, (SessionFigure.of([1.0] * 5),) * 3) for label in "abc"]
    figures = [SessionFigure.of([1 / one if rate else one] * 5) for one in sessions]
    level = Level(tolerance, 3, 200)
    return judge_change(figures, Baseline(runs, SPREAD), level, higher_is_better=rate)


@pytest.mark.parametrize("rate", [False, True])
def test_one_session_that_shows_it_alone_is_not_called_close(rate: bool) -> None:
    change = judged([1.06, 1.006], rate=rate)
    assert (change.verdict.status, change.verdict.reason) == (
        Status.INCONCLUSIVE, Reason.OVERLAPS_LIMIT,
    )  # fmt: skip
    assert undecided(change, change.verdict, BASELINE) == (
        "among so many comparisons chance does as much, or one of the sessions alone does"
    )


@pytest.mark.parametrize("rate", [False, True])
def test_a_limit_within_the_interval_is_called_so(rate: bool) -> None:
    change = judged([1.008] * CONFIRMING, rate=rate)
    assert change.verdict.reason is Reason.OVERLAPS_LIMIT
    assert undecided(change, change.verdict, BASELINE) == "the limit lies within the interval"


@pytest.mark.parametrize(
    ("test", "quoted"),
    [("t.py::test_a", "t.py::test_a"), ("t.py::test_a[N=8, 1]", "'t.py::test_a[N=8, 1]'")],
)
def test_what_accepts_a_change_can_be_pasted(test: str, quoted: str) -> None:
    assert accepted_by(test) == (
        f"expected? pytest --trtperf --trtperf-update {quoted}, and commit the file"
    )


def test_one_slow_session_asks_for_fresh_ones() -> None:
    change = judged([1.06], tolerance=0.02)
    assert undecided(change, change.verdict, BASELINE) == "no fresh session has confirmed it"
