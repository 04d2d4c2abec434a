"""The search for the highest rate, on response curves that are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_trtperf.analysis.max_qps import (
    BRACKET,
    FIRST_ROUNDS,
    LAST_ROUNDS,
    LAST_TRIALS,
    MARGIN,
    SLOWEST,
    MaxQpsEstimate,
    Trial,
    search_max_qps,
)

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
    """Answers with the curve, and keeps count."""

    def __init__(self, limit_ms, service_ms=SERVICE_MS, noise=0.0, seed=0):
        self.limit_ms, self.service_ms = limit_ms, service_ms
        self.noise, self.random = noise, np.random.default_rng(seed)
        self.tried: list[tuple[float, int, int]] = []

    def __call__(self, rate, draw, rounds):
        self.tried.append((rate, draw, rounds))
        response = response_ms(rate, self.service_ms)
        if not math.isfinite(response):
            return Trial(rate, 1e4, saturated=True)
        return Trial(rate, response * math.exp(self.noise * self.random.normal()))

    def search(self, start) -> MaxQpsEstimate:
        return search_max_qps(self, start, self.limit_ms)


@given(
    times_service=st.floats(1.5, 10),
    service_ms=st.floats(0.01, 100),
    start=st.floats(0.01, 3),
)
def test_finds_the_crossing_of_a_smooth_curve(times_service, service_ms, start):
    limit_ms = times_service * service_ms
    device = Device(limit_ms, service_ms)
    found = device.search(start * 1e3 / service_ms)
    truth = rate_at(limit_ms, service_ms)
    assert found.rate == pytest.approx(truth, rel=0.02)
    assert found.lower <= found.rate <= found.upper
    assert found.limit_ms == limit_ms
    assert len(found.trials) == len(device.tried) <= 45
    assert [trial.rate for trial in found.trials] == sorted(rate for rate, _, _ in device.tried)


def test_interval_holds_the_rate_about_as_often_as_it_says():
    truth = rate_at(4 * SERVICE_MS)
    found = [Device(4 * SERVICE_MS, noise=0.04, seed=seed).search(100) for seed in range(200)]
    holding = sum(one.lower <= truth <= one.upper for one in found)
    # 95 % of 200 are 190; the seeds are fixed.
    assert 184 <= holding <= 199
    assert all(one.rate == pytest.approx(truth, rel=0.1) for one in found)


def test_more_noise_means_a_wider_interval():
    quiet, noisy = (Device(4 * SERVICE_MS, noise=noise).search(100) for noise in (0.01, 0.1))
    assert 1 < quiet.upper / quiet.lower < noisy.upper / noisy.lower


def test_each_trial_has_a_draw_of_its_own_and_the_last_have_more_rounds():
    device = Device(4 * SERVICE_MS)
    device.search(100)
    assert [draw for _, draw, _ in device.tried] == list(range(len(device.tried)))
    *looked, rounds = [n for _, _, n in device.tried][: -LAST_TRIALS + 1]
    assert set(looked) == {FIRST_ROUNDS}
    last = device.tried[-LAST_TRIALS:]
    assert {n for _, _, n in last} == {rounds} == {LAST_ROUNDS}
    spread = last[-1][0] / last[0][0]
    assert MARGIN**2 < spread <= BRACKET * MARGIN**2 * (1 + 1e-9)


def test_doubles_until_it_misses_and_halves_until_it_holds():
    truth = rate_at(4 * SERVICE_MS)
    low, high = Device(4 * SERVICE_MS), Device(4 * SERVICE_MS)
    assert low.search(truth / 7).rate == pytest.approx(high.search(7 * truth).rate, rel=0.01)
    rates = [[*dict.fromkeys(rate for rate, _, _ in device.tried)][:4] for device in (low, high)]
    assert rates == [
        [truth / 7 * 2**n for n in range(4)],
        [7 * truth / 2**n for n in range(4)],
    ]


def test_miss_that_a_second_trial_holds_was_a_disturbance():
    """Each rate's first trial is disturbed while it is looked for: the second one counts."""
    quiet, seen = Device(4 * SERVICE_MS), set()

    def disturbed(rate, draw, rounds):
        if rounds == FIRST_ROUNDS and rate not in seen:
            seen.add(rate)
            return Trial(rate, 1e3)
        return quiet(rate, draw, rounds)

    found = search_max_qps(disturbed, 100, 4 * SERVICE_MS)
    assert found.rate == pytest.approx(rate_at(4 * SERVICE_MS), rel=0.01)


def test_few_disturbed_trials_do_not_move_the_rate():
    quiet = Device(4 * SERVICE_MS)

    def disturbed(rate, draw, rounds):
        trial = quiet(rate, draw, rounds)
        hit = rounds == LAST_ROUNDS and draw % 5 == 0
        return Trial(rate, 20 * trial.response_ms) if hit else trial

    found = search_max_qps(disturbed, 100, 4 * SERVICE_MS)
    assert found.rate == pytest.approx(rate_at(4 * SERVICE_MS), rel=0.05)


@pytest.mark.parametrize("slope", [0.2, 0.0, -1.0])
def test_response_is_taken_to_grow_at_least_with_the_root_of_the_rate(slope):
    """However little the last trials seem to depend on their rate, or fall with it."""
    quiet = Device(4 * SERVICE_MS)
    last: list[Trial] = []

    def flat(rate, draw, rounds):
        if rounds != LAST_ROUNDS:
            return quiet(rate, draw, rounds)
        last.append(Trial(rate, quiet.limit_ms / 1.2 * (rate / 200) ** slope))
        return last[-1]

    found = search_max_qps(flat, 100, quiet.limit_ms)
    moved = sorted(one.rate * (quiet.limit_ms / one.response_ms) ** 2 for one in last)
    assert [found.lower, found.rate, found.upper] == pytest.approx(
        [moved[0], moved[LAST_TRIALS // 2], moved[-1]]
    )


def test_device_that_breaks_down_at_once_is_bounded_by_the_bracket():
    def cliff(rate, _draw, _rounds):
        """Quick up to 300 qps, where it breaks down; what it then completed was quick too."""
        return Trial(rate, 0.5 if rate > 300 else 1.0, saturated=rate > 300)

    found = search_max_qps(cliff, 50, 10.0)
    assert 300 / BRACKET <= found.lower == found.rate <= 300 < found.upper
    assert found.upper <= 300 * BRACKET


@pytest.mark.parametrize("limit_ms", [SERVICE_MS / 2, SERVICE_MS * 0.999])
def test_limit_that_no_rate_holds_is_refused_with_the_best_response(limit_ms):
    device = Device(limit_ms)
    with pytest.raises(
        ValueError, match=rf"{limit_ms:g} ms is not held at any rate: .* qps .* 2\."
    ) as caught:
        device.search(100)
    slowest = min(rate for rate, _, _ in device.tried)
    assert f"{slowest:.3g} qps" in str(caught.value)
    assert slowest >= 100 * SLOWEST / 2


@pytest.mark.parametrize("limit_ms", [0, -1, math.nan, math.inf])
def test_limit_that_is_none_is_refused_before_anything_is_tried(limit_ms):
    device = Device(1.0)
    with pytest.raises(ValueError, match="above 0"):
        search_max_qps(device, 100, limit_ms)
    assert device.tried == []


def test_trial_at_the_limit_holds():
    assert Trial(1, 2.0).holds(2.0)
    assert not Trial(1, 2.0).holds(1.999)
    assert not Trial(1, 2.0, saturated=True).holds(5.0)
