"""The bounds of a percentile, against the same definitions written plainly and slowly."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from scipy import stats

from pytest_trtperf.analysis import effective_queries
from pytest_trtperf.analysis.budget import judge_percentile
from pytest_trtperf.analysis.effective_queries import WINDOWS

FAIL_ALPHA = 0.02


def few(degrees: int, alpha: float) -> float:
    return float(stats.t.ppf(1 - alpha, degrees) / stats.norm.ppf(1 - alpha)) ** 2


def clustering(rounds: Sequence[np.ndarray], tail: float, alpha: float) -> float:
    found = [1.0]
    for windows in WINDOWS:
        squares = expected = 0.0
        degrees = 0
        for one in rounds:
            queries, length = len(one), len(one) // windows
            above = one > np.sort(one)[::-1][math.floor(tail * queries + 1e-9)]
            slow = int(above.sum())
            if length < 2 or slow == 0:
                continue
            counts = [above[at : at + length].sum() for at in range(queries - length + 1)]
            squares += float(np.mean((np.array(counts) - length * slow / queries) ** 2))
            expected += stats.hypergeom(queries, slow, length).var()
            degrees += windows - 1
        if degrees:
            found.append(squares / expected * few(degrees, alpha))
    return max(found)


def spread(
    rounds: Sequence[np.ndarray], limits: np.ndarray, alpha: float | np.ndarray
) -> np.ndarray:
    shares = np.array([[np.mean(one > limit) for limit in limits] for one in rounds])
    queries = sum(len(one) for one in rounds)
    share = np.average(shares, axis=0, weights=[len(one) for one in rounds])
    binomial = share * (1 - share) / queries
    between = stats.sem(shares, axis=0) ** 2
    effect = np.divide(between, binomial, out=np.zeros(len(limits)), where=binomial > 1e-12)
    levels = np.broadcast_to(alpha, effect.shape)
    scale = np.array([few(len(rounds) - 1, level) for level in levels])
    return np.asarray(scale * effect)


def median_variance(one: np.ndarray) -> float:
    """From the two values that lie half a root of their number beside the middle, rounded away."""
    ordered, half = np.sort(one), math.sqrt(len(one)) / 2
    middle = (len(one) - 1) / 2
    return float(ordered[math.ceil(middle + half)] - ordered[math.floor(middle - half)]) ** 2 / 4


def further_apart(rounds: Sequence[np.ndarray], p: float) -> list[np.ndarray]:
    medians = [float(np.median(one)) for one in rounds]
    noise = np.mean([median_variance(one) for one in rounds])
    real = math.sqrt(max(0, 1 - noise / np.var(medians, ddof=1)))
    factor = max(1.0, abs(float(stats.t.ppf(p / 100, len(rounds) - 1))) * real)
    wider = [np.mean(medians) + factor * (median - np.mean(medians)) for median in medians]
    return [one - median + level for one, median, level in zip(rounds, medians, wider, strict=True)]


def decided(rounds: Sequence[np.ndarray], p: float, alpha: float, limits: np.ndarray) -> list[str]:
    """The answer at each limit, by the bound of Clopper and Pearson as a quantile."""
    tail, apart = 1 - p / 100, further_apart(rounds, p)
    pooled = np.concatenate(rounds)
    is_beyond = np.array([np.mean(pooled > limit) > tail for limit in limits])
    levels = np.where(is_beyond, FAIL_ALPHA, alpha)
    effects = (spread(rounds, limits, levels), spread(apart, limits, levels))
    effect = np.maximum(np.maximum(*effects), clustering(rounds, tail, alpha))
    answers = []
    for limit, queries in zip(limits, pooled.size / effect, strict=True):
        share = float(np.mean(pooled > limit))
        slow, other = share * queries, (1 - share) * queries
        if share > tail:
            fails = other == 0 or stats.beta.ppf(FAIL_ALPHA, slow, other + 1) > tail
            answers.append("fail" if fails else "open")
        else:
            passes = stats.beta.ppf(1 - alpha, slow + 1, other) <= tail
            answers.append("pass" if passes else "open")
    return answers


def drifting(random: np.random.Generator, levels: Sequence[float]) -> list[np.ndarray]:
    return [np.round(random.gamma(20, 0.05, 500) + level, 3) for level in levels]


def bursts(random: np.random.Generator, levels: Sequence[float]) -> list[np.ndarray]:
    """Twelve slow queries in a row in each round."""
    rounds = drifting(random, levels)
    for one in rounds:
        at = random.integers(0, 480)
        one[at : at + 12] += 1
    return rounds


def opposed(random: np.random.Generator, levels: Sequence[float]) -> list[np.ndarray]:
    """The tails of the slower rounds are short, so that levels further apart bring them closer."""
    rounds = [random.normal(level, 0.01, 500) for level in levels]
    for one, level in zip(rounds, levels, strict=True):
        one[: int(60 * (1 - level))] += 1.3
    return [np.round(random.permutation(one), 3) for one in rounds]


CASES = {
    "steady": (drifting, [0.0] * 5),
    "two rounds": (drifting, [0.0, 0.01]),
    "drifting": (drifting, [0.0, 0.02, 0.05, 0.06, 0.1]),
    "of bursts": (bursts, [0.0] * 10),
    "bursts and drift": (bursts, [0.0, 0.1, 0.3]),
    "opposed": (opposed, [0.2, 0.4, 0.6, 0.8, 0.95]),
}


@pytest.mark.parametrize("alpha", [0.05, 0.01])
@pytest.mark.parametrize("p", [60, 90, 99])
@pytest.mark.parametrize("case", CASES)
def test_bounds_are_the_outermost_undecided_limits(case: str, p: float, alpha: float) -> None:
    make, levels = CASES[case]
    rounds = make(np.random.default_rng(5), levels)
    found = judge_percentile(rounds, p, 1.0, alpha, FAIL_ALPHA)
    # Limits in question: those that queries lie at, and above them what wider levels reach.
    pooled = np.concatenate(rounds)
    reached = np.concatenate(further_apart(rounds, p))
    limits = np.unique(np.concatenate([pooled, reached[reached > pooled.max()]]))
    assert found.lower is not None
    at = int(np.argmin(np.abs(limits - found.lower)))
    assert limits[at] == pytest.approx(found.lower)
    below = limits[max(at - 20, 0) : at + 1]
    assert decided(rounds, p, alpha, below) == ["fail"] * (len(below) - 1) + ["open"]
    if found.upper is None:
        assert decided(rounds, p, alpha, limits[-1:]) == ["open"]
        return
    at = int(np.argmin(np.abs(limits - found.upper)))
    assert limits[at] == pytest.approx(found.upper)
    above = limits[at : at + 20]
    assert decided(rounds, p, alpha, above) == ["pass"] * len(above)
    before = limits[limits < found.upper - 1e-9][-1:]
    assert decided(rounds, p, alpha, before) == ["open"]


def pairs_of_slow(period: int) -> np.ndarray:
    """Two slow queries in a row, again and again."""
    return np.array([2.0 if at % period < 2 else 1.0 for at in range(40)])


def one_fast() -> np.ndarray:
    """Fifty queries of which the one in the middle is the fastest."""
    return np.roll(np.arange(50.0), 25)


@pytest.mark.parametrize(
    ("rounds", "tail"),
    [
        # Most clustered in the shortest windows that hold two queries.
        ([pairs_of_slow(8)] * 2, 0.25),
        # A round of equal queries has no slow one, and says nothing.
        ([np.ones(40), pairs_of_slow(8), pairs_of_slow(20)], 0.25),
        ([one_fast()] * 3, 0.99),
        ([np.roll(np.arange(60.0), 7), np.arange(400.0) % 90], 0.05),
    ],
)
@pytest.mark.parametrize("alpha", [0.05, 0.01])
def test_clustering_is_the_worst_of_all_windows(
    rounds: list[np.ndarray], tail: float, alpha: float
) -> None:
    found = clustering(rounds, tail, alpha)
    assert found > 1.01
    assert effective_queries.clustering(rounds, tail, alpha) == pytest.approx(found, rel=1e-12)
    assert effective_queries.clustering(rounds[::-1], tail, alpha) == pytest.approx(
        found, rel=1e-12
    )


def test_what_is_scattered_evenly_is_not_clustered() -> None:
    assert effective_queries.clustering([np.arange(500.0) % 50] * 5, 0.02, 0.05) == 1.0
    assert effective_queries.clustering([np.ones(500)] * 5, 0.02, 0.05) == 1.0
