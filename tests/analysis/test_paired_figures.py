"""What the interval of a paired ratio is, figure by figure, and what its verdict hands on."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from pytest_trtperf.analysis.paired import Ratio, judge_ratio, paired_ratio
from pytest_trtperf.analysis.verdict import Reason, Status

DIFFERENCES = [0.010, 0.014, 0.011, 0.019, 0.016, 0.013]


def ratio_of(differences, **options):
    """Of blocks whose rounds differ by these logarithms."""
    new = np.repeat(np.exp(differences), 2)
    return paired_ratio(new, np.ones(new.size), **options)


def test_interval_of_one_order_is_students():
    ratio = ratio_of(DIFFERENCES, alpha=0.05)
    interval = stats.t.interval(
        0.90, len(DIFFERENCES) - 1, np.mean(DIFFERENCES), stats.sem(DIFFERENCES)
    )
    assert (ratio.lower, ratio.upper) == pytest.approx(tuple(np.exp(interval)), rel=1e-9)


def test_interval_of_two_orders_is_that_of_the_mean_of_their_means():
    first = [True, False, False, True, False, False]
    ratio = ratio_of(DIFFERENCES, new_first=first, alpha=0.05)
    groups = [np.array(DIFFERENCES)[first], np.array(DIFFERENCES)[~np.array(first)]]
    mean = (groups[0].mean() + groups[1].mean()) / 2
    pooled = sum(((group - group.mean()) ** 2).sum() for group in groups) / 4
    # the variance of half a sum of two means
    error = math.sqrt(pooled * (1 / 2 + 1 / 4) / 4)
    half = stats.t.ppf(0.95, 4) * error
    assert ratio.value == pytest.approx(math.exp(mean), rel=1e-9)
    assert (ratio.lower, ratio.upper) == pytest.approx(
        (math.exp(mean - half), math.exp(mean + half)), rel=1e-9
    )


def test_orders_may_be_given_as_numbers():
    assert ratio_of(DIFFERENCES, new_first=[1, 0, 0, 1, 0, 0]) == ratio_of(
        DIFFERENCES, new_first=[True, False, False, True, False, False]
    )


def test_two_blocks_of_one_order_have_an_interval():
    ratio = ratio_of([0.01, 0.02])
    assert 0 < ratio.lower < ratio.value < ratio.upper < math.inf


def test_levels_of_both_sides_are_geometric_means():
    ratio = paired_ratio([1.0, 4.0], [9.0, 1.0])
    assert (ratio.new, ratio.reference) == pytest.approx((2.0, 3.0))


@pytest.mark.parametrize(
    ("higher_is_better", "limit", "status", "reason"),
    [
        (False, 1.2, Status.PASS, Reason.WITHIN_LIMIT),
        (False, 1.1, Status.PASS, Reason.WITHIN_LIMIT),
        (False, 0.8, Status.FAIL, Reason.OVER_LIMIT),
        (False, 1.0, Status.INCONCLUSIVE, Reason.OVERLAPS_LIMIT),
        (True, 0.8, Status.PASS, Reason.WITHIN_LIMIT),
        (True, 0.9, Status.PASS, Reason.WITHIN_LIMIT),
        (True, 1.2, Status.FAIL, Reason.UNDER_LIMIT),
        (True, 1.0, Status.INCONCLUSIVE, Reason.OVERLAPS_LIMIT),
    ],
)
def test_verdict_has_the_reason_and_the_figures(higher_is_better, limit, status, reason):
    verdict = judge_ratio(Ratio(1.01, 0.9, 1.1, 2.0, 3.0), limit, higher_is_better)
    assert (verdict.status, verdict.reason) == (status, reason)
    assert (verdict.value, verdict.lower, verdict.upper) == (1.01, 0.9, 1.1)
    assert (verdict.limit, verdict.higher_is_better, verdict.message) == (
        limit,
        higher_is_better,
        "",
    )


def test_refusal_names_both_numbers_of_rounds():
    with pytest.raises(ValueError, match="there are 2 and 4"):
        paired_ratio([1.0, 1.0], [1.0] * 4)
