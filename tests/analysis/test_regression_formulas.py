"""The rule of a comparison, number by number: variances are known so well that t is normal."""

from __future__ import annotations

import math

import pytest
from scipy import stats

from pytest_trtperf.analysis.change import (
    INTERVAL,
    MOST_RUNS,
    RED_BY_CHANCE,
    SUSPICIOUS,
    Baseline,
    Change,
    Level,
)
from pytest_trtperf.analysis.moderation import Variance
from pytest_trtperf.analysis.regression import judge_change
from pytest_trtperf.analysis.shift import Shift
from pytest_trtperf.analysis.spread import UNKNOWN, SessionFigure, Spread, StoredRun
from pytest_trtperf.analysis.verdict import Reason, Status
from tests.analysis.sessions import judge, run

SURE = 1e6
SESSION, RUN, DAY = (Variance(sd**2, SURE) for sd in (0.004, 0.006, 0.01))
NO_DAY = Variance(0.0, SURE)
Z = stats.norm.ppf((1 + INTERVAL) / 2)


def runs_of(count: int, sessions: int = 3) -> list[StoredRun]:
    return [run(*[1.0] * sessions, label=f"{number}") for number in range(count)]


def half_width(change: Change) -> float:
    return (math.log(change.upper) - math.log(change.lower)) / 2


@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize(("runs", "stored"), [(1, 3), (2, 3), (5, 2), (8, 1)])
def test_runs_and_days(count: int, runs: int, stored: int) -> None:
    change = judge([1.0] * count, runs_of(runs, stored), spread=Spread(SESSION, RUN, DAY))
    fewer = max(1 / count - 1 / stored, 0)
    variance = (RUN.value + DAY.value) * (1 + 1 / runs) + SESSION.value * fewer
    assert half_width(change) == pytest.approx(Z * math.sqrt(variance), rel=1e-4)
    assert (change.runs, change.sessions) == (runs, count)


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize(("runs", "stored"), [(1, 3), (4, 2)])
def test_sessions_alone(count: int, runs: int, stored: int) -> None:
    change = judge([1.0] * count, runs_of(runs, stored), spread=Spread(SESSION, day=NO_DAY))
    variance = SESSION.value * (1 / count + 1 / (runs * stored))
    assert half_width(change) == pytest.approx(Z * math.sqrt(variance), rel=1e-4)


def test_days_that_nothing_shows() -> None:
    change = judge([1.0], runs_of(1), spread=Spread(SESSION))
    own, day = SESSION.value * 4 / 3, UNKNOWN.value * 2
    freedom = (own + day) ** 2 / (own**2 / SURE + day**2 / UNKNOWN.freedom)
    expected = stats.t.ppf((1 + INTERVAL) / 2, freedom) * math.sqrt(own + day)
    assert half_width(change) == pytest.approx(expected, rel=1e-4)
    seen = judge([1.0], runs_of(2), spread=Spread(SESSION, RUN))
    variance = RUN.value * 3 / 2 + SESSION.value * (1 - 1 / 3)
    assert half_width(seen) == pytest.approx(Z * math.sqrt(variance), rel=1e-4)


@pytest.mark.parametrize("excess", [0.0, 1e-4])
@pytest.mark.parametrize("controls", [5, 50])
def test_shift_of_the_machine(excess: float, controls: int) -> None:
    usual = RUN.value * 3 / 2 + SESSION.value * (1 - 1 / 3)
    by_chance = usual * (1 + 2 * math.sqrt(2 / controls))
    around = Variance(by_chance + excess, SURE)
    shift = Shift(0.05, Variance(0.002**2, SURE), around, controls)
    change = judge([1.05] * 2, runs_of(2), spread=Spread(SESSION, RUN, DAY), shift=shift)
    variance = 0.002**2 + RUN.value * 3 / 2 + SESSION.value * (1 / 2 - 1 / 3) + excess
    assert half_width(change) == pytest.approx(Z * math.sqrt(variance), rel=1e-4)
    assert math.log(change.ratio) == pytest.approx(math.log(1.05) - 0.05)
    assert change.shift == pytest.approx(math.expm1(0.05))
    assert change.controls == controls


def test_no_shift() -> None:
    change = judge([1.0], runs_of(2), spread=Spread(SESSION, RUN, DAY))
    assert (change.shift, change.controls) == (0.0, 0)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_rounds_that_vary(count: int) -> None:
    rounds = Variance(0.1**2, 4.0)
    change = judge_change(
        [SessionFigure(0.0, rounds, 5)] * count,
        Baseline(runs_of(2), Spread(SESSION, RUN, NO_DAY)),
        Level(0.02),
    )
    expected = stats.t.ppf((1 + INTERVAL) / 2, 4 * count) * math.sqrt(0.1**2 / 5 / count)
    assert half_width(change) == pytest.approx(expected, rel=1e-4)


def test_own_spread_of_runs_is_without_their_days() -> None:
    few = Variance(0.006**2, 4.0)
    runs = [run(math.exp(0.02), label="a"), run(math.exp(-0.02), label="b")]
    known = Spread(SESSION, few, NO_DAY, {"a": 0.02, "b": -0.02})
    shown = half_width(judge([1.0], runs, spread=known))
    value = 4 / 5 * few.value
    assert shown == pytest.approx(stats.t.ppf(0.975, 5) * math.sqrt(value * 3 / 2), rel=1e-3)
    own = 2 * 0.02**2
    shown = half_width(judge([1.0], runs, spread=Spread(SESSION, few, NO_DAY)))
    value = (4 * few.value + own) / 5
    assert shown == pytest.approx(stats.t.ppf(0.975, 5) * math.sqrt(value * 3 / 2), rel=1e-3)


