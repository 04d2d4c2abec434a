"""Limits of figures that a session, a build or a counter gives."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_trtperf.analysis.costs import STARTS, judge_starts, judge_within
from pytest_trtperf.analysis.verdict import Reason, Status

STARTED = st.lists(st.floats(0.1, 1e4), min_size=1, max_size=STARTS)


@given(values=STARTED, limit=st.floats(0.1, 1e4))
def test_starts_pass_and_fail_only_where_all_agree(values, limit):
    verdict = judge_starts(values, limit)
    if verdict.status is Status.PASS:
        assert max(values) <= limit
        assert len(values) == STARTS or 2 * values[0] <= limit
    if verdict.status is Status.FAIL:
        assert (len(values), min(values) > limit) == (STARTS, True)
    if verdict.reason is Reason.OVERLAPS_LIMIT:
        assert min(values) <= limit < max(values)


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ([40], "pass"),
        ([60], "inconclusive"),
        ([1000], "inconclusive"),
        ([60, 60, 60, 60], "inconclusive"),
        ([60, 60, 60, 60, 100], "pass"),
        ([101, 110, 120, 130, 140], "fail"),
        ([101, 110, 120, 130, 99], "inconclusive"),
    ],
)
def test_a_limit_of_100_ms(values, status):
    assert judge_starts(values, 100.0).status.value == status


@pytest.mark.parametrize(
    ("value", "error", "status"),
    [(9, 0, "pass"), (10, 0, "pass"), (10.1, 0, "fail"), (9.5, 0.1, "inconclusive"),
     (9, 0.1, "pass"), (12, 0.1, "fail"), (11, 0.1, "inconclusive")],
)  # fmt: skip
def test_a_figure_that_may_be_wrong_is_decided_outside_of_its_error(value, error, status):
    assert judge_within(value, error, 10.0, "").status.value == status
