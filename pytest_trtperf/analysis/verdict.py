"""What a gate says: one value for budgets and comparisons, made once, before any printer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum


class Status(str, Enum):
    """The three answers of a gate; INCONCLUSIVE asks for more rounds."""

    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


class Reason(str, Enum):
    """Why a verdict is what it is; records keep the value."""

    WITHIN_LIMIT = "within_limit"
    OVER_LIMIT = "over_limit"
    UNDER_LIMIT = "under_limit"
    OVERLAPS_LIMIT = "overlaps_limit"
    TOO_FEW_ROUNDS = "too_few_rounds"
    TOO_FEW_QUERIES = "too_few_queries"
    SHORT_TIME = "short_time"
    """Too short a time for a percentile to pass: bursts of slow queries may lie beside it."""
    ESTIMATE = "estimate"
    """The rounds left it open, and the point estimate decided: in records of older releases."""
    NOT_STEADY = "not_steady"
    DISTURBED = "disturbed"
    SATURATED = "saturated"
    CONTENDED = "contended"
    DOUBTFUL = "doubtful"
    """The measurement as a whole supports no conclusion."""
    ENQUEUE_BOUND = "enqueue_bound"
    TOO_NOISY = "too_noisy"
    MACHINE_CHANGED = "machine_changed"
    OTHER_MODE = "other_mode"
    ONE_SESSION = "one_session"
    """A regression that no fresh session has confirmed."""
    NO_TIME = "no_time"
    """A suspicious number that no time was left for."""
    ENVIRONMENT = "environment"
    """The machine is slower, and the engine is not."""
    SOFTWARE = "software"
    """Other versions of what runs the engine are slower, and the engine itself is not."""
    SHORT_ROUNDS = "short_rounds"
    """Rounds of this measurement or of its baseline are too short for any verdict."""
    NO_FIGURE = "no_figure"
    """This backend or device does not have what a budget is about."""
    OTHER_HOST = "other_host"
    """The build that a budget is about was made on another host."""


@dataclass(frozen=True)
class Verdict:
    """An answer with its evidence; `value`, `lower`, `upper` and `limit` share one unit.

    Attributes:
        status: pass, fail or inconclusive.
        reason: why, as a code.
        message: the same in words; empty where whoever judges leaves the words to others.
        value: the estimate; NaN where there is nothing to measure.
        lower: one-sided confidence bound; None where the data support none.
        upper: the other one.
        limit: what it is held to; NaN where there is nothing to measure.
        higher_is_better: whether the limit is a minimum.
    """

    status: Status
    reason: Reason
    message: str
    value: float
    lower: float | None
    upper: float | None
    limit: float
    higher_is_better: bool = False


_EVIDENT = (Reason.OVER_LIMIT, Reason.UNDER_LIMIT, Reason.SATURATED)
"""Reasons of a failure that was seen; with any other an option failed what is inconclusive."""


def evident_status(verdict: Verdict) -> Status:
    """What the figures say; INCONCLUSIVE where an option alone made it a failure."""
    failed_by_policy = verdict.status is Status.FAIL and verdict.reason not in _EVIDENT
    return Status.INCONCLUSIVE if failed_by_policy else verdict.status


def keeps_limit(verdict: Verdict) -> bool:
    """Whether the point estimate alone keeps the limit (being equal to it does)."""
    if verdict.higher_is_better:
        return verdict.value >= verdict.limit
    return verdict.value <= verdict.limit


def decide(verdict: Verdict, failed_by: str | None) -> Verdict:
    """What becomes of a verdict that is inconclusive at the last look.

    Args:
        failed_by: the option that fails it, which its message then names; None leaves it open.
    """
    if verdict.status is not Status.INCONCLUSIVE or failed_by is None:
        return verdict
    message = "; ".join(filter(None, [verdict.message, f"{failed_by} fails it"]))
    return replace(verdict, status=Status.FAIL, message=message)
