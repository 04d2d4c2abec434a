"""The dating of changes in a series of nightly values, afterwards; `series` has the alarm.

Nights, missing nights and the unit of the values are as in `series`. Everything works on ranks
and medians of logarithms. `benchmarks/trend/nightly.py` measures what both functions find and miss.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from pytest_trtperf.analysis.reference_window import (
    BLOCK,
    LEAST,
    ROUNDING,
    IntArray,
    NightlyValues,
    measured,
)
from pytest_trtperf.analysis.summary import FloatArray

_FIRST_SHUFFLES, _ENOUGH_EXCEEDING = 99, 10


@dataclass(frozen=True)
class LevelShift:
    """A dated change: `night` is the first at the new level.

    `before` and `after` are medians in the unit of the values, `p` is the permutation test's.
    """

    night: int
    p: float
    before: float
    after: float

    @property
    def ratio(self) -> float:
        """After over before."""
        return self.after / self.before


def date_change(
    values: NightlyValues,
    least: float = LEAST,
    alpha: float = 0.01,
    block: int = BLOCK,
    shuffles: int = 999,
) -> LevelShift | None:
    """The night of the largest change of level, if there surely is one; dating, not an alarm.

    The largest standardised sum of centred ranks over all splits (Pettitt 1979, weighted as by
    Csorgo & Horvath 1997) decides whether there is one, and least absolute deviations give its
    night (Bai 1995). The p-value is from shuffling blocks of nights, which keeps the
    autocorrelation inside them (circular blocks, Politis & Romano 1992), with a fixed seed;
    shuffling stops early once p is plainly large (Besag & Clifford 1991).

    Few blocks have few orders: changes are missed in fewer than about 35 nights, and within about
    two blocks of either end.

    Args:
        least: the smallest change of the median (0.01 is 1 %).
        alpha: the largest p-value of a change.
        block: nights that are shuffled as one, and the fewest on either side of a change.
        shuffles: the maximum number of them.

    Raises:
        ValueError: a value is zero, negative or infinite, or an option is out of range.
    """
    test = _Test(least, alpha, block, shuffles)
    logs, nights, unit = measured(values, least)
    found = test.split(logs)
    if found is None:
        return None
    [place], p = found
    if _size(logs, place) < test.allowed:
        return None
    return _change(logs, nights, unit, (0, place, logs.size), p)


def change_points(
    values: NightlyValues,
    least: float = LEAST,
    alpha: float = 0.01,
    block: int = BLOCK,
    shuffles: int = 999,
) -> tuple[LevelShift, ...]:
    """All changes of level by binary segmentation (Vostrikova 1981), in the order of nights.

    Either side of a change that `date_change` finds is searched again; where it finds none, a
    stretch that leaves the level and comes back is sought (`_Test.bump`). Each date is then sought
    once more between its neighbours, and levels are those between changes; what turns out smaller
    than `least` is dropped, the smallest first. Arguments and errors as for `date_change`.
    """
    test = _Test(least, alpha, block, shuffles)
    logs, nights, unit = measured(values, least)
    found: dict[int, float] = {}
    parts = [(0, logs.size)]
    while parts:
        first, end = parts.pop()
        part = logs[first:end]
        places, p = test.split(part) or test.bump(part) or ([], 1.0)
        if places:
            found.update({first + place: p for place in places})
            parts += itertools.pairwise([first, *(first + place for place in places), end])
    borders = [0, *sorted(found), logs.size]
    chances = [found[place] for place in borders[1:-1]]
    for index in range(1, len(borders) - 1):
        first, end = borders[index - 1], borders[index + 1]
        borders[index] = first + test.place(logs[first:end])
    while chances:
        triples = zip(borders, borders[1:], borders[2:], strict=False)
        sizes = [_size(logs[first:end], place - first) for first, place, end in triples]
        smallest = int(np.argmin(sizes))
        if sizes[smallest] >= test.allowed:
            break
        del borders[smallest + 1], chances[smallest]
    return tuple(
        _change(logs, nights, unit, places, p)
        for *places, p in zip(borders, borders[1:], borders[2:], chances, strict=False)
    )


@dataclass(frozen=True)
class _Test:
    """The permutation test for one change, with its options checked."""

    least: float
    alpha: float
    block: int
    shuffles: int

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 0.5:
            raise ValueError(f"alpha {self.alpha} is not between 0 and 0.5")
        if self.block < 1:
            raise ValueError(f"a block has at least one night, got {self.block}")
        if self.shuffles < 1 / self.alpha - 1:
            raise ValueError(f"{self.shuffles} shuffles give no p-value of {self.alpha}")

    @property
    def allowed(self) -> float:
        return math.log1p(self.least)

    def split(self, logs: FloatArray) -> tuple[list[int], float] | None:
        """Where a series changes (one place), and the p-value."""
        if logs.size < 2 * self.block:
            return None
        ranks = _ranks(logs)
        score = float(self._scores(ranks).max())
        p = self._chance(ranks, score, lambda rows: self._scores(rows).max(axis=-1))
        return ([self.place(logs)], p) if p <= self.alpha else None

    def place(self, logs: FloatArray) -> int:
        """The split that leaves the least absolute deviations from the medians of its sides."""
        # Ranks know nothing of a change's size, and so misdate a large one by some nights.
        before, after = _deviations(logs), _deviations(logs[::-1])[::-1]
        places = np.arange(self.block, logs.size - self.block + 1)
        # Rounded: whether two splits are equally good must not hang on the unit of the values.
        left = np.round(before[places - 1] + after[places], 9)
        return int(places[np.argmin(left)])

    def bump(self, logs: FloatArray) -> tuple[list[int], float] | None:
        """Where a series leaves its level and where it is back, and the p-value.

        The largest standardised sum over windows of some lengths (Levin & Kline 1985): a single
        split hardly sees what is short against the nights around it.
        """
        ranks = _ranks(logs)
        longest = min(logs.size // 2, logs.size - 2 * self.block)
        lengths = [round(2 * self.block * 1.5**step) for step in range(20)]
        lengths = [length for length in lengths if length <= longest]
        if not lengths:
            return None
        scores = [self._windows(ranks, length) for length in lengths]
        widest = int(np.argmax([one.max() for one in scores]))
        begin = int(np.argmax(scores[widest])) + self.block

        def highest(rows: FloatArray) -> FloatArray:
            each = [self._windows(rows, length).max(axis=-1) for length in lengths]
            maximum: FloatArray = np.max(each, axis=0)
            return maximum

        p = self._chance(ranks, float(scores[widest].max()), highest)
        return ([begin, begin + lengths[widest]], p) if p <= self.alpha else None

    def _chance(
        self, ranks: FloatArray, score: float, highest: Callable[[FloatArray], FloatArray]
    ) -> float:
        """The share of shuffles whose highest statistic is at least `score`."""
        random = np.random.default_rng(0)
        exceeding, done = 0, 0
        for count in (min(_FIRST_SHUFFLES, self.shuffles), self.shuffles - _FIRST_SHUFFLES):
            if exceeding < _ENOUGH_EXCEEDING and count > 0:
                orders = _block_orders(random, ranks.size, self.block, count)
                exceeding += int((highest(ranks[orders]) >= score * (1 - ROUNDING)).sum())
                done += count
        return (1 + exceeding) / (1 + done)

    def _windows(self, ranks: FloatArray, length: int) -> FloatArray:
        """The statistics of windows of a length that leave `block` nights on either side."""
        size = ranks.shape[-1]
        sums = np.cumsum(ranks, axis=-1)[..., self.block - 1 : size - self.block]
        scores: FloatArray = np.abs(sums[..., length:] - sums[..., :-length])
        return scores / math.sqrt(length * (size - length))

    def _scores(self, ranks: FloatArray) -> FloatArray:
        size = ranks.shape[-1]
        before = np.arange(self.block, size - self.block + 1)
        sums = np.cumsum(ranks, axis=-1)[..., before - 1]
        scores: FloatArray = np.abs(sums) / np.sqrt(before * (size - before))
        return scores


def _ranks(logs: FloatArray) -> FloatArray:
    """Ranks less their mean; equal values share one."""
    # values that are equal before a change of unit may differ in the last place after it
    _, inverse, counts = np.unique(np.round(logs, 12), return_inverse=True, return_counts=True)
    ranks: FloatArray = (np.cumsum(counts) - (counts - 1) / 2)[inverse] - (logs.size + 1) / 2
    return ranks


def _block_orders(random: np.random.Generator, size: int, block: int, count: int) -> IntArray:
    """Orders of `size` nights, `count` of them, each with its blocks shuffled.

    The series is a ring and blocks begin anywhere on it: else a change that happens to lie on a
    border would have fewer orders than its neighbours, and so a larger p-value.
    """
    blocks = -(-size // block)
    padded = np.full((block, blocks * block), -1, dtype=np.intp)
    for begin in range(block):
        padded[begin, :size] = (np.arange(size) + begin) % size
    begins = random.integers(block, size=(count, 1))
    order = np.argsort(random.random((count, blocks)), axis=1)
    rows = padded.reshape(block, blocks, block)[begins, order].reshape(count, -1)
    return rows[rows >= 0].reshape(count, size)


def _deviations(logs: FloatArray) -> FloatArray:
    """Sums of absolute deviations from the median, of the first value, the first two and so on."""
    low: list[float] = []  # the smaller half, negated: both are heaps, the middle on top
    high: list[float] = []
    below = above = 0.0
    sums = np.empty(logs.size)
    for place, value in enumerate(logs.tolist()):
        moved = -heapq.heappushpop(low, -value)
        heapq.heappush(high, moved)
        below, above = below + value - moved, above + moved
        if len(high) > len(low):
            moved = heapq.heappop(high)
            heapq.heappush(low, -moved)
            below, above = below + moved, above - moved
        sums[place] = above - below - (len(low) - len(high)) * low[0]
    return sums


def _size(logs: FloatArray, place: int) -> float:
    """How far the medians on either side of a place are apart."""
    return abs(float(np.median(logs[place:]) - np.median(logs[:place])))


def _change(
    logs: FloatArray, nights: IntArray, unit: float, places: Sequence[int], p: float
) -> LevelShift:
    first, place, end = places
    before, after = (
        unit * math.exp(float(np.median(part))) for part in (logs[first:place], logs[place:end])
    )
    return LevelShift(int(nights[place]), p, before, after)
