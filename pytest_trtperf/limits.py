"""Budgets that may differ by device, and what becomes of a verdict in a test."""

from __future__ import annotations

import fnmatch
import math
import warnings
from collections.abc import Mapping, Sequence
from numbers import Real

from pytest_trtperf.analysis.verdict import Status
from pytest_trtperf.report.record import VerdictRecord

Limit = float | Mapping[str, float]


class PerfAssertionError(AssertionError):
    """A budget was missed or performance regressed."""


class InconclusiveWarning(UserWarning):
    """A verdict stayed inconclusive and the policy is to warn."""


def limit_here(name: str, budget: Limit, device: str) -> float:
    """The limit of a budget on a device: the first of its patterns that matches.

    Raises:
        PerfAssertionError: no pattern matches.
        ValueError: a limit is not a number above zero.
    """
    __tracebackhide__ = True
    limits = budget if isinstance(budget, Mapping) else {"*": budget}
    for pattern, limit in limits.items():
        if not is_positive(limit):
            where = f" for {pattern!r}" if isinstance(budget, Mapping) else ""
            raise ValueError(f"the budget of {name}{where} must be a number above 0, got {limit!r}")
    for pattern, limit in limits.items():
        if fnmatch.fnmatchcase(device, pattern):
            return float(limit)
    raise PerfAssertionError(
        f"the budget of {name} has no entry for {device!r}; "
        f"it has {', '.join(map(repr, limits)) or 'none at all'}: add one for this device"
    )


def is_positive(limit: object) -> bool:
    """Whether this is a finite number above zero."""
    if isinstance(limit, bool) or not isinstance(limit, Real):
        return False
    try:
        return math.isfinite(limit) and float(limit) > 0
    except OverflowError:
        return False


def raise_if_failed(records: Sequence[VerdictRecord], context: Sequence[str] = ()) -> None:
    """Fails the test for failed verdicts, and warns of inconclusive ones.

    Args:
        context: lines that explain the failure.

    Raises:
        PerfAssertionError: a verdict failed.
    """
    __tracebackhide__ = True
    for record in records:
        if record.status == Status.INCONCLUSIVE.value and not record.failed:
            warnings.warn(record.message, InconclusiveWarning, stacklevel=4)
    if failed := [record.message for record in records if record.failed]:
        raise PerfAssertionError("\n".join([*failed, *(f"  {line}" for line in context)]))
