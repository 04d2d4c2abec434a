"""Stretches of nights at a worse or better level, from the changes of a series."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pytest_trtperf.analysis.level_shift import LevelShift

LASTING = 14
"""Nights after which a better level is what later ones are compared with."""

_ERRORS = 2.0
"""A level is back when it is within this many standard errors of the old one, or within `least`."""


@dataclass(frozen=True)
class Episode:
    """A stretch that began at the column `since` and was noticed at `raised`.

    `before` and `after` are levels as logarithms. `ended` is the column since when the level was
    back; None while the stretch lasts. A regression is slower than what was before.
    """

    since: int
    raised: int
    before: float
    after: float
    error: float
    ended: int | None = None

    @property
    def is_regression(self) -> bool:
        """Whether it got worse."""
        return self.after > self.before


def episodes(shifts: Sequence[LevelShift], least: float, level: float = math.nan) -> list[Episode]:
    """The stretches of one series, by their beginnings.

    A regression stands until the level is back where it came from, and another one on top of it is
    a stretch of its own. Nothing stands after an improvement; once it has lasted for `LASTING`
    nights, a return to the old level is a regression. On the night of a return few nights are at
    the new level, so that one in twenty seems to stop short: `level` decides again.

    Args:
        shifts: the changes of the series, in order.
        least: the smallest change of interest, as a logarithm.
        level: where the series is by now, by all nights since the last change; NaN if unknown.
    """
    closed: list[Episode] = []
    open_: list[Episode] = []
    for shift in shifts:
        near = max(least, _ERRORS * shift.error)
        one = Episode(shift.since, shift.raised, shift.before, shift.after, shift.error)
        if one.is_regression:
            short = open_ and not open_[-1].is_regression and shift.nights < LASTING
            if short and one.after <= open_[-1].before + near:
                closed.append(replace(open_.pop(), ended=shift.since))
                continue
            open_.append(one)
            continue
        base = shift.before
        while open_ and open_[-1].is_regression and one.after <= open_[-1].before + near:
            last = open_.pop()
            base = last.before
            closed.append(replace(last, ended=shift.since))
        standing = any(other.is_regression for other in open_)
        if not standing and one.after < base - least:
            open_.append(replace(one, before=base))
    if shifts and shifts[-1].after < shifts[-1].before:
        near = max(least, _ERRORS * shifts[-1].error)
        while open_ and open_[-1].is_regression and level <= open_[-1].before + near:
            closed.append(replace(open_.pop(), ended=shifts[-1].since))
    return sorted([*closed, *open_], key=lambda one: (one.since, one.raised))
