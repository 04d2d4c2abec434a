"""Limits in a test: budgets by device, and how a verdict is reached and reported."""

from __future__ import annotations

import fnmatch
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Real

from pytest_trtperf.analysis.verdict import Reason, Status, Verdict
from pytest_trtperf.errors import PerfAssertionError
from pytest_trtperf.judge.headline import headline
from pytest_trtperf.record.verdict import VerdictRecord

Limit = float | Mapping[str, float]

NOT_STEADY = "not steady: free the machine, raise max_warm_up, or lock the clocks of a GPU"


def limit_here(name: str, budget: Limit, device: str) -> float:
    """The limit of a budget on a device: the first of its patterns that matches.

    Raises:
        PerfAssertionError: no pattern matches.
        ValueError: a limit is not a number above zero.
    """
    __tracebackhide__ = True
    limits = checked_limits(name, budget)
    for pattern, limit in limits.items():
        if fnmatch.fnmatchcase(device, pattern):
            return float(limit)
    raise PerfAssertionError(
        f"the budget of {name} has no entry for {device!r}; "
        f"it has {', '.join(map(repr, limits)) or 'none at all'}: add one for this device"
    )


def checked_limits(name: str, budget: Limit) -> Mapping[str, float]:
    """The limits of a budget by pattern.

    Raises:
        ValueError: a limit is not a number above zero.
    """
    __tracebackhide__ = True
    limits = budget if isinstance(budget, Mapping) else {"*": budget}
    for pattern, limit in limits.items():
        if not is_positive(limit):
            where = f" for {pattern!r}" if isinstance(budget, Mapping) else ""
            raise ValueError(f"the budget of {name}{where} must be a number above 0, got {limit!r}")
    return limits


def is_positive(limit: object) -> bool:
    """Whether this is a finite number above zero."""
    if isinstance(limit, bool) or not isinstance(limit, Real):
        return False
    try:
        return math.isfinite(limit) and float(limit) > 0
    except OverflowError:
        return False


@dataclass(frozen=True)
class Doubts:
    """What may keep the verdicts on a measurement open, and what holds in spite of it.

    Attributes:
        steady: asked at each look, whether anything can be concluded at all.
        too_short: why the rounds are too short for that; None where they are not.
        far: the verdict that holds in spite of every doubt; None where there is none.
        stands: whether a verdict holds although the numbers are not steady.
        hopeless: whether more rounds cannot decide what a verdict leaves open.
    """

    steady: Callable[[], bool]
    too_short: str | None = None
    far: Callable[[Verdict], Verdict | None] = lambda verdict: None
    stands: Callable[[Verdict], bool] = lambda verdict: False
    hopeless: Callable[[Verdict], bool] = lambda verdict: False


def settle(
    judge: Callable[[], Verdict],
    looks: Sequence[int],
    extend: Callable[[int], bool],
    doubts: Doubts,
) -> Verdict:
    """The first conclusive verdict at the preset looks, or what it is at the last.

    Args:
        looks: those that lie ahead. extend: measures up to one; False when the time limit came
            first.
    """
    verdict = judge()
    if verdict.reason is Reason.SATURATED:
        return verdict
    if doubts.too_short:
        message = f"{verdict.message}; {doubts.too_short}"
        return doubts.far(verdict) or _open(verdict, Reason.SHORT_ROUNDS, message)
    for look in looks:
        if verdict.status is not Status.INCONCLUSIVE or doubts.hopeless(verdict):
            break
        if doubts.far(verdict) or not _goes_on(verdict, doubts):
            break
        complete = extend(look)
        verdict = judge()
        if not complete:
            break
    is_open = verdict.status is Status.INCONCLUSIVE
    if verdict.reason is Reason.SATURATED or (doubts.steady() and not is_open):
        return verdict
    if far := doubts.far(verdict):
        return far
    if doubts.steady() or (doubts.stands(verdict) and not is_open):
        return verdict
    return _open(verdict, Reason.NOT_STEADY, f"{verdict.message}; {NOT_STEADY}")


def _goes_on(verdict: Verdict, doubts: Doubts) -> bool:
    """Whether more rounds may lead to a verdict that holds."""
    lacks_time = verdict.reason is Reason.SHORT_TIME
    return doubts.steady() or (lacks_time and doubts.stands(verdict))


def _open(verdict: Verdict, reason: Reason, message: str) -> Verdict:
    return replace(verdict, status=Status.INCONCLUSIVE, reason=reason, message=message)


def others_took(share: float) -> str:
    """Why a verdict is open where other processes took this share of the time."""
    return f"other processes took {share:.0%} of the time: free the machine"


def raise_if_failed(
    records: Sequence[VerdictRecord], key: str, device: str, context: Sequence[str] = ()
) -> None:
    """Fails the test for failed verdicts: a line with the numbers of each, then all else.

    Args:
        key: of the measurement.
        context: lines that explain the failure.

    Raises:
        PerfAssertionError: a verdict failed.
    """
    __tracebackhide__ = True
    if failed := [record for record in records if record.failed]:
        first = [headline(record, key, device) for record in failed]
        rest = [record.message for record in failed if record.message not in first]
        raise PerfAssertionError("\n".join([*first, *(f"  {line}" for line in (*rest, *context))]))
