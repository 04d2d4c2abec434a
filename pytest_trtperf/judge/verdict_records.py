"""A verdict as it is recorded."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pytest_trtperf.analysis.verdict import Status, Verdict
from pytest_trtperf.record.verdict import RaceRecord, VerdictRecord


@dataclass(frozen=True)
class Relative:
    """A number against that of a reference; `ratio` and its bounds are current over reference.

    `limit` is the share by which they may differ, `finds` the slowdown that would be found with
    90 % power, and `shift` how much slower the machine is; both are shares.
    """

    current: float
    reference: float
    ratio: float
    lower: float
    upper: float
    limit: float
    finds: float | None = None
    shift: float | None = None


def verdict_record(
    kind: str,
    metric: str,
    verdict: Verdict,
    message: str,
    relative: Relative | None = None,
    race: RaceRecord | None = None,
) -> VerdictRecord:
    """The record of a verdict.

    Args:
        kind: budget, baseline, pair or race.
        relative: of a comparison, whose bounds and limit are recorded as shares.
    """
    value, lower, upper, limit = verdict.value, verdict.lower, verdict.upper, verdict.limit
    if relative:
        value, limit = relative.current, relative.limit
        lower, upper = relative.lower - 1, relative.upper - 1
    return VerdictRecord(
        kind=kind,
        metric=metric,
        status=verdict.status.value,
        reason=verdict.reason.value,
        message=message,
        value=_finite(value),
        lower=_finite(lower),
        upper=_finite(upper),
        limit=_finite(limit),
        baseline=relative.reference if relative else None,
        change=relative.ratio - 1 if relative else None,
        finds=_finite(relative.finds) if relative else None,
        shift=_finite(relative.shift) if relative else None,
        race=race,
        failed=verdict.status is Status.FAIL,
    )


def _finite(value: float | None) -> float | None:
    """A number that JSON has; None for the others."""
    return value if value is not None and math.isfinite(value) else None
