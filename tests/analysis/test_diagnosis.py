"""trtexec's warnings, each under its condition and only there; trends and late loads."""

from __future__ import annotations

import itertools
import re
from fractions import Fraction
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_trtperf.analysis.diagnosis import (
    Finding,
    FindingCode,
    diagnose,
    drifting,
    kernels_differ,
    kernels_not_kept,
    late,
    too_few_queries,
)
from pytest_trtperf.analysis.distribution import bimodal, outliers

HEALTHY = {"enqueue": 0.1, "h2d": 0.2, "gpu_compute": 1.0, "d2h": 0.2}

SEEDS = st.integers(0, 2**32 - 1)


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
    assert "medians of 5 rounds rise by 3.9% from first to last (p = 0.017)" in rise.message
    assert "fall by 3.9%" in fall.message
    assert "warm up for longer" in fall.message


def test_a_large_trend_is_a_plain_number() -> None:
    finding = drifting([7.3, 5.1, 4.0, 2.9, 1.8])
    assert finding is not None
    assert "fall by 1.1x their median from" in finding.message


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
        size = re.search(r"by ([\d.]+)%", finding.message)
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
        "3.1% of queries were issued more than 0.02 ms after they were due (P99 0.35 ms): "
        "the load generator was late, not the engine; lower the rate or free the host's CPUs",
        0.031,
    )


@pytest.mark.parametrize(
    ("samples", "message"), [([], "no samples"), ([1.0, np.nan], "sample 1 is nan")]
)
def test_empty_and_infinite_samples_are_refused(samples: list[float], message: str) -> None:
    for find in (bimodal, drifting, late, lambda values: outliers([[1.0], values])):
        with pytest.raises(ValueError, match=message):
            find(samples)


@pytest.mark.parametrize(("fresh", "cached"), [(1.0, 1.0), (1.0199, 1.0), (0.9801, 1.0)])
def test_kernels_within_two_percent_do_not_differ(fresh: float, cached: float) -> None:
    assert kernels_differ(fresh, cached) is None


@pytest.mark.parametrize(("fresh", "change"), [(0.979, "-2.1%"), (1.03, "+3.0%")])
def test_kernels_beyond_two_percent_differ(fresh: float, change: str) -> None:
    found = kernels_differ(fresh, 1.0)
    assert found is not None
    assert found.code is FindingCode.KERNELS_DIFFER
    assert f"took {fresh:g} ms" in found.message
    assert f"(compiled {change})" in found.message


@pytest.mark.parametrize(
    ("stored", "words"), [(True, "never complete in the cache"), (False, "they are not kept")]
)
def test_kernels_that_are_compiled_each_time_are_counted(stored: bool, words: str) -> None:
    found = kernels_not_kept(2, 3, stored=stored)
    assert found is not None
    assert found.code is FindingCode.KERNELS_NOT_KEPT
    assert found.message.startswith("2 of 3 sessions compiled kernels anew")
    assert words in found.message
    assert kernels_not_kept(0, 3, stored=stored) is None


def test_the_advice_fits_the_device() -> None:
    ascending = [1.0, 1.1, 1.2, 1.3, 1.4]
    levels, far = np.repeat([1.0, 1.5], 200), np.repeat([1.0, 9.0], [990, 10])
    for find in (
        partial(drifting, ascending),
        partial(bimodal, levels),
        partial(outliers, [far]),
    ):
        on_gpu, on_cpu = find(), find(on_cpu=True)
        assert on_gpu
        assert on_cpu
        assert on_gpu.code == on_cpu.code
        assert re.search("clocks|device", on_gpu.message)
        assert "machine" in on_cpu.message
        assert not re.search("clocks|device|kernels", on_cpu.message)
