"""The highest request rate at which a percentile of the response holds."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from pytest_trtperf.analysis.queueing import bounded_load, relaxation_s, slope_of_misses
from pytest_trtperf.analysis.rate_estimate import (
    CountedTrial,
    RateEstimate,
    Trial,
    estimate_rate,
    window,
)

FIRST = 1 / 4
"""The first rate that is tried, as a share of what the device can do."""

FIRST_QUERIES, FIRST_SHARE = 300, 1 / 30
"""Of a trial while the rate is looked for, and the most of the time that it takes."""

LEAST_QUERIES, LEAST_S = 10, 0.2
LOOKING_SHARE = 1 / 3
"""Of the time, at most, before trials around the rate begin."""

CLOSE = 1.1
"""The next rate is as good as the last one."""

LAST_TRIALS, FEWEST_TRIALS = 9, 3
"""Trials around the found rate that the answer comes from."""

LAST_QUERIES, RELAXATIONS, LAST_S = 2400, 20, 1.0
"""Of each of them, at least: queries, relaxation times of the queue, seconds; if there is time."""

LEAD_INS = 3
"""Relaxation times before the part of a trial that counts."""

SPREAD = (0, 0.6, -0.6, 1, -1, 0.3, -0.3, 0.8, -0.8)
"""Where they lie around it, as a share of how far they may."""

FARTHEST = 1.1
SLOWEST = 1 / 128
"""Rates are searched down to this share of what the device can do."""

EDGE = 1.05
"""How near the rates that break a device down are looked for."""

TryRate = Callable[[float, int, float], CountedTrial]


@dataclass(frozen=True)
class MaxQpsEstimate:
    """The highest rate that holds, in queries per second.

    Attributes:
        lower, upper: bounds of a confidence interval of about 95 %.
        trials: all that were made, by rate.
        queries: that the rate rests on.
    """

    rate: float
    lower: float
    upper: float
    limit_ms: float
    trials: tuple[Trial, ...]
    queries: int = 0


def search_max_qps(
    try_rate: TryRate, capacity: float, limit_ms: float, seconds: float, cov: float = 0.0
) -> MaxQpsEstimate:
    """Looks for the rate with short trials, and tries rates closely around it with long ones.

    A first trial that misses is made once more and the better of the two counts: what disturbs a
    trial makes it worse. The rate comes from `estimate_rate`, of all trials near to it. Where it
    moves, the next trials follow, up or down. A rate at which the device broke down, and none
    higher held, is above the answer: where the estimate says otherwise, the rate is bracketed
    again below it.

    Args:
        try_rate: makes a trial of a rate, with the n-th draw of arrivals, in so many seconds.
        capacity: queries per second that the device can do. cov: of its service time.
        seconds: for the rounds of all trials.

    Raises:
        ValueError: not even the slowest rate holds, or the limit is not positive.
    """
    if not (math.isfinite(limit_ms) and limit_ms > 0):
        raise ValueError(f"a limit must be a number of ms above 0, got {limit_ms}")
    search = _Search(try_rate, capacity, limit_ms, seconds, cov)
    found = search.around(search.look())
    if found is None or found.rate < capacity * SLOWEST:
        raise ValueError(search.refusal())
    found = search.below_breakdown(found)
    ordered = tuple(sorted((one.trial for one in search.made), key=lambda trial: trial.rate))
    return MaxQpsEstimate(
        found.rate, found.lower, found.upper, limit_ms, ordered, queries=found.queries
    )


class _Search:
    """The trials of one search, and what follows from them."""

    def __init__(
        self, try_rate: TryRate, capacity: float, limit_ms: float, seconds: float, cov: float
    ) -> None:
        self._try_rate, self._capacity, self._limit_ms = try_rate, capacity, limit_ms
        self._seconds, self._cov = seconds, cov
        self.made: list[CountedTrial] = []
        self._failed: set[float] = set()
        self._disturbed: list[Trial] = []

    def look(self) -> float:
        """A rate near the highest that holds.

        Raises:
            ValueError: no rate holds.
        """
        rate = FIRST * self._capacity
        held = missed = None
        halve = False
        while True:
            trial = self._better_of_two(rate)
            if trial.holds(self._limit_ms):
                held = rate
            else:
                missed = rate
                if not held and rate / 2 < self._capacity * SLOWEST:
                    raise ValueError(self.refusal())
            following = min(max(self._where_it_holds(trial), rate / 2), 2 * rate)
            if held and missed:
                # Every other time, so that no device keeps one end where it is.
                if halve or not held < following < missed:
                    following = math.sqrt(held * missed)
                halve = not halve
            near = max(following / rate, rate / following) < CLOSE
            bracketed = held and missed and missed / held < CLOSE**2
            relaxation = self._relaxation(following)
            # A trial that is short beside the queue's memory says little.
            short = following < self._capacity and self._first_s(following) < 2 * relaxation
            if near or bracketed or short or self._left() < (1 - LOOKING_SHARE) * self._seconds:
                return following
            rate = following

    def around(self, centre: float) -> RateEstimate | None:
        """The estimate of the trials around a rate, which is followed where it moves."""
        found, made, planned = None, 0, FEWEST_TRIALS
        while made < planned:
            left, lead_in = self._left(), LEAD_INS * self._relaxation(centre)
            wanted = max(LAST_QUERIES / centre, RELAXATIONS * self._relaxation(centre), LAST_S)
            affordable = int(left / (wanted + lead_in))
            planned = min(made + max(FEWEST_TRIALS - made, affordable), LAST_TRIALS)
            if planned <= made or (made and left < self._seconds * FIRST_SHARE):
                break
            each = left / (planned - made)
            load = bounded_load(centre, self._capacity)
            slope = slope_of_misses(load, self._cov)
            farthest = min(math.log(FARTHEST), 1 / slope)
            rate = centre * math.exp(farthest * SPREAD[made])
            last = self._make(rate, max(min(wanted, max(each - lead_in, each / 1.5)), LEAST_S))
            made += 1
            counting = [one for one in self.made if one.trial not in self._disturbed]
            found = estimate_rate(counting, centre, self._capacity, self._cov)
            reach = 0.9 * window(load, self._cov)
            if (
                found is None
                or last.saturated
                or not found.misses
                or abs(math.log(found.rate / rate)) > reach
            ):
                centre = self._where_it_holds(last)
            elif abs(math.log(found.rate / centre)) > 0.7 * farthest:
                centre = found.rate
        return found

    def below_breakdown(self, found: RateEstimate) -> RateEstimate:
        """The estimate, or a bracket where it is not below the rates that break the device down."""
        # Without a miss at any other rate, only where it breaks down says something.
        sudden = not any(sum(one.misses) for one in self.made if not one.trial.saturated)
        while (broken := self._broken()) <= found.rate or (sudden and broken < math.inf):
            held = max(self._held_below(broken), default=0.0)
            if held and broken / held <= EDGE:
                lower = min(found.lower, held)
                return RateEstimate(held, lower, broken, found.misses, found.queries, found.trials)
            following = math.sqrt(held * broken) if held else broken / 2
            if following < self._capacity * SLOWEST:
                raise ValueError(self.refusal())
            if not self._better_of_two(following).holds(self._limit_ms):
                # Misses of a rate that keeps up are as good as a breakdown here: go on below.
                self._failed.add(following)
        return found

    def refusal(self) -> str:
        """That no rate holds, with the best trial."""
        best = min(
            (one.trial for one in self.made), key=lambda trial: (_badness(trial), trial.rate)
        )
        return (
            f"a response of {self._limit_ms:g} ms is not held at any rate: at "
            f"{best.rate:.3g} qps it is {best.response_ms:.4g} ms"
        )

    def _make(self, rate: float, seconds: float) -> Trial:
        self.made.append(self._try_rate(rate, len(self.made), seconds))
        return self.made[-1].trial

    def _better_of_two(self, rate: float) -> Trial:
        first = self._make(rate, self._first_s(rate))
        if first.holds(self._limit_ms):
            return first
        second = self._make(rate, self._first_s(rate))
        better, worse = sorted((first, second), key=_badness)
        self._disturbed.append(worse)
        return better

    def _first_s(self, rate: float) -> float:
        seconds = min(FIRST_QUERIES / rate, self._seconds * FIRST_SHARE)
        return max(seconds, LEAST_QUERIES / rate, LEAST_S)

    def _left(self) -> float:
        return self._seconds - sum(one.seconds for one in self.made)

    def _relaxation(self, rate: float) -> float:
        load = bounded_load(rate, self._capacity)
        return relaxation_s(load * self._capacity, self._capacity)

    def _where_it_holds(self, trial: Trial) -> float:
        """The rate at the limit, if the response is inverse to the idle share as in M/M/1."""
        load = min(trial.rate / self._capacity, 0.98)
        above = trial.response_ms / self._limit_ms
        least = load / 2 if above > 1 else SLOWEST
        if trial.saturated:
            above = max(above, 2.0)
            held = max(self._held_below(trial.rate), default=0.0)
            least = max(load / 2, math.sqrt(held * trial.rate) / self._capacity)
        return self._capacity * max(1 - (1 - load) * above, least)

    def _broken(self) -> float:
        """The lowest rate that broke the device down, or failed below it; no higher one held."""
        most = max(
            (one.trial.rate for one in self.made if one.trial.holds(self._limit_ms)), default=0.0
        )
        saturated = (one.trial.rate for one in self.made if one.trial.saturated)
        return min((rate for rate in (*saturated, *self._failed) if rate > most), default=math.inf)

    def _held_below(self, rate: float) -> list[float]:
        trials = (one.trial for one in self.made)
        return [one.rate for one in trials if one.rate < rate and one.holds(self._limit_ms)]


def _badness(trial: Trial) -> float:
    return math.inf if trial.saturated else trial.response_ms
