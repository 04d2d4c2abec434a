"""When a warm-up may end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_trtperf.measure.steady import GROUP, is_steady, trend

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
