"""The highest request rate at which a percentile of the response holds."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pytest_trtperf.analysis.verdict import Status

PRECISION = 1.02
"""The search ends when the lowest rate that missed is this close above the highest that held."""

SLOWEST = 1 / 1024
"""Rates are searched down to this share of the rate that was started from."""


@dataclass(frozen=True)
class Trial:
    """A request rate that was tried.

    Attributes:
        rate: queries per second. response_ms: the percentile; a lower bound when saturated.
        status: of the budget at this rate.
    """

    rate: float
    response_ms: float
    status: Status
    saturated: bool = False

    def holds(self, limit_ms: float) -> bool:
        """Whether the estimate is within the limit."""
        return not self.saturated and self.response_ms <= limit_ms


@dataclass(frozen=True)
class Capacity:
    """The highest rate that holds, in queries per second, and what it was found from.

    Attributes:
        lower: the highest rate that surely held, with no miss below. upper: the lowest that
            surely missed, with no pass above.
    """

    rate: float
    lower: float
    upper: float
    limit_ms: float
    trials: tuple[Trial, ...]


def search_capacity(try_rate: Callable[[float], Trial], start: float, limit_ms: float) -> Capacity:
    """Doubles the rate until it misses the limit, then bisects on the logarithm.

    Between the last two rates the logarithm of the response is taken to be straight.

    Args:
        start: queries per second to start from; halved until it holds.

    Raises:
        ValueError: not even the slowest rate holds, or the limit is not positive.
    """
    if not (math.isfinite(limit_ms) and limit_ms > 0):
        raise ValueError(f"a limit must be a number of ms above 0, got {limit_ms}")
    trials = [try_rate(start)]
    if trials[0].holds(limit_ms):
        while trials[-1].holds(limit_ms):
            trials.append(try_rate(2 * trials[-1].rate))
    else:
        while not trials[-1].holds(limit_ms):
            if trials[-1].rate < start * SLOWEST:
                raise ValueError(
                    f"a response of {limit_ms:g} ms is not held at any rate: at "
                    f"{trials[-1].rate:.3g} qps it is {trials[-1].response_ms:.4g} ms"
                )
            trials.append(try_rate(trials[-1].rate / 2))
    good, bad = _bracket(trials, limit_ms)
    while bad.rate / good.rate > PRECISION:
        trials.append(try_rate(math.sqrt(good.rate * bad.rate)))
        good, bad = _bracket(trials, limit_ms)
    rate = _crossing(good, bad, limit_ms)
    lower, upper = _bounds(trials, rate)
    return Capacity(rate, lower, upper, limit_ms, tuple(sorted(trials, key=lambda t: t.rate)))


def _bracket(trials: Sequence[Trial], limit_ms: float) -> tuple[Trial, Trial]:
    """The lowest rate that missed, and the highest below it that held."""
    bad = min((t for t in trials if not t.holds(limit_ms)), key=lambda t: t.rate)
    good = max((t for t in trials if t.rate < bad.rate), key=lambda t: t.rate)
    return good, bad


def _crossing(good: Trial, bad: Trial, limit_ms: float) -> float:
    if bad.saturated or bad.response_ms <= good.response_ms:
        return good.rate
    share = math.log(limit_ms / good.response_ms) / math.log(bad.response_ms / good.response_ms)
    return float(good.rate * (bad.rate / good.rate) ** share)


def _bounds(trials: Sequence[Trial], rate: float) -> tuple[float, float]:
    missed = min((t.rate for t in trials if t.status is Status.FAIL), default=math.inf)
    passed = [t.rate for t in trials if t.status is Status.PASS and t.rate < missed]
    return min(max(passed, default=0.0), rate), max(missed, rate)
