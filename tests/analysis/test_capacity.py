"""The search for the highest rate, on response curves that are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_trtperf.analysis.capacity import PRECISION, SLOWEST, Capacity, Trial, search_capacity
from pytest_trtperf.analysis.verdict import Status

SERVICE_MS = 2.0
TAIL = 9.0
"""How far the P99 of the waiting time lies above its mean; any number does."""


def response_ms(rate, service_ms=SERVICE_MS):
    """As of a queue with constant service (M/D/1): it grows without end towards saturation."""
    load = rate * service_ms / 1e3
    return service_ms * (1 + TAIL * load / (2 * (1 - load))) if load < 1 else math.inf


def rate_at(limit_ms, service_ms=SERVICE_MS):
    """The rate at which `response_ms` is `limit_ms`."""
    wait = 2 * (limit_ms / service_ms - 1) / TAIL
    return 1e3 / service_ms * wait / (1 + wait)


class Device:
    """Answers with the curve, keeps count, and is sure of itself outside of a margin."""

    def __init__(self, limit_ms, service_ms=SERVICE_MS, margin=0.05, noise=0.0, seed=0):
        self.limit_ms, self.service_ms, self.margin = limit_ms, service_ms, margin
        self.noise, self.draw = noise, np.random.default_rng(seed).normal
        self.tried: list[float] = []

    def __call__(self, rate):
        self.tried.append(rate)
        response = response_ms(rate, self.service_ms)
        if not math.isfinite(response):
            return Trial(rate, 1e4, Status.FAIL, saturated=True)
        response *= math.exp(self.noise * self.draw())
        if response <= self.limit_ms / (1 + self.margin):
            return Trial(rate, response, Status.PASS)
        sure = response > self.limit_ms * (1 + self.margin)
        return Trial(rate, response, Status.FAIL if sure else Status.INCONCLUSIVE)

    def search(self, start) -> Capacity:
        return search_capacity(self, start, self.limit_ms)


@given(
    times_service=st.floats(1.5, 50),
    service_ms=st.floats(0.01, 100),
    start=st.floats(0.01, 3),
    margin=st.floats(0, 0.2),
)
def test_finds_the_crossing_within_its_precision(times_service, service_ms, start, margin):
    limit_ms = times_service * service_ms
    device = Device(limit_ms, service_ms, margin)
    found = device.search(start * 1e3 / service_ms)
    truth = rate_at(limit_ms, service_ms)
    assert truth / PRECISION <= found.rate <= truth * PRECISION
    assert found.lower * (1 - 1e-9) <= truth <= found.upper * (1 + 1e-9)
    assert found.lower <= found.rate <= found.upper
    assert found.limit_ms == limit_ms
    assert len(found.trials) <= 25


@given(noise=st.floats(0, 0.3), seed=st.integers(0, 10**6), start=st.floats(0.05, 2))
def test_noise_moves_the_rate_and_never_out_of_its_interval(noise, seed, start):
    device = Device(4 * SERVICE_MS, noise=noise, seed=seed)
    found = device.search(start * 1e3 / SERVICE_MS)
    assert found.lower <= found.rate <= found.upper
    held = [t.rate for t in found.trials if t.holds(found.limit_ms)]
    missed = [t.rate for t in found.trials if not t.holds(found.limit_ms)]
    assert max(held) <= found.rate <= min(missed) <= max(held) * PRECISION
    assert sorted(set(device.tried)) == [trial.rate for trial in found.trials]
    # A rate that held at once is not tried again.
    assert all(device.tried.count(rate) == 2 for rate in missed)


def test_little_noise_moves_the_rate_little():
    truth = rate_at(4 * SERVICE_MS)
    for seed in range(50):
        found = Device(4 * SERVICE_MS, noise=0.02, seed=seed).search(100)
        assert found.rate == pytest.approx(truth, rel=0.08)


def test_between_the_last_two_rates_the_response_is_interpolated():
    """Much closer than the precision, where the curve is smooth."""
    found = Device(4 * SERVICE_MS).search(100)
    assert found.rate == pytest.approx(rate_at(4 * SERVICE_MS), rel=1e-4)


def test_doubles_until_it_misses_and_halves_until_it_holds():
    truth = rate_at(4 * SERVICE_MS)
    low, high = Device(4 * SERVICE_MS), Device(4 * SERVICE_MS)
    assert low.search(truth / 7).rate == pytest.approx(high.search(7 * truth).rate, rel=1e-3)
    assert [*dict.fromkeys(low.tried)][:4] == [truth / 7 * 2**n for n in range(4)]
    assert [*dict.fromkeys(high.tried)][:4] == [7 * truth / 2**n for n in range(4)]


@pytest.mark.parametrize("saturated", [False, True])
def test_miss_that_a_second_trial_holds_was_a_disturbance(saturated):
    """Each rate's first trial is disturbed: it counts as the second one does."""
    quiet = Device(4 * SERVICE_MS)

    def disturbed(rate):
        if rate not in quiet.tried:
            quiet.tried.append(rate)
            return Trial(rate, 1.0 if saturated else 1e3, Status.FAIL, saturated)
        return quiet(rate)

    found = search_capacity(disturbed, 100, 4 * SERVICE_MS)
    assert found == Device(4 * SERVICE_MS).search(100)


