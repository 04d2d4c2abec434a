"""What a watch over nights compares with, and the sums that say whether a level changed.

A night knows nothing of later ones: what was raised stays raised. Each series is compared with the
first nights at its level (its reference), and after a change with the first nights at the new one.
For some sizes of change a sum (Page 1954) adds up how much likelier a night is if the level
changed by so much: S = max(0, S + log f(after) - log f(before)). Of such a sum no series without a
change exceeds h more often than once in exp(h) nights (Lorden 1971), whatever the density f is. The
density is that of `night_density`, of the surprise of a night: its deviation less what the
autocorrelation lets expect after the nights before, in standard deviations.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from pytest_trtperf.analysis.first_nights import two_levels
from pytest_trtperf.analysis.level_shift import LevelShift, best_split, robust_mean
from pytest_trtperf.analysis.night_density import IntArray, NightDensity
from pytest_trtperf.analysis.night_noise import (
    FEW,
    PARTS,
    Noise,
    mean_variance,
    own_noise,
    shared_noise,
)
from pytest_trtperf.analysis.summary import FloatArray

FIRST_NIGHTS = 10
"""Nights of a series before it is watched."""

REFERENCE_NIGHTS = 120
"""Nights at a level that are compared with, once there are so many."""

LEAST_NIGHTS = 4
"""Nights at a new level before a change is raised, however large it is."""

FALSE_ALARMS = 12.0
"""Of a large fleet how often in a year the sums may reach their limit without a cause, at most.

