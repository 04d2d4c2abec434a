"""The search for the highest rate, on response curves that are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_trtperf.analysis.max_qps import (
    EDGE,
    FARTHEST,
    FIRST_QUERIES,
    FIRST_SHARE,
    LAST_TRIALS,
    SLOWEST,
    MaxQpsEstimate,
    search_max_qps,
)
from pytest_trtperf.analysis.rate_estimate import MISSES, CountedTrial, Trial

SERVICE_MS = 2.0
TAIL = 9.0
"""How far the P99 of the waiting time lies above its mean; any number does."""

SERVICES = 100_000
"""Services that a search has time for."""

BATCHES = 6


def response_ms(rate, service_ms=SERVICE_MS):
    """As of a queue with constant service (M/D/1): it grows without end towards saturation."""
    load = rate * service_ms / 1e3
    return service_ms * (1 + TAIL * load / (2 * (1 - load))) if load < 1 else math.inf


def rate_at(limit_ms, service_ms=SERVICE_MS):
    """The rate at which `response_ms` is `limit_ms`."""
    wait = 2 * (limit_ms / service_ms - 1) / TAIL
    return 1e3 / service_ms * wait / (1 + wait)


def counted(trial, seconds, limit_ms):
    """A trial whose responses have an exponential tail."""
    queries = max(1, round(trial.rate * seconds / BATCHES))
    share = 1.0 if trial.saturated else MISSES ** (limit_ms / trial.response_ms)
    misses = round(share * queries)
    return CountedTrial(trial, (queries,) * BATCHES, (misses,) * BATCHES, seconds)


class Device:
    """Answers with the curve, and keeps count."""

    def __init__(self, limit_ms, service_ms=SERVICE_MS, noise=0.0, seed=0):
        self.limit_ms, self.service_ms = limit_ms, service_ms
        self.noise, self.random = noise, np.random.default_rng(seed)
        self.tried: list[tuple[float, int, float]] = []

    def __call__(self, rate, draw, seconds):
        self.tried.append((rate, draw, seconds))
        response = response_ms(rate, self.service_ms)
        if not math.isfinite(response):
            trial = Trial(rate, 1e4, saturated=True)
        else:
            trial = Trial(rate, response * math.exp(self.noise * self.random.normal()))
        return counted(trial, seconds, self.limit_ms)

    @property
    def seconds(self):
        return SERVICES * self.service_ms / 1e3

    def search(self, try_rate=None) -> MaxQpsEstimate:
        capacity = 1e3 / self.service_ms
        return search_max_qps(try_rate or self, capacity, self.limit_ms, self.seconds)


@given(times_service=st.floats(2.5, 10), service_ms=st.floats(1, 100))
def test_finds_the_crossing_of_a_smooth_curve(times_service, service_ms):
    limit_ms = times_service * service_ms
    device = Device(limit_ms, service_ms)
    found = device.search()
    assert found.rate == pytest.approx(rate_at(limit_ms, service_ms), rel=0.03)
    assert 0 < found.lower < found.rate < found.upper <= 1e3 / service_ms
    assert found.limit_ms == limit_ms
    assert len(found.trials) == len(device.tried) <= 30
    assert [trial.rate for trial in found.trials] == sorted(rate for rate, _, _ in device.tried)


@pytest.mark.parametrize("noise", [0.02, 0.05])
def test_noise_of_trials_stays_within_the_interval(noise):
    truth = rate_at(4 * SERVICE_MS)
    found = [Device(4 * SERVICE_MS, noise=noise, seed=seed).search() for seed in range(100)]
    assert sum(one.lower <= truth <= one.upper for one in found) >= 95
    assert np.median([one.rate for one in found]) == pytest.approx(truth, rel=0.02)


def test_less_time_means_a_wider_interval():
    limit_ms = 4 * SERVICE_MS
    widths = []
    for share in (1, 20):
        found = search_max_qps(
            Device(limit_ms), 1e3 / SERVICE_MS, limit_ms, SERVICES * SERVICE_MS / 1e3 / share
        )
        widths.append(found.upper / found.lower)
    assert 1 < widths[0] < 0.8 * widths[1]


def test_each_trial_has_a_draw_of_its_own_and_the_last_are_longer_and_close():
    device = Device(4 * SERVICE_MS)
    found = device.search()
    assert [draw for _, draw, _ in device.tried] == list(range(len(device.tried)))
    looked, last = device.tried[:-LAST_TRIALS], device.tried[-LAST_TRIALS:]
    assert max(seconds for _, _, seconds in looked) <= device.seconds * FIRST_SHARE
    assert all(rate * seconds <= FIRST_QUERIES * 1.001 for rate, _, seconds in looked)
    assert min(rate * seconds for rate, _, seconds in last) > 2 * FIRST_QUERIES
    assert max(rate for rate, _, _ in last) <= found.rate * FARTHEST * 1.05
    assert min(rate for rate, _, _ in last) >= found.rate / FARTHEST / 1.05


def test_a_search_keeps_to_its_time():
    device = Device(8 * SERVICE_MS)
    device.search()
    assert sum(seconds for _, _, seconds in device.tried) <= device.seconds


def test_first_miss_that_a_second_trial_holds_was_a_disturbance():
    """Each rate's first trial is disturbed while it is looked for: the second one counts."""
    quiet, seen = Device(4 * SERVICE_MS), set()

    def disturbed(rate, draw, seconds):
        if rate not in seen and rate * seconds <= FIRST_QUERIES * 1.001:
            seen.add(rate)
            return counted(Trial(rate, 1e3), seconds, quiet.limit_ms)
        return quiet(rate, draw, seconds)

    found = quiet.search(disturbed)
    assert found.rate == pytest.approx(rate_at(4 * SERVICE_MS), rel=0.03)


