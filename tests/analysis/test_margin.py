"""What is so far from its limit that no doubt matters."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_trtperf.analysis.margin import far_percentile, far_rate, is_kept_by_far, stands
from pytest_trtperf.analysis.verdict import Reason, Status, Verdict

ROUNDS = [np.array([1.0, 2.0]), np.array([1.5, 4.0])]


def open_verdict(limit: float, lower: float | None = 0.9, upper: float | None = 1.1) -> Verdict:
    return Verdict(Status.INCONCLUSIVE, Reason.OVERLAPS_LIMIT, "x", 1.0, lower, upper, limit)


@pytest.mark.parametrize(
    ("limit", "contention", "status"),
    [
        (40.0, 0.0, Status.PASS),
        (39.9, 0.0, None),
        (1 / 3, 0.0, Status.FAIL),
        (0.34, 0.0, None),
        (1 / 3, 0.5, None),
        (1 / 6, 0.5, Status.FAIL),
        # what other processes took makes no query look faster
        (40.0, 1.0, Status.PASS),
        (1e-9, 1.0, None),
    ],
)
def test_percentile_is_decided_where_all_queries_are_far(
    limit: float, contention: float, status: Status | None
) -> None:
    found = far_percentile(open_verdict(limit), ROUNDS, contention)
    assert (found and found.status) == status
    if found:
        assert found.reason in (Reason.WITHIN_LIMIT, Reason.OVER_LIMIT)
        assert f"the limit is {limit:.4g} ms" in found.message


@pytest.mark.parametrize(
    ("limit", "upper", "kept"),
    [(6.0, 1.1, True), (5.9, 1.1, False), (6.3, 2.2, False), (6.7, 2.2, True), (1e9, None, False)],
)
def test_percentile_is_kept_by_far_in_each_round(
    limit: float, upper: float | None, kept: bool
) -> None:
    assert is_kept_by_far(open_verdict(limit, upper=upper), [0.5, 2.0]) is kept


@pytest.mark.parametrize(
    ("limit", "contention", "status"),
    [
        (30.0, 0.9, Status.PASS),
        (30.1, 0.0, None),
        (360.0, 0.0, Status.FAIL),
        (359.0, 0.0, None),
        (360.0, 0.01, None),
        (720.0, 0.5, Status.FAIL),
        (1e9, 1.0, None),
    ],
)
def test_rate_is_decided_where_it_is_far(
    limit: float, contention: float, status: Status | None
) -> None:
    found = far_rate(open_verdict(limit), 90, 120, contention)
    assert (found and found.status) == status
    if found:
        assert found.reason in (Reason.WITHIN_LIMIT, Reason.UNDER_LIMIT)
        assert "from 90 to 120 qps" in found.message


@pytest.mark.parametrize(
    ("levels", "trend", "limit", "expected"),
    [
        ([1.0, 1.01], 0.0, 1.3, True),  # 1.01**10 is 1.105, of an upper bound of 1.1
        ([1.0, 1.01], 0.0, 1.2, False),
        ([1.0, 1.01], 0.0, 0.8, True),
        ([1.0, 1.01], 0.0, 0.85, False),
        ([1.0, 1.01], 0.01, 1.3, False),
        ([1.0, 1.01], -0.01, 1.4, True),
        ([1.0, 1.0], 0.0, 1.0, False),
        ([2.0, 2.02], 0.0, 1.3, True),
        ([2.0, 2.02], 0.0, 1.2, False),
        ([1.0, 1.0], 0.0, 1.1, False),
        ([1.0, 1.0], 0.0, 0.9, False),
        ([1.0, 1.0], 0.0, 1.11, True),
        ([1.0, 1.0], 0.0, 0.89, True),
        ([1.0, 1.0], None, 1e9, False),
        ([1.0, 1.0], -1.0, 1e9, False),
    ],
)
def test_verdict_stands_ten_times_what_the_level_moved_by_away(
    levels: list[float], trend: float | None, limit: float, expected: bool
) -> None:
    assert stands(open_verdict(limit), levels, trend) == expected


def test_nothing_stands_on_a_side_without_a_bound() -> None:
    assert not stands(open_verdict(1e9, upper=None), [1.0, 1.0], 0.0)
    assert not stands(open_verdict(1e9, upper=math.inf), [1.0, 1.0], 0.0)
    assert not stands(open_verdict(1e-9, lower=None), [1.0, 1.0], 0.0)
    assert not stands(open_verdict(1e-9, lower=0.0), [1.0, 1.0], 0.0)


@given(st.floats(0.01, 100), st.floats(0.01, 100))
def test_unit_does_not_matter(limit: float, unit: float) -> None:
    found = far_percentile(open_verdict(limit), ROUNDS, 0.2)
    scaled = far_percentile(open_verdict(limit * unit), [unit * one for one in ROUNDS], 0.2)
    near = min(abs(limit / edge - 1) for edge in (40, 0.8 / 3)) < 1e-9
    assert near or (found and found.status) == (scaled and scaled.status)
