"""How much slower each measurement is, and where that lies on a scale that all rows share."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pytest_trtperf.record.base import Number
from pytest_trtperf.record.model import Measured, MeasurementRecord, PairRecord
from pytest_trtperf.record.verdict import VerdictRecord
from pytest_trtperf.report.marks import deciding_race, marks_of, shift_of
from pytest_trtperf.report.outcomes import decisive

_USUAL_LIMIT = 0.05
_LEAST_LIMITS, _MOST_LIMITS = 2.0, 4.0
"""A scale reaches this many tolerances: a test ten times slower must not hide all others."""

_STEPS = (1.0, 2.0, 5.0)


@dataclass(frozen=True)
class Change:
    """A change as a share, and how much longer a query takes by it, which sorts all metrics alike.

    `worse` and its bounds are shares of time, `limit` how much of it is allowed. `stored` is what
    the comparison with the baseline said where a race decided in its place. `marks` are those of
    the terminal's table, and `shift` how much slower the machine was, which is not in the change.
    """

    metric: str
    share: float
    lower: Number
    upper: Number
    worse: float
    worse_lower: Number
    worse_upper: Number
    limit: Number
    stored: Number = None
    marks: str = ""
    shift: Number = None


def change_of(one: Measured) -> Change | None:
    """The change that decides; None where nothing was compared."""
    if isinstance(one, MeasurementRecord):
        shown = decisive(one)
    else:
        shown = _of_pair(one) if isinstance(one, PairRecord) else None
    return change_in(shown) if shown else None


def change_in(verdict: VerdictRecord) -> Change | None:
    """The change of a verdict: of a race that failed it, else of the comparison."""
    raced = deciding_race(verdict)
    share = raced.change if raced else verdict.change
    if share is None or share <= -1:
        return None
    is_rate = verdict.metric.lower().endswith("throughput")
    ends = (raced.lower, raced.upper) if raced else (verdict.lower, verdict.upper)
    lower, upper = (end if end is not None and math.isfinite(end) else None for end in ends)
    bounds = [_slower(bound, is_rate) for bound in (lower, upper)]
    if is_rate:
        bounds.reverse()
    stored = _slower(verdict.change, is_rate) if raced else None
    worse = _slower(share, is_rate)
    assert worse is not None
    limit = verdict.limit
    if limit is not None and limit < 0:
        limit = _slower(limit, is_rate)
    return Change(
        verdict.metric, share, lower, upper, worse, bounds[0], bounds[1], limit, stored,
        marks_of(verdict), shift_of(verdict),
    )  # fmt: skip


def _of_pair(one: PairRecord) -> VerdictRecord | None:
    """What was judged, failures first; else the first number, which is held to nothing."""
    compared = [verdict for verdict in one.verdicts if verdict.change is not None]
    for kind, ratio in one.ratios.items():
        change, lower, upper = (ratio[name] - 1 for name in ("value", "lower", "upper"))
        compared.append(
            VerdictRecord(kind="pair", metric=kind, status="", reason="", message="",
                          change=change, lower=lower, upper=upper)
        )  # fmt: skip
    return next((v for v in compared if v.failed), compared[0] if compared else None)


def _slower(share: Number, is_rate: bool) -> Number:
    """A change of a time or of a rate as that of the time that a query takes."""
    if share is None or not math.isfinite(share) or share <= -1:
        return None
    return 1 / (1 + share) - 1 if is_rate else share


@dataclass(frozen=True)
class Strip:
    """A change in a row, in per cent of its width; `beyond` says that the value is off the scale.

    `low` and `high` are the tolerance, `start` and `end` the interval, `bar` begins at no change.
    """

    at: float
    start: float
    end: float
    low: float
    high: float
    bar_start: float
    bar_width: float
    beyond: str
    stored: float | None


@dataclass(frozen=True)
class Scale:
    """From `-reach` to `reach`, no change in the middle; all are shares of time."""

    reach: float

    @classmethod
    def of(cls, changes: Iterable[Change]) -> Scale:
        """A scale with room for most of these."""
        found = list(changes)
        limit = max((one.limit for one in found if one.limit), default=_USUAL_LIMIT)
        largest = max((abs(one.worse) for one in found), default=0.0)
        return cls(max(_LEAST_LIMITS * limit, min(1.15 * largest, _MOST_LIMITS * limit)))

    def place(self, share: float) -> float:
        """Where a share lies, in per cent of the width; what is beyond lies at the edge."""
        return round(50 + 48 * max(-1.0, min(share / self.reach, 1.0)), 2)

    @property
    def ticks(self) -> Sequence[tuple[float, float]]:
        """Round shares, and where they lie."""
        power = 10.0 ** math.floor(math.log10(self.reach / 2))
        fitting = [step * power for step in _STEPS if step * power <= self.reach / 1.6]
        step = fitting[-1] if fitting else power
        count = int(self.reach / step + 1e-9)
        return [(number * step, self.place(number * step)) for number in range(-count, count + 1)]

    def strip(self, one: Change) -> Strip:
        """How a change is drawn."""
        at, zero = self.place(one.worse), self.place(0.0)
        limit = one.limit or 0.0
        lower = -self.reach if one.worse_lower is None else one.worse_lower
        upper = self.reach if one.worse_upper is None else one.worse_upper
        beyond = "slower" if one.worse > self.reach else "faster" if one.worse < -self.reach else ""
        return Strip(
            at=at,
            start=self.place(lower),
            end=self.place(upper),
            low=self.place(-limit),
            high=self.place(limit),
            bar_start=min(at, zero),
            bar_width=round(abs(at - zero), 2),
            beyond=beyond,
            stored=None if one.stored is None else self.place(one.stored),
        )