def test_device_that_breaks_down_at_once_is_bounded_by_a_rate_that_held():
    """Quick up to 300 qps, where it breaks down; what it then completed was quick too."""

    def cliff(rate, _draw, seconds):
        trial = Trial(rate, 0.5 if rate > 300 else 1.0, saturated=rate > 300)
        return counted(trial, seconds, 10.0)

    found = search_max_qps(cliff, 500, 10.0, 60)
    assert 300 / EDGE <= found.rate <= 300 < found.upper <= 300 * EDGE
    assert 0 < found.lower <= found.rate
    assert any(trial.rate == found.rate and trial.holds(10.0) for trial in found.trials)


@pytest.mark.parametrize("healthy", [4, 6, 8])
def test_rates_that_break_down_after_they_held_are_bracketed_again_below(healthy):
    """From one trial on the device breaks down at a third: the answer is what it still does."""
    limit_ms = 4 * SERVICE_MS
    quick = Device(limit_ms)

    def tires(rate, draw, seconds):
        if draw >= healthy and rate > rate_at(limit_ms) / 3:
            return counted(Trial(rate, 1e4, saturated=True), seconds, limit_ms)
        return quick(rate, draw, seconds)

    found = quick.search(tires)
    saturated = [one.rate for one in found.trials if one.saturated]
    assert saturated
    assert found.rate not in saturated
    later = [one for one in found.trials if one.holds(limit_ms) and one.rate >= found.rate / EDGE]
    assert later


def test_nothing_but_breakdowns_is_refused():
    def broken(rate, _draw, seconds):
        return counted(Trial(rate, 0.1, saturated=True), seconds, 10.0)

    with pytest.raises(ValueError, match="10 ms is not held at any rate"):
        search_max_qps(broken, 500, 10.0, 60)


@pytest.mark.parametrize("limit_ms", [SERVICE_MS / 2, SERVICE_MS * 0.999])
def test_limit_that_no_rate_holds_is_refused_with_the_best_response(limit_ms):
    device = Device(limit_ms)
    with pytest.raises(
        ValueError, match=rf"{limit_ms:g} ms is not held at any rate: .* qps .* 2\."
    ) as caught:
        device.search()
    slowest = min(rate for rate, _, _ in device.tried)
    assert f"{slowest:.3g} qps" in str(caught.value)
    assert slowest >= 1e3 / SERVICE_MS * SLOWEST


@pytest.mark.parametrize("limit_ms", [0, -1, math.nan, math.inf])
def test_limit_that_is_none_is_refused_before_anything_is_tried(limit_ms):
    device = Device(1.0)
    with pytest.raises(ValueError, match="above 0"):
        search_max_qps(device, 100, limit_ms, 60)
    assert device.tried == []


def test_trial_at_the_limit_holds():
    assert Trial(1, 2.0).holds(2.0)
    assert not Trial(1, 2.0).holds(1.999)
    assert not Trial(1, 2.0, saturated=True).holds(5.0)
