"""The highest request rate at which a percentile of the response holds."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

FIRST_ROUNDS = 3
"""Rounds of a trial while the rate is looked for."""

BRACKET = 1.1
"""It is found when the lowest rate that missed is this close above the highest that held."""

LAST_TRIALS = 9
"""Trials around the found rate that the answer comes from."""

LAST_ROUNDS = 12
MARGIN = 1.05
"""How far the last trials reach beyond the bracket, which chance may have put beside the rate."""

LEAST_SLOPE = 0.5
"""Of the response in the rate, on logarithms: disturbed trials may seem to have less or none."""

SLOWEST = 1 / 32
"""Rates are searched down to this share of the rate that was started from."""

TryRate = Callable[[float, int, int], "Trial"]


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
class MaxQpsEstimate:
    """The highest rate that holds, in queries per second.

    Attributes:
        lower, upper: bounds of a confidence interval of about 95 %.
        trials: all that were made, by rate.
    """

    rate: float
    lower: float
    upper: float
    limit_ms: float
    trials: tuple[Trial, ...]


def search_max_qps(try_rate: TryRate, start: float, limit_ms: float) -> MaxQpsEstimate:
    """Finds the rate by doubling and bisection, and measures closely around it.

    While it looks, a miss is tried once more and the better of the two counts: what disturbs a
    trial makes it worse, and a disturbed one would bound the search for good. Around the rate,
    logarithms of response and rate lie on a line, whose slope is the median of the trials' pairs
    (Theil 1950). Each trial moved along it to the limit is one estimate. The answer is their
    median, the interval goes from the lowest to the highest of them: it holds the rate in about
    95 % of simulated searches, the slope's own error included.

    Args:
        try_rate: makes a trial of a rate, with the n-th draw of arrivals, in so many rounds.
        start: queries per second to start from; halved until it holds.

    Raises:
        ValueError: not even the slowest rate holds, or the limit is not positive.
    """
    if not (math.isfinite(limit_ms) and limit_ms > 0):
        raise ValueError(f"a limit must be a number of ms above 0, got {limit_ms}")
    trials: list[Trial] = []

    def tried(rate: float, rounds: int = FIRST_ROUNDS) -> Trial:
        trials.append(try_rate(rate, len(trials), rounds))
        return trials[-1]

    good, bad = _bracket(tried, start, limit_ms)
    around = np.geomspace(good.rate / MARGIN, bad.rate * MARGIN, LAST_TRIALS)
    last = [tried(float(rate), LAST_ROUNDS) for rate in around]
    rate, lower, upper = _crossing(last, limit_ms) or _edge(last, good)
    ordered = tuple(sorted(trials, key=lambda trial: trial.rate))
    return MaxQpsEstimate(rate, lower, upper, limit_ms, ordered)


def _bracket(tried: Callable[[float], Trial], start: float, limit_ms: float) -> tuple[Trial, Trial]:
    """A rate that held, and one close above it that missed."""

    def better_of_two(rate: float) -> Trial:
        first = tried(rate)
        return first if first.holds(limit_ms) else min(first, tried(rate), key=_badness)

    trial = better_of_two(start)
    held, missed = (trial, None) if trial.holds(limit_ms) else (None, trial)
    while held is None or missed is None:
        if missed is None and held is not None:
            trial = better_of_two(2 * held.rate)
        elif missed is not None:
            if missed.rate < start * SLOWEST:
                raise ValueError(
                    f"a response of {limit_ms:g} ms is not held at any rate: at "
                    f"{missed.rate:.3g} qps it is {missed.response_ms:.4g} ms"
                )
            trial = better_of_two(missed.rate / 2)
        held, missed = (trial, missed) if trial.holds(limit_ms) else (held, trial)
    while missed.rate / held.rate > BRACKET:
        trial = better_of_two(math.sqrt(held.rate * missed.rate))
        held, missed = (trial, missed) if trial.holds(limit_ms) else (held, trial)
    return held, missed


def _edge(trials: Sequence[Trial], good: Trial) -> tuple[float, float, float]:
    """Rate and interval of a device that breaks down before the response reaches the limit."""
    saturated = min(trial.rate for trial in trials if trial.saturated)
    served = [trial.rate for trial in trials if not trial.saturated and trial.rate < saturated]
    lower = max(served, default=good.rate / MARGIN)
    return min(good.rate, saturated), min(lower, good.rate), max(saturated, good.rate)


def _badness(trial: Trial) -> float:
    return math.inf if trial.saturated else trial.response_ms


def _crossing(trials: Sequence[Trial], limit_ms: float) -> tuple[float, float, float] | None:
    """Rate and interval; None where too many trials were saturated."""
    usable = [trial for trial in trials if not trial.saturated]
    if len(usable) < LAST_TRIALS - 2:
        return None
    rates = np.log([trial.rate for trial in usable])
    responses = np.log([trial.response_ms for trial in usable])
    first, second = np.triu_indices(len(usable), 1)
    slopes = (responses[second] - responses[first]) / (rates[second] - rates[first])
    slope = max(float(np.median(slopes)), LEAST_SLOPE)
    estimates = np.sort(np.exp(rates + (math.log(limit_ms) - responses) / slope))
    return float(np.median(estimates)), float(estimates[0]), float(estimates[-1])
