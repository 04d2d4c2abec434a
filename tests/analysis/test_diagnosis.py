"""trtexec's warnings, each under its condition and only there; odd distributions and trends."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_trtperf.analysis.diagnosis import (
    Finding,
    FindingCode,
    diagnose,
    drifting,
    late,
    too_few_queries,
)
from pytest_trtperf.analysis.distribution import bimodal, outliers
from pytest_trtperf.analysis.summary import FloatArray

HEALTHY = {"enqueue": 0.1, "h2d": 0.2, "gpu_compute": 1.0, "d2h": 0.2}

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


@pytest.mark.parametrize(
    ("medians", "cov", "streams", "codes"),
    [
        ({}, 0.025, 1, []),
        ({"enqueue": 0.8}, 0.0, 1, []),
        ({"enqueue": 0.81}, 0.0, 1, ["enqueue_bound"]),
        ({"h2d": 1.0}, 0.0, 1, ["h2d_bound"]),
        ({"d2h": 1.0}, 0.0, 1, ["d2h_bound"]),
        ({}, 0.026, 1, ["unstable"]),
        ({}, 0.0, 2, ["multiple_streams"]),
        (
            {"enqueue": 2.0, "h2d": 2.0, "d2h": 2.0},
            1.0,
            4,
            ["enqueue_bound", "h2d_bound", "d2h_bound", "unstable", "multiple_streams"],
        ),
    ],
)
def test_findings(medians: dict[str, float], cov: float, streams: int, codes: list[str]) -> None:
    findings = diagnose({**HEALTHY, **medians}, cov, streams)
    assert [finding.code for finding in findings] == codes
    assert all(finding.message for finding in findings)


def test_enqueue_bound_names_the_way_out() -> None:
    (finding,) = diagnose({**HEALTHY, "enqueue": 3.0}, 0.0)
    assert "cuda_graph" in finding.message


def test_backend_without_gpu_metrics_has_no_bottleneck() -> None:
    assert diagnose({"latency": 3.0}, 0.0) == []


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
    weights = [float(number) for number in re.findall(r"(\d+) %", finding.message)]
    levels = [float(number) for number in re.findall(r"near ([\d.]+) ms", finding.message)]
    assert weights == pytest.approx([100 * (1 - share), 100 * share], abs=1)
    assert levels == pytest.approx([0.43, 0.43 * (1 + apart)], abs=0.043 * apart)


def test_the_words_for_two_modes() -> None:
    finding = bimodal(np.repeat([0.43, 0.47], [310, 190]))
    assert finding is not None
    assert finding.message == (
        "two modes: 62 % of queries near 0.43 ms, 38 % near 0.47 ms; "
        "lock the clocks, or look for kernels that take turns and for other work on the device"
    )


def test_three_modes_are_distinguished() -> None:
    finding = bimodal(np.repeat([0.03, 0.05, 16.0], [1200, 600, 200]))
    assert finding is not None
    assert "three modes: 60 % of queries near 0.03 ms, 30 % near 0.05 ms, 10 % near 16 ms" in (
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
    assert finding.message.startswith("12 of 2500 queries (0.48 %) in 2 of 5 rounds took more than")
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
    assert finding.message.startswith("1 of 1000000 queries (0.0001 %) took more than")


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


@pytest.mark.parametrize(
    ("p", "alpha", "least"), [(99, 0.05, 299), (99, 0.01, 459), (50, 0.05, 5), (99.9, 0.05, 2995)]
)
def test_percentile_of_too_few_queries(p: float, alpha: float, least: int) -> None:
    assert too_few_queries(p, least, alpha) is None
    finding = too_few_queries(p, least - 1, alpha)
    assert finding is not None
    assert finding.code == "too_few_queries"
    assert f"P{p:g} rests on {least - 1} queries: at least {least} are" in finding.message


def test_too_few_queries_without_any_round() -> None:
    finding = too_few_queries(99, 0)
    assert finding is not None
    assert "P99 rests on 0 queries: at least 299 are needed" in finding.message


@pytest.mark.parametrize(("p", "alpha"), [(0, 0.05), (100, 0.05), (99, 0.0), (99, 0.7)])
def test_percentile_that_cannot_be_bounded_is_refused(p: float, alpha: float) -> None:
    with pytest.raises(ValueError, match="between 0 and"):
        too_few_queries(p, 500, alpha)


def test_every_order_of_five_rounds_but_two_is_no_trend() -> None:
    findings = {
        order: drifting(1 + 0.01 * np.array(order)) for order in itertools.permutations(range(5))
    }
    found = {order: finding for order, finding in findings.items() if finding is not None}
    assert set(found) == {(0, 1, 2, 3, 4), (4, 3, 2, 1, 0)}
    rise, fall = found[0, 1, 2, 3, 4], found[4, 3, 2, 1, 0]
    assert rise.code == fall.code == "drifting"
    assert "medians of 5 rounds rise by 3.9 % from first to last (p = 0.017)" in rise.message
    assert "fall by 3.9 %" in fall.message
    assert "warm up for longer" in fall.message


def test_chance_of_a_trend_is_that_of_a_random_order() -> None:
    orders = np.array(list(itertools.permutations(range(7))))
    first, second = np.triu_indices(7, 1)
    scores = np.sign(orders[:, second] - orders[:, first]).sum(axis=1)
    rare = 0
    for order, score in zip(orders[::37], scores[::37], strict=True):
        chance = Fraction(int((np.abs(scores) >= abs(score)).sum()), len(orders))
        finding = drifting(1.0 + order)
        assert (finding is not None) == (chance <= Fraction(2, 100))
        if finding is not None:
            assert f"(p = {float(chance):.2g})" in finding.message
            rare += 1
    assert rare


@pytest.mark.parametrize("rounds", [8, 20, 50, 1000])
def test_slow_trend_under_noise_is_found(rounds: int) -> None:
    noise = np.random.default_rng(6).normal(0, 0.002, rounds)
    for change in (-0.03, 0.03):
        finding = drifting(0.9 * (1 + change * np.linspace(0, 1, rounds) + noise))
        assert finding is not None
        size = re.search(r"by ([\d.]+) %", finding.message)
        assert size is not None
        assert float(size[1]) == pytest.approx(3, abs=0.8)


@pytest.mark.parametrize("rounds", [5, 12, 40, 100])
def test_noise_drifts_no_more_often_than_stated(rounds: int) -> None:
    rng = np.random.default_rng(7)
    found = sum(drifting(rng.normal(1, 0.2, rounds)) is not None for _ in range(300))
    # 2 % of 300 is 6: more than 15 have a chance of 4e-4
    assert found <= 15


@pytest.mark.parametrize(
    "medians",
    [
        [1.0, 1.1, 1.2, 1.3],  # four rounds in order are not rare
        [1.0, 1.001, 1.002, 1.003, 1.004, 1.005, 1.006],  # less than 1 %
        [1.0] * 20,
        [0.0] * 20,
        [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 2.0],
        [1.0, 1.2] * 10,
    ],
)
def test_no_trend(medians: list[float]) -> None:
    assert drifting(medians) is None


def test_trend_with_ties_is_found() -> None:
    finding = drifting(np.repeat([1.0, 1.1], 5))
    assert finding is not None
    # a score of 25, its variance 125 - 2 * 50 / 3: (25 - 1) / 9.574 standard deviations
    assert "(p = 0.012)" in finding.message


@given(
    st.lists(st.integers(1000, 1100), min_size=1, max_size=40),
    st.sampled_from([2.0**-9, 8.0]),
)
def test_trend_does_not_depend_on_scale_and_mirrors_in_time(
    medians: list[int], factor: float
) -> None:
    finding = drifting(medians)
    assert drifting(np.array(medians) * factor) == finding
    backwards = drifting(medians[::-1])
    assert (backwards is None) == (finding is None)
    if finding is not None and backwards is not None:
        assert {"rise", "fall"} & set(finding.message.split()) != (
            {"rise", "fall"} & set(backwards.message.split())
        )


@pytest.mark.parametrize(
    ("behind", "lateness", "found"),
    [(10, 0.5, False), (11, 0.5, True), (1000, 0.02, False), (1000, 0.021, True), (0, 0.9, False)],
)
def test_late_queries(behind: int, lateness: float, found: bool) -> None:
    samples = np.full(1000, -0.001)
    samples[500 : 500 + behind] = samples[: max(0, behind - 500)] = lateness
    assert (late(samples) is not None) == found
    assert late(samples, limit_ms=1.0) is None


def test_late_blames_the_load_generator() -> None:
    finding = late(np.repeat([0.01, 0.35], [969, 31]))
    assert finding == Finding(
        FindingCode.LATE,
        "3.1 % of queries were issued more than 0.02 ms after they were due (P99 0.35 ms): "
        "the load generator was late, not the engine; lower the rate or free the host's CPUs",
    )


@pytest.mark.parametrize(
    ("samples", "message"), [([], "no samples"), ([1.0, np.nan], "sample 1 is nan")]
)
def test_empty_and_infinite_samples_are_refused(samples: list[float], message: str) -> None:
    for find in (bimodal, drifting, late, lambda values: outliers([[1.0], values])):
        with pytest.raises(ValueError, match=message):
            find(samples)


def test_outliers_need_a_round() -> None:
    with pytest.raises(ValueError, match="no rounds"):
        outliers([])
