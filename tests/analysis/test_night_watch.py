"""The watch over all series: what it raises, when, and what it leaves alone."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_trtperf.analysis import night_watch
from pytest_trtperf.analysis.night_memory import recall
from pytest_trtperf.analysis.night_state import FIRST_NIGHTS, LEAST_NIGHTS
from pytest_trtperf.analysis.night_watch import watch
from tests.analysis.nights import series


def logs(*steps, rows=12, nights=120, phi=0.0, sd=0.01, first=0):
    """Series of one kind; the steps are those of the first."""
    found = [np.log(series(first + row, nights, phi=phi, sd=sd)) for row in range(rows)]
    for night, factor in steps:
        found[0][night:] += np.log(factor)
    return np.array(found)


def watched(values, **how):
    return watch(values, np.zeros(len(values), dtype=np.intp), **how)


def test_step_is_raised_within_a_week_and_dated():
    (shift,) = watched(logs((80, 1.04))).shifts
    assert shift.series == 0
    assert abs(shift.since - 80) <= 2
    assert shift.raised - shift.since >= LEAST_NIGHTS - 1
    assert shift.raised - 80 < 7
    assert shift.after - shift.before == pytest.approx(0.04, abs=0.02)


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.8])
def test_clean_series_and_single_nights_raise_nothing(phi):
    values = logs(rows=40, phi=phi)
    values[5, 90] += 3
    values[6, 80:82] += 0.3
    values[7, ::9] = np.nan
    assert watched(values).shifts == []


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.8])
def test_gross_step_is_raised_within_a_week(phi):
    (shift,) = watched(logs((80, 1.3), phi=phi)).shifts
    assert shift.raised - 80 < 7
    assert abs(shift.since - 80) <= 1


def test_step_inside_the_first_nights_counts():
    (shift,) = watched(logs((14, 1.06))).shifts
    assert abs(shift.since - 14) <= 2
    assert shift.raised < 25


def test_second_step_is_a_change_of_its_own():
    first, second = watched(logs((50, 1.08), (90, 1.08))).shifts
    assert abs(first.since - 50) <= 2
    assert abs(second.since - 90) <= 2
    assert second.before == pytest.approx(first.after, abs=0.01)


def test_improvement_and_return_are_two_changes():
    down, up = watched(logs((50, 0.94), (90, 1 / 0.94))).shifts
    assert down.after < down.before
    assert up.after > up.before


def test_creep_is_raised_before_it_is_large():
    values = logs(nights=150)
    values[0] += 0.001 * np.maximum(0, np.arange(150) - 40)
    shift = min(watched(values).shifts, key=lambda one: one.raised)
    assert shift.series == 0
    assert 0.001 * (shift.raised - 40) < 0.04


def test_slow_creep_in_a_series_that_remembers_is_raised():
    values = logs(nights=200, phi=0.8)
    values[0] += 0.001 * np.maximum(0, np.arange(200) - 40)
    raised = [one.raised for one in watched(values).shifts if one.series == 0]
    assert min(raised) < 120


def test_nothing_looks_ahead():
    """What a night said then is still said at the end."""
    values = logs((60, 1.04), (90, 1.06), nights=110)
    whole = watched(values).shifts
    assert whole
    for nights in range(55, 110):
        early = watched(values[:, :nights]).shifts
        assert early == [one for one in whole if one.raised < nights]


def test_change_below_the_least_is_no_report():
    values = logs((60, 1.006), sd=0.0005)
    assert watched(values).shifts == []
    (shift,) = watched(values, least=0.003).shifts
    assert shift.after - shift.before == pytest.approx(0.006, abs=0.001)


def test_short_series_are_not_watched():
    values = logs(nights=FIRST_NIGHTS - 2)
    found = watched(values)
    assert np.isnan(found.level).all()
    assert found.shifts == []


def test_empty_and_constant_series():
    values = logs()
    values[0] = np.nan
    values[1] = 0.5
    values[2] = np.where(np.arange(120) < 80, 0.5, 0.53)
    (shift,) = watched(values).shifts
    assert (shift.series, shift.since) == (2, 80)


def test_unit_does_not_matter():
    values = logs((80, 1.04))
    first, second = watched(values).shifts, watched(values + 9.0).shifts
    assert [(one.since, one.raised) for one in first] == [(one.since, one.raised) for one in second]


def test_odd_nights_that_are_frequent_take_more_nights():
    quiet = logs((100, 1.2), nights=130, rows=30)
    odd = quiet.copy()
    random = np.random.default_rng(1)
    nights = random.random(odd.shape) < 0.1
    nights[0, 95:] = False
    odd[nights] += np.log(1.2)
    (plain,) = watched(quiet).shifts
    slow = [one for one in watched(odd).shifts if one.series == 0 and one.raised >= 100]
    assert slow[0].raised > plain.raised


@pytest.mark.parametrize("least", [0, -0.01, 1.5, np.nan])
def test_least_change_that_is_none_is_refused(least):
    with pytest.raises(ValueError, match="smallest change"):
        watched(logs(), least=least)


def test_noise_is_known_from_all_series():
    found = watched(logs(rows=60, phi=0.5))
    assert found.sd == pytest.approx(0.01, rel=0.15)
    assert float(np.median(found.phi)) == pytest.approx(0.5, abs=0.08)
    assert float(np.ptp(found.phi)) < 0.3


def test_memory_goes_on_where_it_was():
    values = logs((60, 1.06), (90, 1.06), nights=110, rows=5)
    whole = watched(values)
    for nights in (1, 20, 61, 64, 100):
        memory = watched(values[:, :nights]).memory
        again = watched(values, memory=memory)
        assert again.shifts == whole.shifts
        np.testing.assert_array_equal(again.level, whole.level)
        for name, kept in whole.memory.items():
            np.testing.assert_array_equal(again.memory[name], kept)


def test_memory_outlasts_a_night_that_is_taken_back():
    values = logs((60, 1.06), nights=100, rows=5)
    memory = watched(values).memory
    shorter = watched(values[:, :99], memory=memory)
    assert shorter.shifts == watched(values[:, :99]).shifts
    assert shorter.memory == memory


def test_memory_is_used_whatever_the_bits_of_a_missing_night(monkeypatch):
    values = logs(rows=3)
    values[0, 20] = np.nan
    memory = watched(values[:, :100]).memory
    values[0, 20] = -values[0, 20]  # the sign of NaN
    recalled = []

    def noted(*known):
        recalled.append(recall(*known))
        return recalled[-1]

    monkeypatch.setattr(night_watch, "recall", noted)
    watched(values, memory=memory)
    assert recalled == [99]


def test_memory_of_other_nights_is_not_used():
    values = logs((60, 1.06), nights=100, rows=5)
    memory = watched(values[:, :90]).memory
    other = values.copy()
    other[0, 70] += 0.5
    assert watched(other, memory=memory).shifts == watched(other).shifts
    assert watched(values[:, :80], memory=memory).shifts == watched(values[:, :80]).shifts
    assert watched(values, least=0.5, memory=memory).shifts == []