def test_of_two_misses_the_better_counts():
    responses = iter([9.0, 5.0, 3.0])

    def worse_first(rate):
        return Trial(rate, next(responses, 1.0), Status.INCONCLUSIVE)

    (missed,) = (t for t in search_capacity(worse_first, 10, 4.0).trials if t.rate == 10)
    assert missed.response_ms == 5


def test_interval_is_as_wide_as_the_verdicts_are_unsure():
    truth = rate_at(4 * SERVICE_MS)
    sure, unsure = (Device(4 * SERVICE_MS, margin=margin).search(100) for margin in (0, 0.3))
    assert sure.upper / sure.lower <= PRECISION
    assert unsure.lower < sure.lower
    assert unsure.upper > sure.upper
    assert unsure.lower < truth < unsure.upper


def test_nothing_is_sure_where_no_verdict_is():
    def unsure(rate):
        return Trial(rate, rate / 100, Status.INCONCLUSIVE)

    found = search_capacity(unsure, 30, 1.0)
    assert found.rate == pytest.approx(100, rel=1e-6)
    assert (found.lower, found.upper) == (0, math.inf)


def test_saturated_rate_misses_whatever_the_completed_queries_say():
    def cliff(rate):
        """Quick up to 300 qps, where it breaks down at once."""
        if rate > 300:
            return Trial(rate, 0.5, Status.FAIL, saturated=True)
        return Trial(rate, 1.0, Status.PASS)

    found = search_capacity(cliff, 50, 10.0)
    assert 300 / PRECISION <= found.rate <= 300
    assert found.lower == found.rate
    assert 300 < found.upper <= 300 * PRECISION


@pytest.mark.parametrize("limit_ms", [SERVICE_MS / 2, SERVICE_MS * 0.999])
def test_limit_that_no_rate_holds_is_refused_with_the_best_response(limit_ms):
    device = Device(limit_ms)
    with pytest.raises(
        ValueError, match=rf"{limit_ms:g} ms is not held at any rate: .* qps .* 2\."
    ) as caught:
        device.search(100)
    assert f"{min(device.tried):.3g} qps" in str(caught.value)
    assert min(device.tried) >= 100 * SLOWEST / 2


@pytest.mark.parametrize("limit_ms", [0, -1, math.nan, math.inf])
def test_limit_that_is_none_is_refused_before_anything_is_tried(limit_ms):
    device = Device(1.0)
    with pytest.raises(ValueError, match="above 0"):
        search_capacity(device, 100, limit_ms)
    assert device.tried == []


def test_trial_at_the_limit_holds():
    assert Trial(1, 2.0, Status.INCONCLUSIVE).holds(2.0)
    assert not Trial(1, 2.0, Status.INCONCLUSIVE).holds(1.999)
    assert not Trial(1, 2.0, Status.FAIL, saturated=True).holds(5.0)
