"""What a gate says: one value for budgets and comparisons, made once, before any printer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum


class Status(str, Enum):
    """The three answers of a gate; INCONCLUSIVE asks for more rounds."""

    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True)
class Verdict:
    """An answer with its evidence; `value`, `lower`, `upper` and `limit` share one unit.

    `lower` and `upper` are one-sided confidence bounds; None where the data support none.
    `reason` is a short code: within_limit, over_limit, under_limit, overlaps_limit,
    too_few_rounds, too_few_queries, estimate. The modules that measure add not_steady, disturbed,
    saturated, doubtful, enqueue_bound, contended and too_noisy. A comparison adds machine_changed.
    """

    status: Status
    reason: str
    message: str
    value: float
    lower: float | None
    upper: float | None
    limit: float
    higher_is_better: bool = False


_EVIDENT = ("over_limit", "under_limit", "estimate", "saturated")
"""Reasons of a failure that was seen; with any other the policy failed what is inconclusive."""


def evident_status(verdict: Verdict) -> Status:
    """What the figures say; INCONCLUSIVE where the policy alone made it a failure."""
    failed_by_policy = verdict.status is Status.FAIL and verdict.reason not in _EVIDENT
    return Status.INCONCLUSIVE if failed_by_policy else verdict.status


def keeps_limit(verdict: Verdict) -> bool:
    """Whether the point estimate alone keeps the limit (being equal to it does)."""
    if verdict.higher_is_better:
        return verdict.value >= verdict.limit
    return verdict.value <= verdict.limit


def decide_by_estimate(verdict: Verdict) -> Verdict:
    """An inconclusive verdict decided by its point estimate, and saying so; others unchanged."""
    if verdict.status is not Status.INCONCLUSIVE:
        return verdict
    status, word = (Status.PASS, "keeps") if keeps_limit(verdict) else (Status.FAIL, "misses")
    message = f"{verdict.message}; decided by the estimate alone, which {word} the limit"
    return replace(verdict, status=status, reason="estimate", message=message)


def decide(verdict: Verdict, policy: str, *, in_doubt: bool = False) -> Verdict:
    """What becomes of a verdict that is inconclusive at the last look.

    Args:
        policy: estimate (`decide_by_estimate`), fail (FAIL, and its message says so), or warn (it
            stays inconclusive).
        in_doubt: the estimate tells nothing either, so that it may not decide.
    """
    if verdict.status is not Status.INCONCLUSIVE or policy == "warn":
        return verdict
    if in_doubt and policy == "estimate":
        return verdict
    if policy == "fail":
        message = f"{verdict.message}; --trtperf-inconclusive=fail fails it"
        return replace(verdict, status=Status.FAIL, message=message)
    return decide_by_estimate(verdict)
