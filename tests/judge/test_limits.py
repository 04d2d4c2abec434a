"""What the looks at a budget come to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_trtperf.analysis.verdict import Reason, Status, Verdict
from pytest_trtperf.judge.limits import settle

OPEN = Verdict(
    Status.INCONCLUSIVE, Reason.OVERLAPS_LIMIT, "", value=1.0, lower=0.9, upper=1.1, limit=1
)
MISSED = replace(OPEN, status=Status.FAIL, reason=Reason.OVER_LIMIT)
SATURATED = replace(OPEN, status=Status.FAIL, reason=Reason.SATURATED)


def settled(*verdicts: Verdict, steady: bool = True, complete: bool = True) -> tuple[str, int]:
    """The reason that these verdicts, one a look, come to, and how many were asked for."""
    left = list(verdicts)
    found = settle(lambda: left.pop(0), [8, 12, 16], extend=lambda look: complete, steady=steady)
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
