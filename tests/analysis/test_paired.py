"""Two engines measured in turns."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pytest_trtperf.analysis.paired import BLOCK_LOOKS, Ratio, judge_ratio, paired_ratio
from pytest_trtperf.analysis.verdict import Status

VALUES = st.lists(st.floats(1e-3, 1e3), min_size=2, max_size=12).filter(lambda v: len(v) % 2 == 0)


def rounds(slower, blocks, noise, seed, drift=0.0):
    """Rounds of new and reference in the order new, reference, reference, new."""
    random = np.random.default_rng(seed)
    levels = np.exp(noise * random.normal(size=4 * blocks) + drift * np.arange(4 * blocks))
    is_new = np.tile([True, False, False, True], blocks)
    levels[is_new] *= 1 + slower
    return levels[is_new], levels[~is_new]


@given(values=VALUES, factor=st.floats(0.1, 10))
def test_constant_factor_is_found_exactly(values, factor):
    ratio = paired_ratio([factor * value for value in values], values)
    assert ratio.value == pytest.approx(factor, rel=1e-9)
    assert ratio.lower <= ratio.value * (1 + 1e-9)
    assert ratio.upper >= ratio.value * (1 - 1e-9)
    if len(values) > 2:
        assert ratio.upper == pytest.approx(ratio.lower, rel=1e-6)


@given(new=VALUES, seed=st.integers(0, 99))
def test_turned_round_the_ratio_turns_round(new, seed):
    reference = np.random.default_rng(seed).uniform(0.5, 2, len(new))
    there, back = paired_ratio(new, reference), paired_ratio(reference, new)
    assert there.value == pytest.approx(1 / back.value)
    if len(new) > 2:
        assert there.lower == pytest.approx(1 / back.upper)
        assert there.upper == pytest.approx(1 / back.lower)


def test_linear_drift_falls_on_both_alike():
    new, reference = rounds(0.01, 4, 0.0, 0, drift=0.02)
    ratio = paired_ratio(new, reference)
    assert ratio.value == pytest.approx(1.01, rel=1e-9)
    assert ratio.upper / ratio.lower == pytest.approx(1, rel=1e-9)


def test_one_block_bounds_nothing():
    ratio = paired_ratio([1.0, 1.0], [1.0, 1.0])
    assert (ratio.value, ratio.lower, ratio.upper) == (1.0, 0.0, math.inf)
    assert judge_ratio(ratio, 1.05).status is Status.INCONCLUSIVE


def test_order_in_which_sessions_were_started_falls_out():
    new, reference = rounds(0.01, 8, 0.001, 0)
    new_first = np.array([True, True, False, False, False, False, True, True])
    moved = new * np.repeat(np.where(new_first, 1.003, 1 / 1.003), 2)
    plain, turned = (paired_ratio(side, reference, new_first.tolist()) for side in (new, moved))
    assert turned.value == pytest.approx(plain.value, rel=1e-12)
    assert turned.lower == pytest.approx(plain.lower, rel=1e-12)
    assert paired_ratio(moved, reference).lower < turned.lower


def test_orders_weigh_the_same_however_many_blocks_each_has():
    ratio = paired_ratio([2.0] * 6, [1.0] * 4 + [2.0] * 2, [True, True, False])
    assert ratio.value == pytest.approx(math.sqrt(2))


@pytest.mark.parametrize("new_first", [None, [True] * 4 + [False] * 4, [True] * 2 + [False] * 6])
def test_interval_is_students_of_the_mean_of_the_orders(new_first):
    new, reference = rounds(0.01, 8, 0.01, 0)
    blocks = np.log(new / reference).reshape(-1, 2).mean(axis=1)
    first = np.ones(8, bool) if new_first is None else np.array(new_first)
    orders = [group for group in (blocks[first], blocks[~first]) if group.size]
    freedom = 8 - len(orders)
    variance = sum(((group - group.mean()) ** 2).sum() for group in orders) / freedom
    # the mean of k means: each has the variance of one block over its number of blocks, and 1 / k^2
    error = math.sqrt(variance * sum(1 / group.size for group in orders)) / len(orders)
    centre = np.mean([group.mean() for group in orders])
    ratio = paired_ratio(new, reference, new_first, alpha=0.01)
    bounds = stats.t(freedom, centre, error).interval(0.98)
    assert [ratio.lower, ratio.upper] == pytest.approx(np.exp(bounds).tolist())


def test_orders_of_other_blocks_are_refused():
    with pytest.raises(ValueError, match="2 blocks, but new_first has 1"):
        paired_ratio([1.0] * 4, [1.0] * 4, [True])


def status(slower, tolerance, seed, noise=0.001):
    """The verdict at the first look that is conclusive."""
    new, reference = rounds(slower, BLOCK_LOOKS[-1], noise, seed)
    for blocks in BLOCK_LOOKS:
        ratio = paired_ratio(new[: 2 * blocks], reference[: 2 * blocks])
        verdict = judge_ratio(ratio, 1 + tolerance)
        if verdict.status is not Status.INCONCLUSIVE:
            break
    return verdict.status


def test_alarms_and_power_over_all_looks():
    """A tolerance of 0.5 % and rounds that vary by 0.1 %, as on a quiet GPU."""
    unchanged = [status(0.0, 0.005, seed) for seed in range(400)]
    at_limit = [status(0.005, 0.005, seed) for seed in range(400)]
    slower = [status(0.01, 0.005, seed) for seed in range(400)]
    assert unchanged.count(Status.FAIL) == 0
    assert unchanged.count(Status.PASS) >= 396
    # Each side has 1 % over all looks; the seeds are fixed.
    assert at_limit.count(Status.FAIL) <= 8
    assert at_limit.count(Status.PASS) <= 8
    assert slower.count(Status.FAIL) >= 396


@pytest.mark.parametrize(
    ("bounds", "limit", "higher_is_better", "expected"),
    [
        ((0.98, 1.02), 1.05, False, Status.PASS),
        ((1.06, 1.08), 1.05, False, Status.FAIL),
        ((1.04, 1.06), 1.05, False, Status.INCONCLUSIVE),
        ((0.98, 1.02), 0.95, True, Status.PASS),
        ((0.90, 0.94), 0.95, True, Status.FAIL),
        ((0.94, 0.96), 0.95, True, Status.INCONCLUSIVE),
        ((1.05, 1.05), 1.05, False, Status.PASS),
        ((0.95, 0.95), 0.95, True, Status.PASS),
    ],
)
def test_verdict_by_where_the_interval_lies(bounds, limit, higher_is_better, expected):
    lower, upper = bounds
    ratio = Ratio(math.sqrt(lower * upper), lower, upper, 1.0, 1.0)
    assert judge_ratio(ratio, limit, higher_is_better).status is expected


@pytest.mark.parametrize(
    ("new", "reference"), [([1.0], [1.0]), ([1.0, 1.0], [1.0, 1.0, 1.0, 1.0]), ([], [])]
)
def test_rounds_that_are_no_blocks_are_refused(new, reference):
    with pytest.raises(ValueError, match=r"blocks have two rounds|no samples"):
        paired_ratio(new, reference)


@pytest.mark.parametrize("limit", [0, -1, math.nan, math.inf])
def test_limit_that_is_none_is_refused(limit):
    with pytest.raises(ValueError, match="above 0"):
        judge_ratio(Ratio(1.0, 0.9, 1.1, 1.0, 1.0), limit)
