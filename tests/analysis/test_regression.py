"""The comparison with a baseline: found, forgiven, or too noisy to decide."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pytest_trtperf.analysis.regression import LEAST_RUNS, judge_change, why_undecidable
from pytest_trtperf.analysis.verdict import Status, keeps_limit

ORDER = {Status.PASS: 0, Status.INCONCLUSIVE: 1, Status.FAIL: 2}
ROUNDS = st.lists(st.floats(0.9, 1.1), min_size=2, max_size=12)
RUNS = st.lists(ROUNDS, min_size=1, max_size=7)
TOLERANCES = st.floats(0.01, 0.5)


def noisy(seed: int, level: float = 1.0, rounds: int = 5, noise: float = 0.005) -> np.ndarray:
    return level * np.exp(np.random.default_rng(seed).normal(0, noise, rounds))


@pytest.mark.parametrize(
    ("factor", "status"),
    [
        (0.8, Status.PASS),
        (1.0, Status.PASS),
        (1.05, Status.INCONCLUSIVE),
        (1.15, Status.FAIL),
    ],
)
@pytest.mark.parametrize("runs", [1, LEAST_RUNS])
def test_slower_is_worse_for_times(factor: float, status: Status, runs: int) -> None:
    change = judge_change(noisy(0, factor), [noisy(seed) for seed in range(1, runs + 1)], 0.05)
    assert change.verdict.status is status
    assert change.lower < change.ratio < change.upper
    assert change.ratio == pytest.approx(change.current / change.baseline)
    assert change.improved == (factor == 0.8)


def test_verdict_has_change_interval_and_tolerance() -> None:
    verdict = judge_change([1.1, 1.1], [[1.0, 1.0]], 0.05).verdict
    assert [verdict.value, verdict.lower, verdict.upper] == pytest.approx([1.1] * 3)
    assert verdict.limit == 1.05


@pytest.mark.parametrize(("rounds", "others"), [(4, 12), (12, 4)])
@pytest.mark.parametrize("noise", [0.001, 0.01, 0.1])
def test_interval_is_welchs_where_the_sides_have_other_numbers_of_rounds(
    rounds: int, others: int, noise: float
) -> None:
    now, before = noisy(0, 1.1, rounds, noise), noisy(1, 1.0, others, noise=0.01)
    change = judge_change(now, [before[::2], before[1::2]], 0.05, alpha=0.02)
    welch = stats.ttest_ind(np.log(now), np.log(before), equal_var=False)
    low, high = welch.confidence_interval(0.96)
    assert change.ratio == pytest.approx(math.exp((low + high) / 2), rel=1e-9)
    assert change.lower == pytest.approx(math.exp(low), rel=1e-9)
    assert change.upper == pytest.approx(math.exp(high), rel=1e-9)


@pytest.mark.parametrize("higher_is_better", [False, True])
def test_change_of_exactly_the_tolerance_without_noise_passes(higher_is_better: bool) -> None:
    current = [1 / 1.05] * 5 if higher_is_better else [1.05] * 5
    verdict = judge_change(current, [[1.0] * 5], 0.05, higher_is_better).verdict
    assert verdict.status is Status.PASS


@given(ROUNDS, RUNS, TOLERANCES)
def test_throughput_is_judged_as_the_inverse_of_time(
    current: list[float], runs: list[list[float]], tolerance: float
) -> None:
    time = judge_change(current, runs, tolerance)
    inverse = [1 / np.array(run) for run in runs]
    rate = judge_change(1 / np.array(current), inverse, tolerance, higher_is_better=True)
    assert rate.verdict.status is time.verdict.status
    assert rate.ratio == pytest.approx(1 / time.ratio)
    assert rate.lower == pytest.approx(1 / time.upper)
    assert rate.improved == time.improved


@given(ROUNDS, RUNS, TOLERANCES, st.floats(1, 2))
def test_slowdown_never_helps(
    current: list[float], runs: list[list[float]], tolerance: float, slowdown: float
) -> None:
    before = judge_change(current, runs, tolerance).verdict
    after = judge_change(np.array(current) * slowdown * (1 + 1e-9), runs, tolerance).verdict
    assert ORDER[after.status] >= ORDER[before.status]


@given(ROUNDS, RUNS, st.floats(0.01, 0.2), st.floats(0, 0.3))
def test_tolerance_never_hurts(
    current: list[float], runs: list[list[float]], tolerance: float, more: float
) -> None:
    strict = judge_change(current, runs, tolerance).verdict
    lenient = judge_change(current, runs, tolerance + more).verdict
    assert ORDER[lenient.status] <= ORDER[strict.status]


@given(ROUNDS, RUNS, TOLERANCES)
def test_order_of_rounds_does_not_matter(
    current: list[float], runs: list[list[float]], tolerance: float
) -> None:
    turned = [run[::-1] for run in runs[::-1]]
    assert judge_change(current[::-1], turned, tolerance) == judge_change(current, runs, tolerance)


@given(ROUNDS, RUNS, TOLERANCES, st.floats(1e-3, 1e3))
def test_unit_does_not_matter(
    current: list[float], runs: list[list[float]], tolerance: float, factor: float
) -> None:
    first = judge_change(current, runs, tolerance)
    scaled = judge_change(
        np.array(current) * factor, [np.array(run) * factor for run in runs], tolerance
    )
    assert scaled.ratio == pytest.approx(first.ratio)
    assert scaled.upper == pytest.approx(first.upper)
    assert scaled.current == pytest.approx(first.current * factor)


def test_baseline_that_moves_between_runs_widens_the_tolerance() -> None:
    levels = [0.97, 1.0, 1.03, 0.98, 1.02]
    runs = [noisy(seed, level, noise=0.001) for seed, level in enumerate(levels)]
    steady = [noisy(seed, noise=0.001) for seed in range(LEAST_RUNS)]
    current = noisy(9, 1.09, noise=0.001)
    assert judge_change(current, steady, 0.05).verdict.status is Status.FAIL
    moved = judge_change(current, runs, 0.05)
    assert moved.verdict.status is Status.INCONCLUSIVE
    assert 0.09 < moved.supported == pytest.approx(moved.verdict.limit - 1)
    assert moved.supported == pytest.approx(0.11, abs=0.005)
    assert keeps_limit(moved.verdict)


@pytest.mark.parametrize("runs", range(1, LEAST_RUNS))
def test_few_runs_are_taken_to_differ_at_least_as_rounds_do(runs: int) -> None:
    before = [noisy(seed, rounds=9, noise=0.04) for seed in range(runs)]
    change = judge_change(noisy(20, 1.07, rounds=20, noise=0.04), before, 0.05)
    spread = math.sqrt(np.mean([np.log(run).var(ddof=1) for run in before]))
    t = stats.t.ppf(0.99, 8 * runs)
    assert math.log1p(change.supported) == pytest.approx(t * spread * math.sqrt(1 + 1 / runs))
    assert change.verdict.status is Status.INCONCLUSIVE
    assert keeps_limit(change.verdict)


@pytest.mark.parametrize(("runs", "t"), [(2, 6.314), (3, 2.920), (4, 2.353)])
def test_few_runs_that_differ_more_than_their_rounds_widen_the_tolerance(
    runs: int, t: float
) -> None:
    levels = np.linspace(-0.01, 0.01, runs)
    change = judge_change([1.022] * 5, [np.exp([level] * 5) for level in levels], 0.02)
    margin = t * levels.std(ddof=1) * math.sqrt(1 + 1 / runs)
    assert math.log1p(change.supported) == pytest.approx(margin, rel=1e-3)
    assert change.verdict.status is Status.INCONCLUSIVE
    assert why_undecidable(change, 0.02) == (
        f"the run-to-run spread alone may be up to {change.supported:.1%}"
    )


def test_two_runs_that_agree_cost_no_power() -> None:
    before = [noisy(seed, noise=0.002) for seed in range(2)]
    assert judge_change(noisy(3, 1.04, noise=0.002), before, 0.02).verdict.status is Status.FAIL


@pytest.mark.parametrize(
    ("current", "before", "why"),
    [
        ([1.0], [1.0, 1.0], "one side has a single round, which shows no spread"),
        ([0.8, 1.25], [1.0, 1.0], "too noisy to decide, from "),
        ([1.04, 1.06, 1.05], [1.0, 1.0, 1.0], None),
        # within the tolerance, so that the run-to-run spread of 10 % does not matter
        ([1.03, 1.06, 1.03], [0.99, 1.0, 1.01], None),
        ([1.08, 1.085, 1.09], [0.99, 1.0, 1.01], "the run-to-run spread alone may be up to 10.4%"),
    ],
)
def test_what_the_estimate_may_not_decide(
    current: list[float], before: list[float], why: str | None
) -> None:
    change = judge_change(current, [before], 0.05)
    assert change.verdict.status is Status.INCONCLUSIVE
    found = why_undecidable(change, 0.05)
    assert found is None if why is None else found is not None and found.startswith(why)


def test_noise_of_the_judged_run_alone_excuses_nothing() -> None:
    tail = np.array([1.0, 2.0] * 10)
    change = judge_change(tail, [noisy(0, noise=0.001)], 0.05)
    assert change.verdict.status is Status.FAIL


def test_disturbance_widens_the_tolerance_too() -> None:
    def status(slowdown: float) -> Status:
        change = judge_change(noisy(1, slowdown), [noisy(2)], 0.05, disturbance=0.5)
        return change.verdict.status

    assert (status(1.0), status(1.3), status(2.0)) == tuple(ORDER)


def test_a_single_round_on_each_side_supports_no_statement() -> None:
    assert judge_change([1.0], [[1.0]], 0.05).supported == 0


def test_unchanged_engines_never_alarm_and_real_slowdowns_are_found() -> None:
    def share_of_failures(factor: float) -> float:
        pairs = range(0, 400, 2)
        failed = [
            judge_change(noisy(i, factor, noise=0.01), [noisy(i + 1, noise=0.01)], 0.05)
            for i in pairs
        ]
        return sum(one.verdict.status is Status.FAIL for one in failed) / len(pairs)

    assert share_of_failures(1.0) == 0
    assert share_of_failures(1.15) > 0.95


@pytest.mark.parametrize(("current", "run"), [([1.0], [1.0, 1.0]), ([1.0, 1.0], [1.0])])
def test_one_round_on_a_side_cannot_decide(current: list[float], run: list[float]) -> None:
    change = judge_change(current, [run], 0.05)
    assert change.verdict.reason == "too_few_rounds"
    assert (change.lower, change.upper) == (0, math.inf)
    assert not change.improved
    assert keeps_limit(change.verdict)


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan, math.inf])
def test_values_that_have_no_logarithm_are_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="sample 1"):
        judge_change([1, bad], [[1, 1]], 0.05)
    with pytest.raises(ValueError, match="sample 1"):
        judge_change([1, 1], [[1, bad]], 0.05)


@pytest.mark.parametrize("tolerance", [0, -0.1, 3.1, math.nan])
def test_tolerances_that_mean_nothing_are_refused(tolerance: float) -> None:
    with pytest.raises(ValueError, match="tolerance"):
        judge_change([1, 1], [[1, 1]], tolerance)


@pytest.mark.parametrize("current", [[1e-300] * 5, [1e300] * 5, [1.0, 1e300], [1.0]])
@pytest.mark.parametrize("run", [[1e-300] * 5, [1e300] * 5, [1.0, 1e300], [1.0]])
def test_numbers_however_far_apart_get_a_verdict(current: list[float], run: list[float]) -> None:
    change = judge_change(current, [run, run], 0.05)
    why_undecidable(change, 0.05)
    assert math.isfinite(change.ratio)
    assert math.isfinite(change.supported)
    assert change.lower <= change.ratio <= change.upper


@pytest.mark.parametrize(("current", "runs"), [([], [[1.0]]), ([1.0], [[1.0], []])])
def test_side_without_a_round_is_refused(current: list[float], runs: list[list[float]]) -> None:
    with pytest.raises(ValueError, match="at least one value"):
        judge_change(current, runs, 0.05)


def test_missing_baseline_is_refused() -> None:
    with pytest.raises(ValueError, match="no baseline runs"):
        judge_change([1, 1], [], 0.05)
