"""What becomes of a verdict that is inconclusive, and what is said of it."""

from __future__ import annotations

import pytest

from pytest_trtperf.analysis.verdict import Reason, Status, Verdict, decide, evident_status

OPEN = Verdict(Status.INCONCLUSIVE, Reason.OVERLAPS_LIMIT, "x", 2.1, 1.0, 3.0, 2.0)


@pytest.mark.parametrize(
    ("policy", "status", "evident", "message"),
    [
        ("warn", Status.INCONCLUSIVE, Status.INCONCLUSIVE, "x"),
        ("fail", Status.FAIL, Status.INCONCLUSIVE, "x; --trtperf-inconclusive=fail fails it"),
        (
            "estimate", Status.FAIL, Status.FAIL,
            "x; decided by the estimate alone, which misses the limit",
        ),
    ],
)  # fmt: skip
def test_policy_decides_and_says_so(
    policy: str, status: Status, evident: Status, message: str
) -> None:
    verdict = decide(OPEN, policy)
    assert (verdict.status, evident_status(verdict), verdict.message) == (status, evident, message)


@pytest.mark.parametrize("reason", [Reason.OVER_LIMIT, Reason.UNDER_LIMIT, Reason.SATURATED])
@pytest.mark.parametrize("policy", ["estimate", "fail", "warn"])
def test_failure_that_was_seen_stays_one(reason: Reason, policy: str) -> None:
    failed = Verdict(Status.FAIL, reason, "x", 2.1, 2.05, 2.2, 2.0)
    assert decide(failed, policy) is failed
    assert evident_status(failed) is Status.FAIL
