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
    Status.INCONCLUSIVE, Reason.OVERLAPS_LIMIT, "in words", value=1.0, lower=0.9, upper=1.1, limit=1
)
LOOKS = [8, 12, 16]
MISSED = replace(OPEN, status=Status.FAIL, reason=Reason.OVER_LIMIT)
SATURATED = replace(OPEN, status=Status.FAIL, reason=Reason.SATURATED)


def settled(
    *verdicts: Verdict, steady: bool = True, complete: bool = True, **doubts: Any
) -> tuple[str, int]:
    """The reason that these verdicts, one a look, come to, and how many were asked for."""
    left, asked = list(verdicts), list[int]()

    def extend(look: int) -> bool:
        asked.append(look)
        return complete

    found = settle(lambda: left.pop(0), LOOKS, extend, Doubts(lambda: steady, **doubts))
    assert asked == LOOKS[: len(asked)]
    if found.reason in (Reason.SHORT_ROUNDS, Reason.NOT_STEADY):
        assert found.status is Status.INCONCLUSIVE
        why = "rounds are short" if found.reason is Reason.SHORT_ROUNDS else "not steady: free the"
        assert found.message.startswith(f"in words; {why}")
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


def keeps(verdict: Verdict) -> Verdict:
    """What is far within its limit."""
    return replace(verdict, status=Status.PASS, reason=Reason.WITHIN_LIMIT)


def is_known(verdict: Verdict) -> bool:
    """Any that stands."""
    return verdict.value == 1


LACKS_TIME = replace(OPEN, reason=Reason.SHORT_TIME)
KEPT = replace(OPEN, status=Status.PASS, reason=Reason.WITHIN_LIMIT)


def test_what_is_far_from_its_limit_is_decided_at_once() -> None:
    for doubts in ({}, {"steady": False}, {"too_short": "rounds are short"}):
        assert settled(OPEN, MISSED, far=keeps, **doubts) == ("within_limit", 1)
    assert settled(SATURATED, far=keeps) == ("saturated", 1)
    # What is conclusive anyway keeps its own words.
    assert settled(MISSED, far=keeps) == ("over_limit", 1)


def test_short_rounds_decide_nothing_that_is_close() -> None:
    assert settled(MISSED, too_short="rounds are short") == ("short_rounds", 1)
    assert settled(SATURATED, too_short="rounds are short") == ("saturated", 1)


def test_verdict_that_stands_holds_although_the_numbers_are_not_steady() -> None:
    assert settled(MISSED, steady=False, stands=is_known) == ("over_limit", 1)
    assert settled(OPEN, MISSED, steady=False, stands=is_known) == ("not_steady", 1)
    # Only time is lacking for what would stand.
    lacking = (LACKS_TIME, LACKS_TIME, KEPT)
    assert settled(*lacking, steady=False, stands=is_known) == ("within_limit", 3)
    assert settled(*lacking, steady=False) == ("not_steady", 1)


def test_hopeless_verdicts_cost_no_rounds() -> None:
    def hopeless(verdict: Verdict) -> bool:
        return verdict.reason is Reason.SHORT_TIME

    assert settled(LACKS_TIME, MISSED, hopeless=hopeless) == ("short_time", 1)
    assert settled(OPEN, LACKS_TIME, MISSED, hopeless=hopeless) == ("short_time", 2)


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
    listed = r"it has 'NVIDIA H200\*', 'NVIDIA\*', 'cpu:\*': add"
    with pytest.raises(PerfAssertionError, match=f"P99 has no entry for 'nvidia l4'; {listed}"):
        limit_here("P99", budget, "nvidia l4")
    with pytest.raises(PerfAssertionError, match="it has none at all"):
        limit_here("P99", {}, "NVIDIA L4")


def test_failures_are_raised_together_with_what_explains_them() -> None:
    records = [
        verdict_record("budget", metric, verdict, f"{metric} is odd")
        for metric, verdict in (("P50", MISSED), ("P90", OPEN), ("P99", MISSED))
    ]
    with pytest.raises(PerfAssertionError) as caught:
        raise_if_failed(records, "t", "NVIDIA L4", ["the driver changed"])
    first, second, *rest = str(caught.value).splitlines()
    assert first.startswith("P50 ")
    assert second.startswith("P99 ")
    assert rest == ["  P50 is odd", "  P99 is odd", "  the driver changed"]


def test_open_verdicts_are_no_warnings() -> None:
    passed = replace(OPEN, status=Status.PASS)
    records = [
        verdict_record("budget", "P99", verdict, status)
        for verdict, status in ((passed, "kept"), (OPEN, "open"))
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        raise_if_failed(records, "t", "NVIDIA L4")
