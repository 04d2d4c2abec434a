"""The rate at which 1 % of the responses miss a limit, from trials of rates around it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from pytest_trtperf.analysis.queueing import bounded_load, clumping, slope_of_misses

MISSES = 0.01

WINDOW = 2.0
"""Trials count where the share of misses is at most e^2 times away from 1 %."""

NARROWEST, WIDEST = 0.095, 0.5
"""That window, on the logarithm of the rate."""

SLOPE_SD = 0.4
"""How far a queue's slope may be from `slope_of_misses`, on its logarithm."""

LEAST_FREEDOM = 3
CONFIDENCE = 0.95
STEPS, STEADY = 8, 1e-3


@dataclass(frozen=True)
class Trial:
    """A request rate that was tried.

    Attributes:
        rate: queries per second.
        response_ms: the percentile of the response, ms.
        saturated: whether the device fell ever further behind.
    """

    rate: float
    response_ms: float
    saturated: bool = False

    def holds(self, limit_ms: float) -> bool:
        """Whether the response is within the limit."""
        return not self.saturated and self.response_ms <= limit_ms


@dataclass(frozen=True)
class CountedTrial:
    """A trial with its misses.

    Attributes:
        queries, misses: of each batch, longer than the queue remembers; a miss is a response
            beyond the limit.
        seconds: that the rounds of the trial took.
    """

    trial: Trial
    queries: tuple[int, ...]
    misses: tuple[int, ...]
    seconds: float = 0.0


@dataclass(frozen=True)
class RateEstimate:
    """A rate with an interval, queries per second.

    Attributes:
        misses, queries: that it rests on. trials: how many of them.
    """

    rate: float
    lower: float
    upper: float
    misses: int
    queries: int
    trials: int


def window(load: float, cov: float) -> float:
    """How far from the rate trials count, on logarithms."""
    return min(max(WINDOW / slope_of_misses(load, cov), NARROWEST), WIDEST)


def estimate_rate(
    trials: Sequence[CountedTrial], near: float, capacity: float, cov: float
) -> RateEstimate | None:
    """The rate at which 1 % of the responses miss, by all trials near to it; None without any.

    Around it the share of misses grows with a power b of the rate, so that one number of misses is
    as good as the trials together: sum(misses) = 1 % sum(queries (rate / r)^b) is solved for r. The
    power is the likeliest one, beside what a queue of this load has. Misses come in clumps: the
    variance of their number over its mean is that of batches (Law and Carson 1979) or of trials,
    whichever is greater, and at least `clumping`. The interval is that of a Poisson mean with that
    variance (Garwood 1936), widened by Student's t for few batches and by the error of the power.

    Args:
        near: a rate to begin with, queries per second.
        capacity: that the device can do. cov: of its service time.
    """
    found = None
    for _ in range(STEPS):
        close = window(bounded_load(near, capacity), cov)
        used = [one for one in trials if abs(math.log(one.trial.rate / near)) <= close]
        if not used:
            break
        found = _estimate(used, near, capacity, cov)
        moved = math.log(found.rate / near)
        near = found.rate
        if abs(moved) < STEADY:
            break
    return found


def _estimate(
    used: Sequence[CountedTrial], near: float, capacity: float, cov: float
) -> RateEstimate:
    queries = np.concatenate([np.asarray(one.queries, float) for one in used])
    misses = np.concatenate([np.asarray(one.misses, float) for one in used])
    away = np.concatenate(
        [np.full(len(one.queries), math.log(one.trial.rate / near)) for one in used]
    )
    load, total, freedom = bounded_load(near, capacity), misses.sum(), len(misses) - 1
    expected = slope_of_misses(load, cov)

    begins = np.cumsum([0, *(len(one.queries) for one in used)])[:-1]

    def dispersion(slope: float) -> float:
        share = queries * np.exp(slope * away)
        mean = share * max(total, 0.5) / share.sum()
        # Trials may differ by more than their batches, such as by the device's clocks.
        odd = misses - mean, np.add.reduceat(misses - mean, begins)
        found = [
            float((one**2).sum() / mean.sum()) * one.size / (one.size - 1)
            for one in odd
            if one.size > LEAST_FREEDOM
        ]
        return max([clumping(load), *found])

    slopes = expected * np.exp(np.linspace(-3, 3, 25) * SLOPE_SD)
    grown = np.exp(np.outer(slopes, away)) @ queries
    likelihood = (slopes * (misses @ away) - total * np.log(grown)) / dispersion(expected)
    likelihood -= np.log(slopes / expected) ** 2 / (2 * SLOPE_SD**2)
    weights = np.exp(likelihood - likelihood.max())
    logarithm = float(np.average(np.log(slopes), weights=weights))
    error = math.sqrt(float(np.average((np.log(slopes) - logarithm) ** 2, weights=weights)))
    slope = math.exp(logarithm)

    share = queries * np.exp(slope * away)
    clump, tail = dispersion(slope), (1 + CONFIDENCE) / 2
    wider = clump * (special.stdtrit(max(freedom, LEAST_FREEDOM), tail) / special.ndtri(tail)) ** 2
    middle = clump * special.gammaincinv(total / clump + 0.5, 0.5)
    most = wider * special.gammaincinv(total / wider + 0.5, tail)
    least = wider * special.gammaincinv(total / wider, 1 - tail) if total else 0.0

    centre = math.log(MISSES * share.sum() / middle) / slope
    flattest = slope * math.exp(-error / 2)
    moved = 2 * error * abs(centre - float(np.average(away, weights=share)))
    down = math.hypot(max(0.0, math.log(most / middle)) / flattest, moved)
    up = math.hypot((math.log(middle) - math.log(least)) / flattest, moved) if least else math.inf
    rate = near * math.exp(min(max(centre, -WIDEST), WIDEST))
    highest = max(capacity, rate)
    upper = highest if up > math.log(highest / rate) else rate * math.exp(up)
    return RateEstimate(
        rate, rate * math.exp(-down), upper, int(total), int(queries.sum()), len(used)
    )
