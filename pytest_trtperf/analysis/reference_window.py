"""The nights that a series is compared with: their level and spread, and when to alarm.

A night is an index into the values as they were given, from 0; a missing night is None or NaN and
counts for nothing. Everything works on logarithms, so the unit of the values is free, but larger
is worse: of a throughput give the reciprocal.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pytest_trtperf.analysis.summary import FloatArray

WINDOW = 30
"""Nights of a reference window."""

LEAST_WINDOW = 15

LEAST = 0.01
"""The smallest change that is reported: 0.01 is 1 %."""

ALLOWANCE = 1.5
"""What a night may deviate without counting, in standard deviations: half of a step of 3."""

CLIP = 3.0
"""The maximum deviation that one night counts for, so that an alarm takes three bad nights."""

LEAST_THRESHOLD = 2 * (CLIP - ALLOWANCE) + 0.1

WINDOWS = (15, 20, 30, 45, 60, 90)

PHIS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)

THRESHOLDS: tuple[tuple[float, ...], ...] = (
    (3.8, 4.5, 5.6, 7.1, 9.5, 12.9, 19.5, 31.5, 49.0, 73.9),
    (3.2, 3.8, 4.6, 5.7, 7.3, 9.9, 14.8, 23.6, 40.4, 69.3),
    (3.1, 3.1, 3.8, 4.5, 5.8, 7.6, 10.8, 16.8, 29.9, 58.8),
    (3.1, 3.1, 3.3, 4.0, 4.9, 6.3, 8.6, 12.7, 22.1, 47.9),
    (3.1, 3.1, 3.1, 3.7, 4.5, 5.6, 7.5, 11.0, 18.5, 41.2),
    (3.1, 3.1, 3.1, 3.4, 4.1, 5.0, 6.7, 9.4, 15.1, 32.6),
)
"""The CUSUM that 1 % of clean series reach within 60 nights after the reference window.

A row for each of `WINDOWS`, a column for each autocorrelation of `PHIS`, from series of normal
noise whose reference is estimated as here. Made by `python -m benchmarks.trend.nightly --table`.
"""

BLOCK = 5
"""Nights that are shuffled as one, and the fewest on either side of a change."""

ROUNDING = 1e-12
"""A spread below this is the rounding of logarithms."""

# 0.3 % of clean reference windows have a split beyond this, 1.5 % at an autocorrelation of 0.5.
_STEP_INSIDE = 4.0

NightlyValues = Sequence[float | None] | FloatArray

IntArray = npt.NDArray[np.intp]


def estimate(logs: FloatArray, floor: float = 0.0) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Mean, standard deviation and lag-1 autocorrelation along the last axis.

    Values are first drawn in to three standard deviations around the median (winsorised, Tukey
    1962). The standard deviation for this is 1.4826 times the median absolute deviation, at least
    `floor`. The autocorrelation is corrected for the bias of an estimated mean, about
    -(1 + 3 phi) / n (Kendall 1954).
    """
    size = logs.shape[-1]
    kept = _drawn_in(logs, floor)
    centre = kept.mean(axis=-1, keepdims=True)
    rest = kept - centre
    squares = (rest**2).sum(axis=-1)
    products = (rest[..., 1:] * rest[..., :-1]).sum(axis=-1)
    least = size * ROUNDING**2
    # a constant has no autocorrelation: this comes out as 0
    raw = np.where(squares > least, products / np.maximum(squares, least), -1 / size)
    phi = np.clip((size * raw + 1) / (size - 3), -1, 1)
    return centre[..., 0], np.sqrt(squares / (size - 1)), phi


def threshold(window: int, phi: float) -> float:
    """The CUSUM at which to alarm, for a window's length and its estimated autocorrelation.

    It is read from `THRESHOLDS` at one standard error, 1 / sqrt(window) (Bartlett 1946), above the
    estimate: too small an estimate makes false alarms. Between columns it is linear in phi, between
    rows in 1 / window. It is at least `LEAST_THRESHOLD`.
    """
    upper = phi + 1 / math.sqrt(window)
    column = [float(np.interp(upper, PHIS, row)) for row in THRESHOLDS]
    value = float(np.interp(-1 / window, [-1 / one for one in WINDOWS], column))
    return max(LEAST_THRESHOLD, value)


def measured(values: NightlyValues, least: float) -> tuple[FloatArray, IntArray, float]:
    """Logarithms relative to the first value, the nights they are from, and that first value.

    Raises:
        ValueError: a value is zero, negative or infinite, or `least` is not in (0, 1].
    """
    if not 0 < least <= 1:
        raise ValueError(f"the smallest change {least} is not in (0, 1]")
    series = np.array([math.nan if one is None else one for one in values], dtype=np.float64)
    wrong = np.flatnonzero((series <= 0) | np.isinf(series))
    if wrong.size:
        raise ValueError(
            f"night {wrong[0]} is {series[wrong[0]]}: it must be positive and finite, or missing"
        )
    nights = np.flatnonzero(~np.isnan(series))
    unit = float(series[nights[0]]) if nights.size else 1.0
    return np.log(series[nights] / unit), nights, unit


def _drawn_in(logs: FloatArray, floor: float) -> FloatArray:
    middle = np.median(logs, axis=-1, keepdims=True)
    spread = 1.4826 * np.median(np.abs(logs - middle), axis=-1, keepdims=True)
    reach = 3 * np.maximum(spread, floor)
    kept: FloatArray = np.clip(logs, middle - reach, middle + reach)
    return kept


def step_inside(logs: FloatArray, floor: float) -> int:
    """Where the level of a reference window moves; 0 where it does not.

    The split is that with the largest t statistic. Its variance is inflated by
    (1 + phi) / (1 - phi), where phi is the autocorrelation of what is left after the split. As in
    `threshold`, phi is taken one standard error above its estimate.
    """
    kept = _drawn_in(logs, floor)
    size = kept.size
    before = np.arange(BLOCK, size - BLOCK + 1)
    sums = np.cumsum(kept - kept.mean())[before - 1]
    place = int(before[np.argmax(np.abs(sums) / np.sqrt(before * (size - before)))])
    parts = kept[:place], kept[place:]
    change = abs(float(parts[1].mean() - parts[0].mean()))
    rest = np.concatenate([part - part.mean() for part in parts])
    variance = max(float((rest**2).sum()) / (size - 2), floor**2)
    raw = float((rest[1:] * rest[:-1]).sum()) / (variance * (size - 2))
    # two means are estimated, so the bias is twice as large
    phi = min(max((size * raw + 2) / (size - 4) + 1 / math.sqrt(size), 0.0), 0.9)
    error = math.sqrt(variance * (1 + phi) / (1 - phi) * (1 / place + 1 / (size - place)))
    return place if change > _STEP_INSIDE * error and change >= 3 * floor else 0
