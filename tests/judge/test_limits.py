"""What the looks at a budget come to."""

from __future__ import annotations

import math
import warnings
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from pytest_trtperf.analysis.verdict import Reason, Status, Verdict
from pytest_trtperf.errors import PerfAssertionError
from pytest_trtperf.judge.limits import Doubts, is_positive, limit_here, raise_if_failed, settle
from pytest_trtperf.judge.verdict_records import verdict_record

OPEN = Verdict(
    Status.INCONCLUSIVE, Reason.OVERLAPS_LIMIT, "", value=1.0, lower=0.9, upper=1.1, limit=1
)
MISSED = replace(OPEN, status=Status.FAIL, reason=Reason.OVER_LIMIT)
SATURATED = replace(OPEN, status=Status.FAIL, reason=Reason.SATURATED)


def settled(
    *verdicts: Verdict, steady: bool = True, complete: bool = True, **doubts: Any
) -> tuple[str, int]:
    """The reason that these verdicts, one a look, come to, and how many were asked for."""
    left = list(verdicts)
    found = settle(
        lambda: left.pop(0), [8, 12, 16], lambda look: complete, Doubts(lambda: steady, **doubts)
    )
    return found.reason, len(verdicts) - len(left)


def test_the_first_conclusive_one_counts() -> None:
    assert settled(OPEN, MISSED, OPEN) == ("over_limit", 2)


def test_what_stays_open_is_looked_at_as_often_as_there_are_looks() -> None:
    assert settled(OPEN, OPEN, OPEN, OPEN) == ("overlaps_limit", 4)
    assert settled(OPEN, OPEN, OPEN, OPEN, complete=False) == ("overlaps_limit", 2)


@pytest.mark.parametrize(("verdict", "reason"), [(MISSED, "not_steady"), (SATURATED, "saturated")])
def test_unsteady_is_inconclusive_but_for_more_load_than_is_served(
    verdict: Verdict, reason: str
) -> None:
    assert settled(verdict, steady=False) == (reason, 1)


@pytest.mark.parametrize("limit", [1, 0.5, 1e-300, Fraction(1, 3)])
def test_numbers_above_zero_are_limits(limit: object) -> None:
    assert is_positive(limit)


@pytest.mark.parametrize("limit", [0, 0.0, -1, True, math.nan, math.inf, 10**400, "2", None, 1j])
def test_other_values_are_no_limits(limit: object) -> None:
    assert not is_positive(limit)
    with pytest.raises(ValueError, match=r"budget of P99 for 'cpu:\*' must be a number above 0"):
        limit_here("P99", {"*": 1.0, "cpu:*": limit}, "NVIDIA H200")  # type: ignore[dict-item]


def test_first_pattern_that_matches_the_device_holds() -> None:
    budget = {"NVIDIA H200*": 2.0, "NVIDIA*": 3.0, "cpu:*": 80}
    assert limit_here("P99", budget, "NVIDIA H200 MIG 1g.18gb") == 2.0
    assert limit_here("P99", budget, "NVIDIA L4") == 3.0
    assert limit_here("P99", 5, "NVIDIA L4") == 5.0
    with pytest.raises(PerfAssertionError, match="P99 has no entry for 'nvidia l4'; it has "):
        limit_here("P99", budget, "nvidia l4")
    with pytest.raises(PerfAssertionError, match="it has none at all"):
        limit_here("P99", {}, "NVIDIA L4")


def test_failures_are_raised_together_with_what_explains_them() -> None:
    records = [
        verdict_record("budget", metric, verdict, f"{metric} is odd")
        for metric, verdict in (("P50", MISSED), ("P90", OPEN), ("P99", MISSED))
    ]
    with pytest.raises(PerfAssertionError) as caught:
        raise_if_failed(records, ["the driver changed"])
    assert str(caught.value) == "P50 is odd\nP99 is odd\n  the driver changed"


def test_open_verdicts_are_no_warnings() -> None:
    passed = replace(OPEN, status=Status.PASS)
    records = [
        verdict_record("budget", "P99", verdict, status)
        for verdict, status in ((passed, "kept"), (OPEN, "open"))
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        raise_if_failed(records)
