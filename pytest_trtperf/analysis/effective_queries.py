"""How many independent queries those of some rounds are worth, where they resemble each other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import chain

import numpy as np
from scipy import special

from pytest_trtperf.analysis.summary import FloatArray

WINDOWS = (50, 20, 10, 5)
"""The windows of consecutive queries that a round is cut into to see slow ones cluster."""

PART_S = 1.0
"""A longer round is no closer unit than several rounds: it counts as parts of this length."""


def parts_of(
    rounds: Sequence[FloatArray], least_queries: int, seconds: float, most: int
) -> list[FloatArray]:
    """Long rounds in parts, so that few rounds of a slow engine show their spread.

    Args:
        least_queries: of a part. seconds: of all rounds; a part has at least `PART_S`.
        most: parts, of all rounds together.
    """
    each_s = seconds / len(rounds)
    if not math.isfinite(each_s):
        return list(rounds)
    by_time, allowed = int(each_s / PART_S), most // len(rounds)

    def parts(one: FloatArray) -> list[FloatArray]:
        number = max(1, min(by_time, allowed, one.size // least_queries))
        return np.array_split(one, number)

    return list(chain.from_iterable(map(parts, rounds)))


def clustering(rounds: Sequence[FloatArray], tail: float, alpha: float) -> float:
    """How many queries of a round are worth one independent query; at least 1.

    The variance of the number of slow queries in windows of consecutive ones, over that of a
    random order (hypergeometric), at the window length where it is greatest. Slow is what lies
    above the round's own quantile, so that the level of a round does not count.
    """
    worst = 1.0
    for windows in WINDOWS:
        squares = expected = 0.0
        parts = 0
        for one in rounds:
            length = one.size // windows
            above = one > np.sort(one)[max(one.size - 1 - math.floor(tail * one.size + 1e-9), 0)]
            slow = int(above.sum())
            if length < 2 or not slow:
                continue
            sums = np.concatenate(([0], np.cumsum(above)))
            # whole numbers, so that neither the order of time nor that of rounds matters
            excess = one.size * (sums[length:] - sums[:-length]) - length * slow
            squares += float(np.mean(excess**2)) / one.size**2
            share = slow / one.size
            expected += length * share * (1 - share) * (one.size - length) / (one.size - 1)
            parts += windows - 1
        if expected:
            worst = max(worst, squares / expected * few(parts, alpha))
    return worst


def spread(rounds: Sequence[FloatArray], limits: FloatArray) -> FloatArray:
    """How many queries are worth one independent query, by the shares of rounds above `limits`.

    Kish (1965): the variance of a share between clusters over its binomial variance.

    Args:
        rounds: each in ascending order.
    """
    above = np.array([one.size - np.searchsorted(one, limits, "right") for one in rounds])
    sizes = np.array([one.size for one in rounds])
    share = above.sum(axis=0) / sizes.sum()
    binomial = share * (1 - share) / sizes.sum()
    variance = (above / sizes[:, None]).var(axis=0, ddof=1) / len(rounds)
    some = binomial > 0
    effect = np.zeros(limits.size)
    effect[some] = variance[some] / binomial[some]
    return effect


def few(degrees: int, alpha: float) -> float:
    """What a variance is multiplied with for having been estimated from few values."""
    return float(special.stdtrit(degrees, 1 - alpha) / special.ndtri(1 - alpha)) ** 2


def drifted(rounds: Sequence[FloatArray], p: float) -> list[FloatArray]:
    """The rounds with their levels (medians) as far apart as rounds to come may be.

    The factor is the `p`-th percentile of Student's t, and at least 1. What the medians of
    independent queries vary by is no drift, and is left out of it.

    Args:
        rounds: each in ascending order.
    """
    levels = [float(np.median(one)) for one in rounds]
    centre = math.fsum(levels) / len(levels)
    variance = math.fsum((level - centre) ** 2 for level in levels) / (len(levels) - 1)
    noise = math.fsum(map(_median_variance, rounds)) / len(rounds)
    real = math.sqrt(max(0.0, 1 - noise / variance)) if variance else 0.0
    factor = max(1.0, real * abs(float(special.stdtrit(len(rounds) - 1, p / 100))))
    return [
        one + (factor - 1) * (level - centre) for one, level in zip(rounds, levels, strict=True)
    ]


def _median_variance(ordered: FloatArray) -> float:
    """The variance of the median of independent values, from the order statistics beside it."""
    middle, half = (ordered.size - 1) / 2, math.sqrt(ordered.size) / 2
    below = ordered[max(math.floor(middle - half), 0)]
    above = ordered[min(math.ceil(middle + half), ordered.size - 1)]
    return float((above - below) / 2) ** 2
