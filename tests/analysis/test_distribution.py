"""Modes and outliers: found where they are, and not in ordinary tails."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_trtperf.analysis.distribution import bimodal, outliers
from pytest_trtperf.analysis.summary import FloatArray

Draw = Callable[[np.random.Generator, int], FloatArray]


def _steps(values: FloatArray, step_ms: float = 0.0005) -> FloatArray:
    return np.round(values / step_ms) * step_ms


UNIMODAL: dict[str, Draw] = {
    "steady": lambda rng, n: 0.9 * rng.normal(1, 0.001, n),
    "normal": lambda rng, n: 0.9 * rng.normal(1, 0.05, n),
    "wide": lambda rng, n: rng.lognormal(0, 0.5, n),
    "very wide": lambda rng, n: rng.lognormal(0, 1.5, n),
    "gamma": lambda rng, n: rng.gamma(2, 1, n),
    "exponential": lambda rng, n: rng.exponential(1, n),
    "exponential tail": lambda rng, n: 1 + rng.exponential(0.1, n),
    "uniform": lambda rng, n: rng.uniform(0.9, 1.1, n),
    "uniform from 0": lambda rng, n: rng.uniform(0, 1, n),
    "left-skewed": lambda rng, n: 2 - rng.lognormal(0, 0.05, n),
    "steps of a tenth": lambda rng, n: _steps(rng.normal(0.005, 0.0003, n)),
    "steps of a quarter": lambda rng, n: _steps(rng.normal(0.002, 0.0002, n)),
    "between two steps": lambda rng, n: _steps(rng.normal(0.00525, 0.0001, n)),
    "steps of 1.024 us": lambda rng, n: _steps(rng.normal(0.02, 0.001, n), 0.001024),
    "coarse steps": lambda rng, n: _steps(rng.normal(0.005, 0.0008, n), 0.001024),
    "float32": lambda rng, n: rng.normal(0.9, 0.01, n).astype(np.float32),
    "constant": lambda rng, n: np.full(n, 0.9),
    "never happens": lambda rng, n: np.zeros(n),
}

SEEDS = st.integers(0, 2**32 - 1)

SIZES = st.sampled_from([1, 2, 20, 50, 100, 500, 2500])


@pytest.mark.parametrize("draw", UNIMODAL.values(), ids=UNIMODAL)
@given(seed=SEEDS, queries=SIZES)
@settings(max_examples=30, derandomize=True)
def test_one_mode_is_not_two(draw: Draw, seed: int, queries: int) -> None:
    assert bimodal(draw(np.random.default_rng(seed), queries)) is None


@pytest.mark.parametrize("name", UNIMODAL)
def test_ordinary_tails_have_outliers_no_more_often_than_stated(name: str) -> None:
    rng = np.random.default_rng(20)
    samples = (UNIMODAL[name](rng, queries) for queries in (100, 500, 2500) for _ in range(100))
    # 0.01 a measurement on average: more than 10 of 300 has a chance of 3e-4
    assert sum(outliers([sample]) is not None for sample in samples) <= 10


@pytest.mark.parametrize("share", [0.05, 0.1, 0.5, 0.9, 0.95])
@pytest.mark.parametrize("apart", [0.02, 0.1, 1.0])
@pytest.mark.parametrize("sigmas", [8, 100])
def test_two_modes_are_found_with_level_and_weight(
    share: float, apart: float, sigmas: float
) -> None:
    rng = np.random.default_rng(1)
    slow = rng.permutation(5000) < 5000 * share
    samples = 0.43 * (1 + apart * slow) * rng.normal(1, min(apart, 0.5) / sigmas, 5000)
    finding = bimodal(samples)
    assert finding is not None
    assert finding.code == "bimodal"
    weights = [float(number) for number in re.findall(r"(\d+)%", finding.message)]
    levels = [float(number) for number in re.findall(r"near ([\d.]+) ms", finding.message)]
    assert weights == pytest.approx([100 * (1 - share), 100 * share], abs=1)
    assert levels == pytest.approx([0.43, 0.43 * (1 + apart)], abs=0.043 * apart)


def test_the_words_for_two_modes() -> None:
    finding = bimodal(np.repeat([0.43, 0.47], [310, 190]))
    assert finding is not None
    assert finding.message == (
        "two modes: 62% of queries near 0.43 ms, 38% near 0.47 ms; "
        "lock the clocks, or look for kernels that take turns and for other work on the device"
    )


def test_three_modes_are_distinguished() -> None:
    finding = bimodal(np.repeat([0.03, 0.05, 16.0], [1200, 600, 200]))
    assert finding is not None
    assert "three modes: 60% of queries near 0.03 ms, 30% near 0.05 ms, 10% near 16 ms" in (
        finding.message
    )


@pytest.mark.parametrize(
    ("low", "high", "slow"),
    [
        (0.43, 0.47, 30),  # 3 %: a few slow queries
        (0.43, 0.435, 500),  # 1.2 % apart
        (0.005, 0.006, 500),  # what events cannot resolve
        (0.0, 0.0005, 500),
    ],
)
def test_small_differences_are_no_modes(low: float, high: float, slow: int) -> None:
    assert bimodal(np.repeat([low, high], [1000 - slow, slow])) is None


def test_modes_that_run_into_each_other_are_one() -> None:
    rng = np.random.default_rng(2)
    blurred = rng.normal(np.repeat([1.0, 1.1], 2500), 0.05)
    assert bimodal(blurred) is None
    assert bimodal(rng.normal(np.repeat([1.0, 1.1], 2500), 0.015)) is not None
    # 3.2 standard deviations apart: a valley that is there, but 0.55 of the peaks high
    assert bimodal(rng.normal(np.repeat([1.0, 1.1], 50_000), 0.1 / 3.2)) is None


def test_few_queries_are_not_enough_for_modes() -> None:
    assert bimodal(np.repeat([1.0, 2.0], 20)) is None
    assert bimodal(np.repeat([1.0, 2.0], 200)) is not None
    assert bimodal(np.repeat([1.0, 1.1], [92, 8])) is None
    assert bimodal(np.repeat([1.0, 1.1], [920, 80])) is not None


@pytest.mark.parametrize("seed", range(10))
def test_a_small_and_wide_mode_far_away_is_found(seed: int) -> None:
    rng = np.random.default_rng(seed)
    samples = [rng.normal(1, 0.002, 930), rng.normal(3, 0.25, 70)]
    assert bimodal(np.concatenate(samples)) is not None


def test_time_below_zero_is_no_time() -> None:
    finding = bimodal(np.repeat([-0.001, 1.0], [100, 900]))
    assert finding is not None


@given(SEEDS, st.sampled_from([2.0, 64.0, 1024.0]), st.booleans())
@settings(max_examples=40, derandomize=True)
def test_shape_does_not_depend_on_the_scale_or_the_order(
    seed: int, factor: float, two: bool
) -> None:
    rng = np.random.default_rng(seed)
    samples = rng.lognormal(0, 0.01, 1000) * np.where(rng.random(1000) < 0.3 * two, 1.5, 1)
    samples[:5] *= 9
    # neither is near to the resolution of an event
    assert (bimodal(samples) is not None) == (bimodal(factor * samples) is not None) == two
    assert bimodal(rng.permutation(samples)) == bimodal(samples)
    rounds = np.split(samples, 5)
    found, scaled = outliers(rounds), outliers([factor * one for one in rounds])
    assert found is not None
    assert scaled is not None
    assert found.message.split()[:10] == scaled.message.split()[:10]
    shuffled = [rng.permutation(one) for one in reversed(rounds)]
    assert outliers(shuffled) == found


def test_planted_outliers_are_counted() -> None:
    rng = np.random.default_rng(3)
    rounds = [0.91 * rng.normal(1, 0.01, 500) for _ in range(5)]
    assert outliers(rounds) is None
    rounds[1][:7] *= 2
    rounds[4][10:14] *= 3
    rounds[4][200] = 7.28
    finding = outliers(rounds)
    assert finding is not None
    assert finding.code == "outliers"
    assert finding.message.startswith("12 of 2500 queries (0.48%) in 2 of 5 rounds took more than")
    words = r"than 1\.[23]\d*x the median 0\.91\d* ms; the longest 7\.28 ms \(8\.0x\)"
    assert re.search(words, finding.message)


@given(st.integers(1, 24), st.floats(1.3, 100), st.integers(0, 12))
@settings(derandomize=True)
def test_every_query_far_above_constant_ones_counts(few: int, factor: float, mild: int) -> None:
    samples = np.full(1000, 2.0)
    samples[:few] *= factor
    samples[few : few + mild] *= 1.19
    finding = outliers([samples])
    assert finding is not None
    assert finding.message.startswith(f"{few} of 1000 queries")
    assert "rounds" not in finding.message


def test_one_slow_query_of_a_million_is_found() -> None:
    samples = np.random.default_rng(4).normal(1, 0.01, 1_000_000)
    assert outliers([samples]) is None
    samples[123] = 70
    finding = outliers([samples])
    assert finding is not None
    assert finding.message.startswith("1 of 1000000 queries (0.0001%) took more than")


def test_a_slow_mode_is_not_made_of_outliers() -> None:
    rng = np.random.default_rng(5)
    samples = rng.normal(1, 0.005, 2500) * np.where(np.arange(2500) % 12 == 0, 1.6, 1)
    assert bimodal(samples) is not None
    assert outliers([samples]) is None
    samples[:4] = 16
    finding = outliers([samples])
    assert finding is not None
    assert finding.message.startswith("4 of 2500 queries")


def test_steps_of_the_event_clock_are_no_outliers() -> None:
    samples = np.repeat([0.002, 0.0025, 0.003], [970, 20, 10])
    assert outliers([samples]) is None
    assert outliers([np.repeat([0.002, 0.008], [995, 5])]) is not None


def test_metric_that_hardly_happens_has_no_outliers() -> None:
    assert outliers([np.repeat([0.0, 1.0], [90, 10])]) is None


def test_few_queries_have_no_outliers() -> None:
    assert outliers([np.repeat([1.0, 9.0], [19, 1])]) is None


def test_outliers_need_a_round() -> None:
    with pytest.raises(ValueError, match="no rounds"):
        outliers([])
