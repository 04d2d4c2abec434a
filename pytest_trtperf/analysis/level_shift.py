"""When a level changed, and by how much."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pytest_trtperf.analysis.summary import FloatArray

_REACH = 3.0
"""Deviations beyond this, in standard deviations, count as this."""


@dataclass(frozen=True)
class LevelShift:
    """A change of a series: `since` the first night at the new level, `raised` when it was noticed.

    Both are columns. `before` and `after` are levels as logarithms, `error_before` is the standard
    error of the first and `error` that of their difference. `nights` is how many were measured at
    the old level.
    """

    series: int
    since: int
    raised: int
    before: float
    after: float
    error_before: float
    error: float
    nights: int


def robust_mean(values: FloatArray, sd: float) -> float:
    """The mean, with what is far from the median drawn in (winsorised, Tukey 1962)."""
    middle = float(np.median(values))
    return float(np.clip(values, middle - _REACH * sd, middle + _REACH * sd).mean())


def best_split(values: FloatArray, before: float, sd: float, phi: float) -> int:
    """The first night at a new level: the likeliest split of values that begin at `before`.

    For each split the new level is the median of what follows. Nights cost the square of their
    surprise, at most that of three standard deviations, so that odd nights do not decide.
    """
    size = values.size
    splits = np.arange(max(size - 1, 1))
    after = np.array([np.median(values[split:]) for split in splits])
    levels = np.where(np.arange(size) >= splits[:, None], after[:, None], before)
    rest = (values - levels) / sd
    drawn = np.clip(rest, -_REACH, _REACH)
    expected = np.zeros_like(rest)
    expected[:, 1:] = phi * drawn[:, :-1]
    surprise = (rest - expected) / np.sqrt(1 - phi**2)
    costs = np.minimum(surprise**2, _REACH**2).sum(axis=1)
    return int(np.argmin(costs))
