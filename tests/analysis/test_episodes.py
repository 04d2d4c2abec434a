"""Stretches at another level, from changes."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from pytest_trtperf.analysis.episodes import LASTING, episodes
from pytest_trtperf.analysis.level_shift import LevelShift, best_split, robust_mean


def shifts(*levels, nights=30):
    """Changes from one level to the next, each after some nights."""
    return [
        LevelShift(0, 10 * n, 10 * n + 4, a, b, 0.001, 0.001, nights)
        for n, (a, b) in enumerate(pairwise(levels), 1)
    ]


def found(*levels, **how):
    return [
        (one.since, one.ended, one.is_regression) for one in episodes(shifts(*levels, **how), 0.01)
    ]


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ((0, 0.05), [(10, None, True)]),
        ((0, 0.05, 0), [(10, 20, True)]),
        ((0, 0.05, 0.02), [(10, None, True)]),
        ((0, 0.05, 0.1), [(10, None, True), (20, None, True)]),
        ((0, 0.05, 0.1, 0.05), [(10, None, True), (20, 30, True)]),
        ((0, 0.05, 0.1, 0), [(10, 30, True), (20, 30, True)]),
        ((0, -0.05), [(10, None, False)]),
        ((0, -0.05, 0), [(10, None, False), (20, None, True)]),
        ((0, -0.05, 0, -0.05), [(10, None, False), (20, 30, True)]),
        ((0, 0.05, -0.05), [(10, 20, True), (20, None, False)]),
    ],
)
def test_stretches(levels, expected):
    assert found(*levels) == expected


@pytest.mark.parametrize(("level", "ended"), [(0.005, 20), (0.02, None), (np.nan, None)])
def test_return_that_seemed_to_stop_short_is_judged_by_later_nights(level, ended):
    (one,) = episodes(shifts(0, 0.05, 0.015), 0.01, level)
    assert one.ended == ended


def test_level_of_later_nights_ends_nothing_that_did_not_return():
    (one,) = episodes(shifts(0, 0.05), 0.01, 0.0)
    assert one.ended is None


def test_short_improvement_that_goes_back_is_no_regression():
    assert found(0, -0.05, 0, nights=LASTING - 1) == [(10, 20, False)]


@pytest.mark.parametrize("phi", [0.0, 0.6])
def test_split_is_where_the_level_changes_despite_an_odd_night(phi):
    random = np.random.default_rng(2)
    values = 0.01 * random.normal(size=25)
    values[18:] += 0.05
    values[9] += 0.4
    assert abs(best_split(values, 0.0, 0.01, phi) - 18) <= 1


def test_mean_leaves_out_what_is_odd():
    assert robust_mean(np.array([1.0, 1.01, 0.99, 1.0, 9.0]), 0.01) == pytest.approx(1.006)
