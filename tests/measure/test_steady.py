"""When a warm-up may end."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_trtperf.measure.steady import GROUP, STILL_TO_COME, is_steady, trend, unsteady_by

LEVELS = st.floats(1e-3, 1e3)
MEDIANS = st.lists(LEVELS, min_size=2 * GROUP, max_size=4 * GROUP)


@given(level=LEVELS, windows=st.integers(0, 2 * GROUP - 1))
def test_too_few_windows_are_never_steady(level, windows):
    assert not is_steady([level] * windows)


@given(level=LEVELS, windows=st.integers(2 * GROUP, 50))
def test_constant_windows_are_steady(level, windows):
    assert is_steady([level] * windows)
    assert trend([level] * windows) == pytest.approx(0, abs=1e-12)


@given(level=LEVELS, change=st.floats(0.06, 10))
def test_jump_between_groups_is_not_steady(level, change):
    """The jump from a fallback kernel to the real one: noise never excuses it."""
    medians = [level * (1 + change)] * GROUP + [level] * GROUP
    assert not is_steady(medians)
    assert trend(medians) == pytest.approx(1 / (1 + change) - 1)


@given(medians=MEDIANS, earlier=st.lists(LEVELS, max_size=GROUP))
def test_only_the_last_two_groups_count(medians, earlier):
    assert is_steady(earlier + medians) == is_steady(medians)


@given(medians=MEDIANS, exponent=st.integers(-8, 8))
def test_unit_does_not_matter(medians, exponent):
    assert is_steady([value * 2.0**exponent for value in medians]) == is_steady(medians)


@given(level=LEVELS, noise=st.lists(st.floats(-0.004, 0.004), min_size=8, max_size=8))
def test_noise_of_a_few_tenths_of_a_percent_is_steady(level, noise):
    assert is_steady([level * (1 + share) for share in noise])


def test_noise_that_goes_nowhere_is_steady():
    assert is_steady([1.0, 1.1, 0.9, 1.0, 1.1, 1.0, 0.9, 1.02])


@pytest.mark.parametrize(("change", "steady"), [(0.045, True), (0.055, False)])
def test_noise_excuses_a_change_of_at_most_5_percent(change, steady):
    noisy = [1 - 0.3, 1 - 0.1, 1 + 0.1, 1 + 0.3]
    medians = [*noisy, *(value + change for value in noisy)]
    assert trend(medians) == pytest.approx(change)
    assert is_steady(medians) == steady


@pytest.mark.parametrize(("change", "steady"), [(0.03, True), (0.034, False)])
def test_noise_excuses_twice_the_standard_error_of_the_difference(change, steady):
    """The deviation is 0.02 * sqrt(4 / 3), so that 2 * 0.0231 * sqrt(2 / 4) = 0.0327 is excused."""
    noisy = [0.98, 0.98, 1.02, 1.02]
    medians = [*noisy, *(value + change for value in noisy)]
    assert trend(medians) == pytest.approx(change)
    assert is_steady(medians) == steady


def test_slow_drift_is_not_steady():
    assert not is_steady([1.0 - 0.005 * window for window in range(8)])


def windows(level, count=48):
    """Seconds and medians of windows of 25 ms, of what takes `level` of the time."""
    seconds = 0.025 * np.arange(count)
    noise = np.random.default_rng(0).normal(0, 1e-4, count)
    return seconds, level(seconds) * (1 + noise)


@pytest.mark.parametrize("constant", [0.8, 2.0, 4.0])
@pytest.mark.parametrize("size", [0.1, 0.05, -0.05])
def test_a_trend_is_about_to_change_windows_by_what_is_left_of_it(constant, size):
    seconds, medians = windows(lambda seconds: 1 + size * np.exp(-seconds / constant))
    left = size * np.exp(-seconds[-1] / constant)
    change = unsteady_by(seconds, medians)
    # of the time constants that fit, the longest: rather too large
    assert 0.9 < change / -left < 3


def test_a_step_counts_until_it_is_left_behind():
    seconds, medians = windows(lambda seconds: 1 + 0.05 * (seconds < 0.5))
    assert unsteady_by(seconds, medians) == pytest.approx(-0.05, rel=0.1)
    assert unsteady_by(seconds[20:], medians[20:]) == 0


def test_noise_is_no_trend():
    random = np.random.default_rng(1)
    seconds = 0.025 * np.arange(48)
    found = [unsteady_by(seconds, 1 + random.normal(0, 0.01, 48)) for _ in range(300)]
    assert np.count_nonzero(found) <= 3


def test_noise_that_remembers_is_seldom_a_trend():
    random = np.random.default_rng(2)
    steps = random.normal(0, 0.002, (300, 148))
    for place in range(1, 148):
        steps[:, place] += 0.7 * steps[:, place - 1]
    seconds = 0.025 * np.arange(48)
    found = [unsteady_by(seconds, 1 + one[100:]) for one in steps]
    assert np.count_nonzero(np.abs(found) > STILL_TO_COME) <= 15


def test_windows_that_are_all_equal_do_not_change():
    assert unsteady_by(0.025 * np.arange(48), [1.0] * 48) == 0
    assert unsteady_by([0.0] * 7, [1.0] * 7) == 0
