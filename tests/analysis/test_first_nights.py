"""A change of level within the nights that were to be the reference."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_trtperf.analysis.first_nights import two_levels
from pytest_trtperf.analysis.night_watch import watch

SD = 0.003


def noise(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, SD, shape)


@pytest.mark.parametrize("alone", [False, True])
@pytest.mark.parametrize("place", [2, 3, 4, 5, 6])
@pytest.mark.parametrize("size", [-0.05, 0.05])
def test_two_levels_are_known_by_their_place(place: int, size: float, alone: bool) -> None:
    values = noise(1, 10)
    values[place:] += size
    found = two_levels(values, SD, 0.0, alone=alone)
    assert found is not None
    assert found[0] == place
    assert SD / 2 < found[1] < 2 * SD


@pytest.mark.parametrize("alone", [False, True])
def test_noise_has_one_level(alone: bool) -> None:
    assert not any(two_levels(values, SD, 0.0, alone=alone) for values in noise(2, 2000, 10))


@pytest.mark.parametrize("odd", [(0,), (9,), (3, 7), (0, 1, 5)])
def test_odd_nights_are_no_level(odd: tuple[int, ...]) -> None:
    values = noise(3, 10)
    values[list(odd)] += 0.2
    assert two_levels(values, SD, 0.0, alone=False) is None


def test_nights_that_resemble_each_other_need_a_larger_change() -> None:
    values = noise(4, 10)
    values[5:] += 0.015
    assert two_levels(values, SD, 0.0, alone=False)
    assert two_levels(values, SD, 0.8, alone=False) is None


def test_values_that_are_all_alike_are_one_level() -> None:
    assert two_levels(np.zeros(10), SD, 0.0, alone=False) is None
    assert two_levels(np.zeros(10), SD, 0.0, alone=True) is None


@pytest.mark.parametrize("step", [2, 3, 5, 6])
@pytest.mark.parametrize("rows", [1, 40])
def test_a_step_in_the_first_nights_is_raised(step: int, rows: int) -> None:
    logs = noise(5, rows, 40)
    logs[0, step:] += 0.06
    shifts = watch(logs, np.zeros(rows, dtype=np.intp)).shifts
    (found,) = shifts
    assert (found.series, found.since) == (0, step)
    assert found.raised < step + 14
    assert found.after - found.before == pytest.approx(0.06, abs=3 * SD)
