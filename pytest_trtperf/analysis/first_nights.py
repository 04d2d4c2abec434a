"""Whether the first nights of a series, which are to be its reference, have two levels."""

from __future__ import annotations

import math

import numpy as np

from pytest_trtperf.analysis.night_noise import mean_variance
from pytest_trtperf.analysis.summary import FloatArray

LEAST_BEFORE, LEAST_AFTER = 2, 4
"""Nights at either level."""

_SURE = 6.0
"""Standard errors between the levels, where the noise is known from many series."""

_SURE_ALONE = 12.0
"""The same where it is known from these nights alone, whose spread has a t distribution."""


def two_levels(
    values: FloatArray, sd: float, phi: float, *, alone: bool
) -> tuple[int, float] | None:
    """How many nights are at the first of two levels, and the standard deviation of a night.

    None where there is one level.

    All nights at a level are on one side of all at the other, so that a few odd nights are no
    level.

    Args:
        values: logarithms, one a night.
        sd: the standard deviation of a night in series that resemble this one.
        phi: the autocorrelation of nights.
        alone: whether there are few of those.
    """
    best, found = (_SURE_ALONE if alone else _SURE), None
    least = 1e-9  # of nights that are all alike
    for place in range(LEAST_BEFORE, values.size - LEAST_AFTER + 1):
        before, after = values[:place], values[place:]
        if before.min() < after.max() and after.min() < before.max():
            continue
        squares = np.sum((before - before.mean()) ** 2) + np.sum((after - after.mean()) ** 2)
        own = math.sqrt(float(squares) / (values.size - 2))
        spread = max(own, least if alone else sd)
        nights = np.array([float(before.size), float(after.size)])
        error = spread * math.sqrt(float(mean_variance(nights, np.full(2, phi)).sum()))
        size = abs(float(after.mean() - before.mean()))
        if size > best * error:
            best, found = size / error, (place, spread)
    return found
