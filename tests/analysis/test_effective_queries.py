"""How rounds count as parts, and how far apart their levels are taken to be."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from pytest_trtperf.analysis.effective_queries import drifted, few, parts_of, spread

ROUND = np.arange(400.0)


@pytest.mark.parametrize(
    ("rounds", "least", "seconds", "most", "parts"),
    [
        (5, 100, 600.0, 20, [100] * 20),  # as many as are allowed
        (5, 100, 600.0, 12, [200] * 10),
        (5, 134, 600.0, 20, [200] * 10),  # as many as have enough queries
        (5, 100, 15.0, 20, [134, 133, 133] * 5),  # a second each
        (5, 100, 9.9, 20, [400] * 5),
        (5, 401, 600.0, 20, [400] * 5),
        (25, 100, 600.0, 20, [400] * 25),
        (5, 100, math.inf, 20, [400] * 5),
    ],
)
def test_long_rounds_are_cut(
    rounds: int, least: int, seconds: float, most: int, parts: list[int]
) -> None:
    found = parts_of([ROUND] * rounds, least, seconds, most)
    assert [one.size for one in found] == parts
    assert np.concatenate(found).tolist() == ROUND.tolist() * rounds


def test_levels_that_noise_explains_stay_where_they_are() -> None:
    # The values beside the middle of 100 are 11 apart: the median is known to within 5.5.
    rounds = [np.arange(100.0) + level for level in (0, 2, 4)]
    for before, after in zip(rounds, drifted(rounds, 99), strict=True):
        assert after.tolist() == before.tolist()


def test_levels_are_taken_further_apart_than_noise_explains() -> None:
    levels = np.array([0.0, 20.0, 40.0])
    found = drifted([np.arange(100.0) + level for level in levels], 99)
    real = math.sqrt(1 - 5.5**2 / 400)
    factor = stats.t.ppf(0.99, 2) * real
    medians = [float(np.median(one)) for one in found]
    assert medians == pytest.approx((49.5 + 20 + factor * (levels - 20)).tolist())


def test_equal_rounds_stay_as_they_are() -> None:
    assert [one.tolist() for one in drifted([np.ones(3)] * 2, 99)] == [[1, 1, 1]] * 2


def test_spread_is_that_of_independent_queries_at_1() -> None:
    random = np.random.default_rng(0)
    found = [
        spread([np.sort(random.random(200)) for _ in range(10)], np.array([0.5, 2.0]))
        for _ in range(300)
    ]
    assert np.mean(found, axis=0) == pytest.approx([1.0, 0.0], abs=0.1)


def test_few_values_count_for_less() -> None:
    assert few(4, 0.05) == pytest.approx((2.1318 / 1.6449) ** 2, rel=1e-3)
    assert few(10**6, 0.05) == pytest.approx(1, rel=1e-3)