This is the bound of Lorden. What is seen in simulation is about a fourth of it, since the sums jump
over their limit.
"""

SERIES_AN_ALARM = 400.0
"""The same of a small fleet: once a year in so many series."""

SIZES = (1.5, 2.1, 3.0, 4.3, 5.8, -1.5, -2.5, -4.3)
"""Changes that are looked for, in standard deviations."""

LARGE = 6.0
"""Beyond this, in standard deviations, the size of a change is that of its nights before."""

_SPAN = math.log(400 / LARGE)
"""A large change may have any size up to 400 standard deviations; each order is as likely."""

_DOUBT = 12.0
"""Added to the limit for each unit that the autocorrelation is above a half: it is known badly."""

_LARGE_PENALTY = 2.0
"""Added to the limit of a large change, whose size is fitted to its nights."""

_SUSPECTED = 4.0
"""Nights after which a sum is so large say nothing of nights without a change."""

_SURE = 11.0
"""A change has at least this many standard errors of the reference: or it may be theirs."""

_WEIGHT = 0.1
"""Of a night in the running mean that a creep is seen by."""

_USUAL = 3.5
"""Standard deviations within which a night counts for the running mean."""

_CREPT = 5.0
"""Standard errors by which the running mean is off the first nights when a creep is raised."""

_FROZEN = 27
"""Nights of the level that a creep is measured from: what comes later may be part of it."""

_LAG = 10
"""Nights that have to pass before one becomes part of the reference: it may be after a change."""

_EVERY = 4
"""Nights from one look for what is to be estimated anew to the next."""

_GROWTH = 1.25
"""How much longer a reference is when noise and level are estimated anew."""

_YOUNG = (3, 4, 5, 6, 7, 8, 10, 12, 15, 20)
"""Nights after a change at which the new level is estimated anew, from all of them."""


class _Places(dict[int, IntArray]):
    """The measured nights of each series, found when they are asked for."""

    def __init__(self, present: npt.NDArray[np.bool_]) -> None:
        super().__init__()
        self._present = present

    def __missing__(self, series: int) -> IntArray:
        found = self[series] = np.flatnonzero(self._present[series])
        return found


@dataclass
class State:
    """Of all series, what is compared with and what the sums are, on one night after the other."""

    logs: FloatArray
    groups: IntArray
    least: float
    shifts: list[LevelShift] = field(default_factory=list)

    def __post_init__(self) -> None:
        series = self.logs.shape[0]
        self.sizes = np.array([*SIZES, LARGE, -LARGE])
        self.present = ~np.isnan(self.logs)
        self.places = _Places(self.present)
        self.start = np.zeros(series, dtype=np.intp)
        self.seen = np.zeros(series, dtype=np.intp)  # measured nights in all
        self.before = np.zeros(series, dtype=np.intp)  # measured nights before the present level
        self.mean = np.full(series, np.nan)
        self.sd = np.full(series, np.nan)
        self.phi = np.zeros(series)
        self.variance = np.ones(series)  # of the reference's mean, in variances of a night
        self.sized = np.zeros(series, dtype=np.intp)  # nights behind the last estimate
        self.base = np.full(series, np.nan)
        self.base_error = np.ones(series)
        self.running = np.full(series, np.nan)
        self.known = Noise(*(np.full(series, np.nan) for _ in range(5)))
        self.last = np.zeros(series)
        self.gap = np.ones(series)
        wide = (series, self.sizes.size)
        self.sums = np.zeros(wide)
        self.assumed = np.tile(self.sizes, (series, 1))
        self.free = np.arange(self.sizes.size - 2, self.sizes.size)
        self.lasts = np.zeros(wide)
        self.gaps = np.ones(wide)
        self.since = np.zeros(wide, dtype=np.intp)
        self.nights = np.zeros(wide, dtype=np.intp)
        self.density = NightDensity()

    def pass_night(self, night: int) -> None:
        """Takes a night, and raises what it shows."""
        present = self.present[:, night]
        self.seen += present
        self.gap += 1
        self.gaps += 1
        ready = np.flatnonzero(present & ~np.isnan(self.mean))
        if ready.size:
            self._add(ready, night)
            self._raise(ready, night)
            self._creep(ready, night)
        self._renew(np.flatnonzero(present), night)

    def _add(self, ready: IntArray, night: int) -> None:
        """Adds a night to the sums."""
        value = (self.logs[ready, night] - self.mean[ready]) / self.sd[ready]
        phi = self.phi[ready]
        last, gap = self.last[ready], self.gap[ready]
        expected, spread = _expected(phi, last, gap)
        surprise = (value - expected) / spread
        plain = self.density.log(surprise) - np.log(spread)
        usual = self.density.usual(surprise) > 0.5

        sums, fresh = self.sums[ready], self.sums[ready] <= 0
        quiet = sums.max(axis=1) < _SUSPECTED
        lasts = np.where(fresh, last[:, None], self.lasts[ready])
        gaps = np.where(fresh, gap[:, None], self.gaps[ready])
        sizes, nights = self.assumed[ready], self.nights[ready]
        shifted = value[:, None] - sizes
        expected, spread = _expected(phi[:, None], lasts, gaps)
        # The size of a large change is the mean of its nights.
        expected[:, -2:] = 0
        spread[:, -2:] = np.sqrt(1 + 1 / np.maximum(nights[:, -2:], 1))
        changed = (shifted - expected) / spread
        gain = self.density.log(changed) - np.log(spread) - plain[:, None]
        large = value[:, None] * np.sign(self.sizes[-2:])
        first = np.where(large > LARGE, -np.log(np.maximum(large, LARGE) * _SPAN), -np.inf)
        gain[:, -2:] = np.where(fresh[:, -2:], first - plain[:, None], gain[:, -2:])
        sums = np.maximum(sums + gain, 0)
        likely = np.abs(changed) < 3
        mean = sizes[:, -2:] + shifted[:, -2:] / (nights[:, -2:] + 1)
        kept = np.where(likely[:, -2:], mean, sizes[:, -2:])
        self.assumed[ready[:, None], self.free] = np.where(fresh[:, -2:], value[:, None], kept)
        self.sums[ready] = sums
        self.lasts[ready] = np.where(likely, shifted, lasts)
        self.gaps[ready] = np.where(likely, 0, gaps)
        self.density.add(surprise[quiet])
        self.since[ready] = np.where(fresh, night, self.since[ready])
        self.nights[ready] = np.where(fresh, 1, nights + 1)
        self.last[ready] = np.where(usual, value, last)
        self.gap[ready] = np.where(usual, 0, gap)

    def _raise(self, ready: IntArray, night: int) -> None:
        """Begins a new level where a sum is over its limit."""
        watched = int(np.count_nonzero(~np.isnan(self.mean)))
        base = math.log(365 * max(SERIES_AN_ALARM, watched / FALSE_ALARMS))
        sums = self.sums[ready]
        hot = ready[sums.max(axis=1) > base * 0.5]
        if not hot.size:
            return
        penalty = 3 * (base / self.sizes) ** 2 * self.variance[hot, None]
        penalty += _DOUBT * np.maximum(self.phi[hot, None] - 0.5, 0)
        penalty[:, -2:] += _LARGE_PENALTY
        over = self.sums[hot] - base - penalty
        over[self.nights[hot] < LEAST_NIGHTS] = -np.inf
        unsure = np.sqrt(self.variance[hot, None])
        over[np.abs(self.sizes) < _SURE * unsure] = -np.inf
        for place in np.flatnonzero(over.max(axis=1) > 0):
            series, size = int(hot[place]), int(np.argmax(over[place]))
            guess = int(np.searchsorted(self.places[series], self.since[series, size]))
            low = max(int(self.before[series]) + 1, guess - 20)
            self._shift(series, low, night, up=bool(self.sizes[size] > 0))

    def _creep(self, ready: IntArray, night: int) -> None:
        """Begins a new level where the running mean (Roberts 1959) has left the first nights."""
        watched = ready[~np.isnan(self.running[ready])]
        sd, running = self.sd[watched], self.running[watched]
        step = self.logs[watched, night] - running
        running = running + np.where(np.abs(step) < _USUAL * sd, _WEIGHT * step, 0)
        self.running[watched] = running
        off = (running - self.base[watched]) / self.base_error[watched]
        for place in np.flatnonzero(np.abs(off) > _CREPT):
            series = int(watched[place])
            self._shift(series, int(self.before[series]) + _FROZEN // 2, night, up=off[place] > 0)

    def _freeze(self, series: IntArray) -> None:
        """Keeps the level that a creep is measured from."""
        self.base[series] = self.running[series] = self.mean[series]
        # The spread is kept, too: that of later nights has the creep in it.
        kept = self.phi[series] * (1 - _WEIGHT)
        running = _WEIGHT / (2 - _WEIGHT) * (1 + kept) / (1 - kept)
        self.base_error[series] = self.sd[series] * np.sqrt(running + self.variance[series])

    def _shift(self, series: int, low: int, night: int, *, up: bool) -> None:
        measured = self.places[series]
        end = int(self.seen[series])
        first = int(self.before[series])
        values = self.logs[series, measured[low:end]]
        sd, phi = float(self.sd[series]), float(self.phi[series])
        place = low + best_split(values, float(self.mean[series]), sd, phi)
        place = min(place, end - LEAST_NIGHTS)
        after = robust_mean(self.logs[series, measured[place:end]], sd)
        before = float(self.mean[series])
        if abs(after - before) < self.least or (after > before) != up:
            # Not worth a report yet: the sum stays where one more night can raise it.
            return
        new = mean_variance(np.array([float(end - place)]), np.array([phi]))[0]
        old = float(self.variance[series])
        since = int(measured[place])
        self.shifts.append(
            LevelShift(
                series, since, night, before, after, sd * math.sqrt(old),
                sd * math.sqrt(old + new), place - first,
            )
        )  # fmt: skip
        self.before[series] = place
        self.start[series] = since
        self._begin(np.array([series]), np.array([after]), np.array([float(end - place)]))

    def _begin(self, series: IntArray, mean: FloatArray, nights: FloatArray) -> None:
        """Compares with another level from now on."""
        self.last[series] += (self.mean[series] - mean) / self.sd[series]
        self.mean[series] = mean
        self.variance[series] = mean_variance(nights, self.phi[series])
        self.sums[series] = 0
        self.running[series] = np.nan
        self.sized[series] = 0

    def _renew(self, present: IntArray, night: int) -> None:
        """Estimates levels and noise anew where there are enough more nights."""
        count = self.seen[present] - self.before[present]
        young = present[np.isin(count, _YOUNG) & (self.before[present] > 0)]
        for series in young.tolist():
            values = self._values(series, int(self.seen[series] - self.before[series]))
            self._level(series, robust_mean(values, float(self.sd[series])), values.size)
        if night % _EVERY:
            return
        live = np.flatnonzero(self.seen > 0)
        count = self.seen[live] - self.before[live]
        size = np.where(count < FIRST_NIGHTS + _LAG, np.minimum(count, FIRST_NIGHTS), count - _LAG)
        size = np.minimum(size, REFERENCE_NIGHTS)
        more = (size >= FIRST_NIGHTS) & (size >= self.sized[live] * _GROWTH)
        grown = more | ((size == REFERENCE_NIGHTS) & (self.sized[live] < REFERENCE_NIGHTS))
        chosen = grown & ((self.before[live] == 0) | (count > _YOUNG[-1]))
        if chosen.any():
            self._estimate(live[chosen], size[chosen], night)

    def _values(self, series: int, nights: int) -> FloatArray:
        first = int(self.before[series])
        values: FloatArray = self.logs[series, self.places[series][first : first + nights]]
        return values

    def _level(self, series: int, mean: float, nights: int) -> None:
        moved = (self.mean[series] - mean) / self.sd[series]
        self.mean[series] = mean
        self.last[series] += moved
        phi = np.array([self.phi[series]])
        self.variance[series] = mean_variance(np.array([float(nights)]), phi)[0]

    def _estimate(self, due: IntArray, sizes: IntArray, night: int) -> None:
        """Noise and level of the references that have grown, with the help of all others."""
        spans = []
        for series, nights in zip(due.tolist(), sizes.tolist(), strict=True):
            first = int(self.before[series])
            spans.append((self.places[series][first], self.places[series][first + nights - 1] + 1))
        rows = np.full((due.size, max(end - first for first, end in spans)), np.nan)
        for place, (series, (first, end)) in enumerate(zip(due.tolist(), spans, strict=True)):
            rows[place, : end - first] = self.logs[series, first:end]
        own = own_noise(rows)
        for name in PARTS:
            getattr(self.known, name)[due] = getattr(own, name)
        known = np.flatnonzero(~np.isnan(self.known.nights))
        helped = Noise(*(getattr(self.known, n)[known] for n in PARTS))
        sd, phi = shared_noise(helped, self.groups[known], self.least / 3)
        chosen = np.searchsorted(known, due)
        fresh = np.isnan(self.mean[due])
        old_sd = self.sd[due]
        moved = np.where(fresh, 0.0, self.mean[due] - own.mean)
        self.sd[due], self.phi[due] = sd[chosen], phi[chosen]
        self.mean[due] = own.mean
        self.last[due] = np.where(fresh, 0.0, (self.last[due] * old_sd + moved) / self.sd[due])
        self.gap[due] = np.where(fresh, 0, self.gap[due])
        self.variance[due] = mean_variance(own.nights, self.phi[due])
        self.sized[due] = sizes
        self._freeze(due[(sizes >= _FROZEN) & np.isnan(self.running[due])])
        for series in due[fresh].tolist():
            alike = self.groups[known] == self.groups[series]
            self._split_first(series, night, float(np.median(sd[alike])), int(alike.sum()))

    def _split_first(self, series: int, night: int, sd: float, alike: int) -> None:
        """Raises a change within the first nights of a series.

        Args:
            sd: the standard deviation that is usual in series like this one.
            alike: how many of those there are.
        """
        values = self._values(series, FIRST_NIGHTS)
        found = two_levels(values, sd, float(self.phi[series]), alone=alike < FEW)
        if found is None:
            return
        place, self.sd[series] = found
        up = bool(values[place:].mean() > values[:place].mean())
        self._level(series, robust_mean(values[:place], float(self.sd[series])), place)
        self._shift(series, 1, night, up=up)


def _expected(phi: FloatArray, last: FloatArray, gap: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Of the next night the deviation that the last one lets expect, and its spread around that."""
    kept = np.where(gap == 1, phi, phi**gap) if phi.any() else np.zeros_like(gap)
    spread: FloatArray = np.sqrt(1 - kept * kept)
    return kept * last, spread
