"""What becomes of a verdict that is inconclusive, and what is said of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_trtperf.analysis.verdict import (
    Reason,
    Status,
    Verdict,
    decide,
    evident_status,
    keeps_limit,
)

OPEN = Verdict(Status.INCONCLUSIVE, Reason.OVERLAPS_LIMIT, "x", 2.1, 1.0, 3.0, 2.0)


def test_what_is_open_stays_so_unless_an_option_fails_it() -> None:
    assert decide(OPEN, None) is OPEN
    failed = decide(OPEN, "--option")
    assert (failed.status, failed.message) == (Status.FAIL, "x; --option fails it")
    assert evident_status(failed) is Status.INCONCLUSIVE


@pytest.mark.parametrize("reason", [Reason.OVER_LIMIT, Reason.UNDER_LIMIT, Reason.SATURATED])
@pytest.mark.parametrize("failed_by", [None, "--option"])
def test_failure_that_was_seen_stays_one(reason: Reason, failed_by: str | None) -> None:
    failed = Verdict(Status.FAIL, reason, "x", 2.1, 2.05, 2.2, 2.0)
    assert decide(failed, failed_by) is failed
    assert evident_status(failed) is Status.FAIL


@pytest.mark.parametrize(("higher_is_better", "kept"), [(False, [1, 2]), (True, [2, 3])])
def test_estimate_that_equals_its_limit_keeps_it(higher_is_better: bool, kept: list[int]) -> None:
    found = [
        value
        for value in (1, 2, 3)
        if keeps_limit(replace(OPEN, value=value, higher_is_better=higher_is_better))
    ]
    assert found == kept