@pytest.mark.parametrize("day", [NO_DAY, DAY])
@pytest.mark.parametrize(("gates", "tests"), [(1, 1), (3, 1), (3, 200)])
def test_what_chance_explains(day: Variance, gates: int, tests: int) -> None:
    own = RUN.value * 3 / 2 + SESSION.value * (1 / 2 - 1 / 3)
    limit = stats.norm.ppf(1 - RED_BY_CHANCE / 2 / (gates * tests)) * math.sqrt(own)
    limit += stats.norm.ppf(1 - RED_BY_CHANCE / 2) * math.sqrt(day.value * 3 / 2)
    for factor, status in ((0.999, Status.INCONCLUSIVE), (1.001, Status.FAIL)):
        change = judge(
            [math.exp(factor * limit)] * 2, runs_of(2), 1e-4,
            spread=Spread(SESSION, RUN, day), gates=gates, tests=tests,
        )  # fmt: skip
        # With one gate of one test the interval of 95 % is the stricter of the two.
        needs = 1e-4 + half_width(change)
        if needs < limit:
            assert change.verdict.status is status
        assert (change.verdict.status is Status.FAIL) <= (factor > 1)


@pytest.mark.parametrize("gates", [1, 3])
def test_what_is_suspicious(gates: int) -> None:
    sd = math.sqrt(RUN.value * 3 / 2 + SESSION.value * 2 / 3)
    limit = stats.norm.ppf(1 - SUSPICIOUS / gates) * sd
    for factor in (0.999, 1.001):
        change = judge(
            [math.exp(factor * limit)], runs_of(2), 1e-4,
            spread=Spread(SESSION, RUN, NO_DAY), gates=gates,
        )  # fmt: skip
        assert change.suspicious == (factor > 1)
        assert change.suspicion == pytest.approx(factor * limit / sd, rel=1e-4)


def test_nothing_varies() -> None:
    nothing = Spread(NO_DAY, NO_DAY, NO_DAY)
    change = judge([1.01], runs_of(2), spread=nothing)
    assert change.suspicion == 0.0
    assert change.verdict.status is Status.PASS
    assert change.lower == change.upper == pytest.approx(1.01)


@pytest.mark.parametrize("higher_is_better", [False, True])
def test_the_verdict_has_the_numbers_of_the_change(higher_is_better: bool) -> None:
    change = judge(
        [1.005], runs_of(2), 0.05,
        spread=Spread(SESSION, RUN, NO_DAY), higher_is_better=higher_is_better,
    )  # fmt: skip
    verdict = change.verdict
    assert verdict.status is Status.PASS
    assert (verdict.value, verdict.lower, verdict.upper) == (
        change.ratio, change.lower, change.upper,
    )  # fmt: skip
    assert change.lower < change.ratio < change.upper
    assert verdict.limit == pytest.approx(1 / 1.05 if higher_is_better else 1.05)
    assert verdict.message == ""


@pytest.mark.parametrize("runs", [1, 2, 3])
def test_how_many_runs_are_needed(runs: int) -> None:
    spread = Spread(SESSION, Variance(0.0105**2, SURE), NO_DAY)

    def half(count: int) -> float:
        return float(Z * math.sqrt(0.0105**2 * (1 + 1 / count) + SESSION.value * (1 / 2 - 1 / 3)))

    for tolerance in (0.0215, 0.022, 0.0225, 0.023, 0.024, 0.027, 0.05):
        widest = math.log1p(2 * tolerance)
        slow = [math.exp(widest)] * 2
        change = judge(slow, runs_of(runs), tolerance, spread=spread, tests=10**9)
        enough = [n for n in range(runs + 1, MOST_RUNS + 1) if 2 * half(n) <= widest]
        is_noisy = 2 * half(runs) > widest
        assert change.runs_needed == (enough[0] if enough and is_noisy else None)
        assert (change.verdict.reason is Reason.TOO_NOISY) == is_noisy


@pytest.mark.parametrize(
    ("levels", "reason"),
    [
        ([1.08], Reason.ONE_SESSION),
        ([1.03], Reason.OVERLAPS_LIMIT),
        ([1.16, 1.01], Reason.OVERLAPS_LIMIT),
    ],
)
def test_why_it_is_open(levels: list[float], reason: Reason) -> None:
    spread = Spread(SESSION, Variance(0.008**2, SURE), NO_DAY)
    change = judge(levels, runs_of(2), 0.025, spread=spread, tests=10**9)
    assert (change.verdict.status, change.verdict.reason) == (Status.INCONCLUSIVE, reason)


@pytest.mark.parametrize(
    ("level", "tolerance", "status"),
    [
        (1.24, 0.02, Status.INCONCLUSIVE),
        (1.26, 0.02, Status.FAIL),
        (1.35, 0.2, Status.INCONCLUSIVE),
        (1.45, 0.2, Status.FAIL),
    ],
)
def test_one_session_is_enough_far_beyond_the_widest_tolerance(
    level: float, tolerance: float, status: Status
) -> None:
    change = judge([level], runs_of(2), tolerance, spread=Spread(SESSION, RUN, NO_DAY))
    assert change.verdict.status is status
