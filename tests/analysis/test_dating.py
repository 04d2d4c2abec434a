"""The dating of changes: what it finds, and how often it is wrong."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_trtperf.analysis.dating import change_points, date_change
from tests.analysis.nights import series

SEEDS = st.integers(0, 2**32 - 1)
BOTH_FUNCTIONS = pytest.mark.parametrize("function", [date_change, change_points])


# Untyped on purpose: the answer may be None, which the tests are about.
def dated(values, **options):
    return date_change(values, **options)


def test_series_of_missing_nights_alone():
    assert dated([None, math.nan] * 30) is None
    assert change_points([None] * 90) == ()


@pytest.mark.parametrize("night", [5, 35, 59])
@pytest.mark.parametrize("factor", [0.1, 1.3, 100])
def test_single_bad_night_is_no_change(night, factor):
    values = series(5, 60)
    values[night] *= factor
    assert dated(values) is None
    assert change_points(values) == ()


def test_constant_series_has_no_change_and_a_step_of_it_one():
    assert dated([0.7] * 60) is None
    stepped = [0.7] * 40 + [0.7 * 1.02] * 20
    assert (dated(stepped).night, len(change_points(stepped))) == (40, 1)


@pytest.mark.parametrize("share", [0.0005, 0.002])
def test_change_far_below_the_least_is_not_dated_in_a_quiet_series(share):
    values = series(14, 70, (45, 1 + share), sd=0.0001)
    assert dated(values) is None
    assert dated(values, least=share / 2).night == 45


@BOTH_FUNCTIONS
@pytest.mark.parametrize("value", [0.0, -1.0, math.inf, -math.inf])
def test_values_that_are_no_times_are_refused(function, value):
    values = list(series(15, 60))
    values[41] = value
    with pytest.raises(ValueError, match=r"night 41 is .*positive"):
        function(values)


@BOTH_FUNCTIONS
@pytest.mark.parametrize("least", [0, -0.01, 1.5, math.nan])
def test_least_change_that_is_none_is_refused(function, least):
    with pytest.raises(ValueError, match="smallest change"):
        function([1.0] * 60, least=least)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"alpha": 0}, "alpha"),
        ({"alpha": 0.5}, "alpha"),
        ({"block": 0}, "block"),
        ({"shuffles": 50}, "50 shuffles"),
    ],
)
@BOTH_FUNCTIONS
def test_options_are_checked(function, options, match):
    with pytest.raises(ValueError, match=match):
        function([1.0] * 60, **options)


@settings(max_examples=50)
@given(seed=SEEDS, unit=st.floats(1e-6, 1e6), night=st.integers(20, 70))
def test_unit_does_not_matter(seed, unit, night):
    values = series(seed, 90, (night, 1.04), phi=0.3)
    assert [one.night for one in change_points(unit * values)] == [
        one.night for one in change_points(values)
    ]


@settings(max_examples=50)
@given(seed=SEEDS, gaps=st.lists(st.integers(0, 80), max_size=30))
def test_missing_nights_only_shift_the_others(seed, gaps):
    whole = series(seed, 80, (50, 1.04))
    values: list[float | None] = list(whole)
    for place in sorted(gaps, reverse=True):
        values.insert(place, None)
    at = [place for place, value in enumerate(values) if value is not None]
    assert [(at[one.night], one.p) for one in change_points(whole)] == [
        (one.night, one.p) for one in change_points(values)
    ]


@settings(max_examples=25)
@given(seed=SEEDS)
def test_same_values_same_answer(seed):
    values = series(seed, 90, (45, 1.03), phi=0.5)
    assert change_points(values) == change_points(list(values))


def test_steps_are_dated():
    """A step of 3 % and noise of 1 %; 80 % within 2 nights are asked for."""
    near = 0
    for seed in range(500):
        night = 30 + seed % 14
        change = dated(series(seed, 60, (night, 1.03)))
        near += change is not None and abs(change.night - night) <= 2
    assert near >= 480


@pytest.mark.parametrize(("phi", "most"), [(0.0, 8), (0.5, 20)])
def test_clean_series_are_rarely_dated(phi, most):
    assert sum(dated(series(seed, 60, phi=phi)) is not None for seed in range(500)) <= most


def test_without_blocks_autocorrelation_passes_for_changes():
    """Why blocks are shuffled and not nights."""
    values = [series(seed, 60, phi=0.5) for seed in range(100)]
    single = sum(dated(one, least=0.001, block=1) is not None for one in values)
    blocks = sum(dated(one, least=0.001) is not None for one in values)
    assert blocks + 10 <= single


def test_change_has_its_levels_and_a_small_p():
    change = dated(series(18, 90, (50, 1.04)))
    assert change.night == 50
    assert change.before == pytest.approx(2.0, rel=0.01)
    assert change.after == pytest.approx(2.08, rel=0.01)
    assert change.ratio == pytest.approx(1.04, abs=0.01)
    assert 0 < change.p <= 0.01


def test_all_changes_of_a_year_are_dated():
    values = series(19, 365, (80, 1.05), (200, 0.94), (300, 1.03))
    found = change_points(values)
    assert [one.night for one in found] == pytest.approx([80, 200, 300], abs=2)
    assert [one.ratio for one in found] == pytest.approx([1.05, 0.94, 1.03], abs=0.008)
    for earlier, later in itertools.pairwise(found):
        assert earlier.after == later.before


@pytest.mark.parametrize(("nights", "first", "last"), [(120, 50, 75), (365, 100, 130)])
def test_stretch_that_comes_back_is_two_changes(nights, first, last):
    found = change_points(series(20, nights, (first, 1.05), (last, 1 / 1.05)))
    assert [one.night for one in found] == pytest.approx([first, last], abs=1)
    assert [one.ratio for one in found] == pytest.approx([1.05, 1 / 1.05], abs=0.012)


def test_changes_below_the_least_are_dropped():
    values = series(21, 365, (100, 1.006), (250, 1.05), sd=0.001)
    assert [one.night for one in change_points(values)] == [250]
    found = [one.night for one in change_points(values, least=0.003)]
    assert found == pytest.approx([100, 250], abs=1)


@pytest.mark.parametrize("nights", [0, 1, 9, 10, 20])
def test_short_series_have_no_date(nights):
    values = series(22, nights, (nights // 2, 1.5))
    assert dated(values) is None
    assert change_points(values) == ()


def test_larger_alpha_finds_what_a_small_one_leaves():
    values = series(23, 60, (53, 1.03))
    assert dated(values, alpha=0.0011) is None
    assert dated(values, alpha=0.2).night == pytest.approx(53, abs=2)
