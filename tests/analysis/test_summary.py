"""Percentiles and figures of one sample, against trtexec's definition."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_trtperf.analysis.summary import (
    QUANTILES,
    Sample,
    Summary,
    percentile,
    quantiles,
    summarize,
)

SAMPLES = st.lists(st.integers(0, 10_000), min_size=1, max_size=60)


@pytest.mark.parametrize(
    ("count", "p", "expected"),
    [
        (1, 99, 1),
        (2, 99, 2),
        # trtexec computes in float32, where 1 - 0.99 times 100 falls just short of 1
        (100, 99, 100),
        (1000, 99, 991),
        (10, 90, 9),
        (10, 0, 1),
        (10, 100, 10),
    ],
)
def test_percentile_picks_trtexecs_sample(count: int, p: float, expected: float) -> None:
    assert percentile(np.arange(1, count + 1), p) == expected


@given(SAMPLES, st.floats(0, 100))
def test_percentile_is_one_of_the_samples_whatever_their_order(
    samples: list[int], p: float
) -> None:
    value = percentile(samples, p)
    assert value in samples
    assert value == percentile(samples[::-1], p)


@given(SAMPLES, st.floats(0, 100), st.floats(0, 100))
def test_percentile_grows_with_p(samples: list[int], p: float, q: float) -> None:
    assert percentile(samples, min(p, q)) <= percentile(samples, max(p, q))


@given(SAMPLES)
def test_quantiles_ascend_from_the_least_to_the_greatest(samples: list[int]) -> None:
    values = quantiles(samples)
    assert len(values) == len(QUANTILES) == 21
    assert np.all(np.diff(values) >= 0)
    assert (values[0], values[-1]) == (min(samples), max(samples))
    assert values[QUANTILES.index(0.5)] == np.median(samples)
    assert values[QUANTILES.index(0.99)] == percentile(samples, 99)


@given(SAMPLES, st.sampled_from([2.0**-20, 0.5, 1024.0]))
def test_summary_follows_the_unit(samples: list[int], factor: float) -> None:
    first, scaled = summarize(samples), summarize(np.array(samples) * factor)
    for name in ("min", "max", "mean", "median", "p90", "p95", "p99"):
        assert getattr(scaled, name) == getattr(first, name) * factor
    assert scaled.cov == pytest.approx(first.cov)
    assert scaled.count == first.count


def test_summary_has_trtexecs_median_and_population_deviation() -> None:
    summary = summarize([1.0, 2.0, 3.0, 6.0])
    assert summary.median == 2.5
    assert summary.cov == pytest.approx(math.sqrt(3.5) / 3)


def test_metric_that_is_always_zero_does_not_vary() -> None:
    assert summarize(np.zeros(4)).cov == 0


@given(SAMPLES, st.floats(0, 100))
def test_one_sort_gives_what_the_functions_give(samples: list[int], p: float) -> None:
    sample = Sample(samples)
    assert sample.summarize() == summarize(samples)
    assert np.array_equal(sample.quantiles(), quantiles(samples))
    assert sample.percentile(p) == percentile(samples, p)
    assert sample.median == np.median(samples)
    assert len(sample) == len(samples)
    assert sample.ordered.tolist() == sorted(samples)


@given(SAMPLES)
def test_figures_are_those_of_numpy_on_the_sorted_sample(samples: list[int]) -> None:
    ordered = np.sort(np.array(samples) / 7)
    mean = float(ordered.mean())
    assert summarize(np.array(samples) / 7) == Summary(
        count=ordered.size,
        min=ordered[0],
        max=ordered[-1],
        mean=mean,
        median=float(np.median(ordered)),
        p90=percentile(ordered, 90),
        p95=percentile(ordered, 95),
        p99=percentile(ordered, 99),
        cov=float(ordered.std()) / mean if mean else 0.0,
    )


@given(st.lists(st.floats(0, 1e4, width=32), min_size=1, max_size=60))
def test_float32_is_summarised_in_float64(samples: list[float]) -> None:
    narrow = np.array(samples, dtype=np.float32)
    assert summarize(narrow) == summarize(samples)
    assert np.array_equal(quantiles(narrow), quantiles(samples))
    assert quantiles(narrow).dtype == Sample(narrow).ordered.dtype == np.float64


def test_the_samples_are_left_in_their_order() -> None:
    samples = np.array([3.0, 1.0, 2.0])
    assert Sample(samples).median == 2
    assert samples.tolist() == [3, 1, 2]


@pytest.mark.parametrize(
    ("samples", "message"),
    [([], "no samples"), ([1, math.nan], "sample 1 is nan"), ([math.inf], "sample 0 is inf")],
)
def test_empty_and_infinite_samples_are_refused(samples: list[float], message: str) -> None:
    for statistic in (Sample, summarize, quantiles, lambda values: percentile(values, 50)):
        with pytest.raises(ValueError, match=message):
            statistic(samples)


@pytest.mark.parametrize("p", [-1, 101, math.nan, "99"])
def test_percentile_outside_its_range_is_refused(p: float) -> None:
    with pytest.raises(ValueError, match="outside 0 to 100"):
        percentile([1.0], p)
