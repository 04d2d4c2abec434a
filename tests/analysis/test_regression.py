"""The rule of a comparison with a baseline."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pytest_trtperf.analysis.change import RED_BY_CHANCE, Baseline, Level
from pytest_trtperf.analysis.moderation import Variance
from pytest_trtperf.analysis.regression import judge_change
from pytest_trtperf.analysis.spread import UNKNOWN, SessionFigure, Spread, StoredRun
from pytest_trtperf.analysis.verdict import Reason, Status
from tests.analysis.sessions import KNOWN, SAME_DAY, judge, run, session, shift

LEVELS = st.lists(st.floats(0.7, 1.5), min_size=1, max_size=3)
RUNS = st.lists(LEVELS, min_size=1, max_size=8).map(lambda runs: [run(*levels) for levels in runs])


def test_unchanged_passes_and_is_not_suspicious() -> None:
    change = judge([1.0])
    assert (change.verdict.status, change.verdict.reason) == (Status.PASS, Reason.WITHIN_LIMIT)
    assert not change.suspicious


def test_interval_is_that_of_the_moderated_t() -> None:
    change = judge([1.01], [run(0.999, 1.0, 1.001)])
    own = np.log([0.999, 1.0, 1.001]).var(ddof=1)
    freedom = 200 + 2
    variance = (200 * 0.003**2 + 2 * own) / freedom * (1 + 1 / 3)
    half = stats.t.ppf(0.975, freedom) * math.sqrt(variance)
    expected = math.log(1.01) - np.log([0.999, 1.0, 1.001]).mean()
    assert math.log(change.lower) == pytest.approx(expected - half)
    assert math.log(change.upper) == pytest.approx(expected + half)


def test_run_to_run_spread_is_in_the_interval() -> None:
    runs = [run(1.0, 1.0, 1.0, label=label) for label in "abc"]
    spread = Spread(KNOWN.session, run=Variance(0.01**2, 100.0), day=SAME_DAY)
    wide, narrow = judge([1.0], runs, spread=spread), judge([1.0], runs)
    assert math.log(wide.upper) > 3 * math.log(narrow.upper)


def test_a_slow_session_is_suspicious_and_open() -> None:
    change = judge([1.035])
    assert change.suspicious
    assert (change.verdict.status, change.verdict.reason) == (
        Status.INCONCLUSIVE, Reason.ONE_SESSION,
    )  # fmt: skip
    assert change.suspicion == pytest.approx(math.log(1.035) / 0.003 / math.sqrt(4 / 3), rel=0.01)


@pytest.mark.parametrize("higher_is_better", [False, True])
def test_fresh_sessions_confirm(higher_is_better: bool) -> None:
    level = 1 / 1.035 if higher_is_better else 1.035
    change = judge([level, level], higher_is_better=higher_is_better)
    assert change.verdict.status is Status.FAIL
    assert change.verdict.reason is (Reason.UNDER_LIMIT if higher_is_better else Reason.OVER_LIMIT)
    assert change.ratio == pytest.approx(level)
    assert change.lower < level < change.upper


def test_each_fresh_session_has_to_show_it() -> None:
    assert judge([1.06, 1.06]).verdict.status is Status.FAIL
    assert judge([1.11, 1.015]).verdict.status is not Status.FAIL


def test_chance_over_all_tests_must_not_explain_a_failure() -> None:
    spread = Spread(Variance(0.01**2, 1e6), day=SAME_DAY)
    one = judge([1.034, 1.034], tolerance=0.005, spread=spread)
    many = judge([1.034, 1.034], tolerance=0.005, spread=spread, gates=3, tests=200)
    assert (one.verdict.status, many.verdict.status) == (Status.FAIL, Status.INCONCLUSIVE)
    sd = 0.01 * math.sqrt(1 / 2 + 1 / 3)
    limit = math.exp(stats.norm.ppf(1 - RED_BY_CHANCE / 2 / 600) * sd)
    for factor, status in ((0.999, Status.INCONCLUSIVE), (1.001, Status.FAIL)):
        found = judge([limit * factor] * 2, tolerance=0.005, spread=spread, gates=3, tests=200)
        assert found.verdict.status is status


def test_one_session_far_off_does_not_carry_the_mean() -> None:
    spread = Spread(Variance(0.01**2, 1e6), day=SAME_DAY)
    share = RED_BY_CHANCE / 2 / 600
    # What both of two sessions exceed as rarely as their mean exceeds its own limit.
    least = math.exp(stats.norm.ppf(1 - math.sqrt(share)) * 0.01 * math.sqrt(1 + 1 / 3))
    for factor, status in ((0.999, Status.INCONCLUSIVE), (1.001, Status.FAIL)):
        sessions = [1.2, least * factor]
        found = judge(sessions, tolerance=0.005, spread=spread, gates=3, tests=200)
        assert found.lower > 1.05
        assert found.verdict.status is status


def test_of_many_sessions_two_have_to_be_beyond_chance() -> None:
    spread = Spread(Variance(0.01**2, 1e6), day=SAME_DAY)
    how: dict[str, Any] = {"tolerance": 0.005, "spread": spread, "gates": 3, "tests": 200}
    assert judge([1.2, 1.02, 1.02, 1.02], **how).verdict.status is Status.INCONCLUSIVE
    assert judge([1.2, 1.04, 1.02, 1.02], **how).verdict.status is Status.FAIL


@pytest.mark.parametrize("numbers", [1, 600, 60_000])
def test_the_mde_is_what_the_mean_and_each_session_show(numbers: int) -> None:
    spread = Spread(Variance(0.01**2, 1e6), day=SAME_DAY)
    found = judge([1.0, 1.0], tolerance=0.005, spread=spread, gates=1, tests=numbers)
    share = RED_BY_CHANCE / 2 / numbers
    one, mean = (0.01 * math.sqrt(part + 1 / 3) for part in (1, 1 / 2))
    each = (stats.norm.ppf(1 - math.sqrt(share)) + stats.norm.ppf(math.sqrt(0.94))) * one
    limit = max(math.log(1.005) + stats.norm.ppf(0.975) * mean, stats.norm.ppf(1 - share) * mean)
    expected = max(each, limit + stats.norm.ppf(0.94) * mean)
    assert math.log1p(found.finds) == pytest.approx(expected, rel=1e-4)


def test_days_that_differ_are_in_the_interval_and_in_what_chance_explains() -> None:
    runs = [run(1.0, 1.0, 1.0, label=label) for label in "abc"]
    spread = Spread(KNOWN.session, Variance(1e-6, 1e6), Variance(0.01**2, 2.0))
    change = judge([1.04, 1.04], runs, spread=spread)
    assert change.verdict.status is Status.INCONCLUSIVE
    day = 0.01**2 * 4 / 3
    # hardly anything but the day, which two degrees of freedom are known of
    assert math.log(change.upper / change.ratio) == pytest.approx(
        stats.t.ppf(0.975, 2) * math.sqrt(day), rel=0.1
    )


def test_a_slower_machine_is_taken_from_the_change() -> None:
    change = judge([1.055, 1.055], shift=shift(0.05))
    assert change.verdict.status is Status.PASS
    assert change.verdict.reason is Reason.ENVIRONMENT
    assert change.ratio == pytest.approx(1.055 / 1.05)
    assert change.current / change.baseline == pytest.approx(1.055)
    assert change.shift == pytest.approx(0.05)
    assert change.controls == 20


def test_a_faster_machine_does_not_hide_a_slower_engine() -> None:
    assert judge([1.0], shift=shift(-0.05)).suspicious
    assert judge([1.0, 1.0], shift=shift(-0.05)).verdict.status is Status.FAIL


def test_runs_on_like_days_do_not_outvote_what_is_seen_today() -> None:
    assert KNOWN.day is not None
    assert KNOWN.day.value == 0
    change = judge([1.05], shift=shift(0.05))
    assert (change.verdict.status, change.suspicious) == (Status.PASS, False)


def test_engines_that_feel_the_machine_unlike_one_another_widen_the_interval() -> None:
    alike, unlike = shift(0.05), replace(shift(0.05), spread=Variance(0.02**2, 19.0))
    assert judge([1.08, 1.08], shift=alike).verdict.status is Status.FAIL
    assert judge([1.08, 1.08], shift=unlike).verdict.status is Status.INCONCLUSIVE


def test_one_run_each_does_not_know_its_day() -> None:
    known, unknown = judge([1.0]), judge([1.0], spread=Spread(KNOWN.session))
    assert math.log(unknown.upper) > 2 * math.log(known.upper)


@pytest.mark.parametrize("odd", [0.9, 1.1])
@pytest.mark.parametrize("runs", [3, 5, 8])
def test_an_odd_run_is_named_and_does_not_steer(runs: int, odd: float) -> None:
    stored = [run(1.0, 1.001, 0.999, label=str(number)) for number in range(runs - 1)]
    stored.insert(1, run(odd, odd, odd, label="odd"))
    change = judge([1.1, 1.1], stored, spread=Spread.of([stored]))
    assert change.odd_runs == ("odd",)
    assert change.verdict.status is Status.FAIL
    assert change.ratio == pytest.approx(1.1, rel=0.001)


def test_of_two_runs_none_is_odd() -> None:
    stored = [run(1.0, 1.0, 1.0, label="a"), run(1.1, 1.1, 1.1, label="b")]
    change = judge([1.05], stored, spread=Spread.of([stored]))
    assert change.odd_runs == ()
    assert change.verdict.status is Status.INCONCLUSIVE


def test_tolerance_is_widened_to_twice_itself_at_most() -> None:
    spread = Spread(Variance(0.006**2, 1e6), day=SAME_DAY)
    sd = 0.006 * math.sqrt(4 / 3)
    wide = judge([1.0], spread=spread)
    assert math.log1p(wide.widened) == pytest.approx(2 * 1.95996 * sd, rel=1e-3)
    noisy = judge([1.0], spread=Spread(Variance(0.02**2, 1e6), day=SAME_DAY))
    assert noisy.widened == pytest.approx(0.04)
    assert (noisy.verdict.status, noisy.verdict.reason) == (Status.INCONCLUSIVE, Reason.TOO_NOISY)
    assert judge([1.0]).widened == pytest.approx(0.02)


@pytest.mark.parametrize(
    ("level", "fails"), [(1.06, False), (1.12, False), (1.3, True), (3.01, True)]
)
def test_what_is_far_outside_every_explanation_fails_in_one_session(
    level: float, fails: bool
) -> None:
    spread = Spread(Variance(0.005**2, 1e6), day=SAME_DAY)
    assert (judge([level], tolerance=0.05, spread=spread).verdict.status is Status.FAIL) == fails


def test_three_times_slower_fails_however_much_sessions_vary() -> None:
    spread = Spread(Variance(0.5**2, 1e6), day=SAME_DAY)
    assert judge([3.01], spread=spread).verdict.status is Status.FAIL
    assert judge([2.9], spread=spread).verdict.status is Status.INCONCLUSIVE


def test_what_would_be_found_is_found_with_the_power_that_is_said() -> None:
    random = np.random.default_rng(0)
    spread = Spread(Variance(0.005**2, 1e6), day=SAME_DAY)
    found = 0
    for _ in range(400):
        runs = [run(*np.exp(random.normal(0, 0.005, 3)))]
        slowdown = math.log1p(judge([1.0], runs, spread=spread, gates=3, tests=50).finds)
        fresh = np.exp(random.normal(slowdown, 0.005, 2))
        change = judge(fresh, runs, spread=spread, gates=3, tests=50)
        found += change.verdict.status is Status.FAIL
    assert found / 400 == pytest.approx(0.9, abs=0.05)


def test_more_runs_find_smaller_slowdowns() -> None:
    finds = []
    for count in (1, 2, 3, 5, 8):
        runs = [run(1.0, 1.0, 1.0, label=str(number)) for number in range(count)]
        spread = Spread(KNOWN.session, run=Variance(0.003**2 / 3, 100.0))
        finds.append(judge([1.0], runs, spread=spread).finds)
    assert finds == sorted(finds, reverse=True)


def test_disturbance_explains_as_much() -> None:
    assert judge([1.3, 1.3], disturbance=0.5).verdict.status is Status.INCONCLUSIVE
    assert judge([1.6, 1.6], disturbance=0.5).verdict.status is Status.FAIL
    assert not judge([1.3], disturbance=0.5).suspicious


def test_improvement_is_sure() -> None:
    assert judge([0.9]).improved
    assert not judge([0.99]).improved
    assert judge([1.1], higher_is_better=True).improved


def test_rounds_that_vary_more_than_sessions_widen_the_interval() -> None:
    noisy = SessionFigure.of([0.9, 1.1, 0.95, 1.05, 1.0])
    change = judge_change([noisy], Baseline([run(1.0, 1.0, 1.0)], KNOWN), Level(0.02))
    assert change.upper - change.lower > 0.1


def test_runs_that_are_needed() -> None:
    change = judge([1.0], [run(1.0)], 0.009, spread=Spread(UNKNOWN, day=SAME_DAY))
    assert change.verdict.reason is Reason.TOO_NOISY
    assert change.runs_needed is not None
    assert 2 <= change.runs_needed <= 8
    assert judge([1.0], [run(1.0)], 0.001, spread=Spread(UNKNOWN, day=SAME_DAY)).runs_needed is None
    assert judge([1.0]).runs_needed is None


@given(LEVELS, RUNS, st.floats(0.005, 0.2))
def test_slower_and_faster_mirror_each_other(
    levels: list[float], runs: list[StoredRun], tolerance: float
) -> None:
    time = judge(levels, runs, tolerance, spread=Spread.of([runs]))
    inverse = [
        run(*(math.exp(-one.mean) for one in stored.sessions), label=stored.label)
        for stored in runs
    ]
    rate = judge(
        [1 / level for level in levels], inverse, tolerance, spread=Spread.of([inverse]),
        higher_is_better=True,
    )  # fmt: skip
    assert time.verdict.status == rate.verdict.status
    assert time.ratio * rate.ratio == pytest.approx(1)
    assert time.lower * rate.upper == pytest.approx(1)


@given(LEVELS, RUNS, st.floats(1, 2))
def test_slower_sessions_never_turn_a_failure_into_a_pass(
    levels: list[float], runs: list[StoredRun], factor: float
) -> None:
    spread = Spread.of([runs])
    before = judge(levels, runs, spread=spread).verdict.status
    after = judge([factor * level for level in levels], runs, spread=spread).verdict.status
    order = [Status.PASS, Status.INCONCLUSIVE, Status.FAIL]
    assert order.index(after) >= order.index(before)


@given(LEVELS, RUNS, st.floats(0.01, 100))
def test_the_unit_does_not_matter(levels: list[float], runs: list[StoredRun], unit: float) -> None:
    def in_unit(unit: float) -> list[StoredRun]:
        # Each run a little apart from the others: where two are as odd as each other, rounding
        # decides which of them does not steer.
        return [
            run(
                *(unit * (1 + number**2 / 997) * math.exp(one.mean) for one in stored.sessions),
                label=stored.label,
            )
            for number, stored in enumerate(runs)
        ]

    runs, scaled = in_unit(1.0), in_unit(unit)
    one = judge(levels, runs, spread=Spread.of([runs]))
    other = judge([unit * level for level in levels], scaled, spread=Spread.of([scaled]))
    assert one.ratio == pytest.approx(other.ratio)
    assert one.verdict.status == other.verdict.status


@pytest.mark.parametrize("tolerance", [0, -1, 3.1, math.nan])
def test_tolerance_out_of_range(tolerance: float) -> None:
    with pytest.raises(ValueError, match="is not in"):
        judge([1.0], tolerance=tolerance)


def test_nothing_to_compare() -> None:
    with pytest.raises(ValueError, match="nothing to compare"):
        judge([], [run(1.0)])
    with pytest.raises(ValueError, match="nothing to compare"):
        judge([1.0], [])


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan, math.inf])
def test_a_value_that_is_no_time(bad: float) -> None:
    with pytest.raises(ValueError, match="sample 1 is"):
        SessionFigure.of([1.0, bad])
    with pytest.raises(ValueError, match="no samples"):
        SessionFigure.of([])


def test_rounds_of_equal_index_are_compared() -> None:
    assert SessionFigure.of([1.0] * 5 + [9.0] * 15) == session(1.0)
