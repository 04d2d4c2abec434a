"""What unchanged engines have in common, with how well it is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pytest_trtperf.analysis.shift import LEAST_CONTROLS, Controls, Shift


def shift_of(changes: list[float]) -> Shift | None:
    controls = Controls()
    for change in changes:
        controls.add("gate", change)
    return controls.shift("gate")


def test_too_few_say_nothing() -> None:
    assert shift_of([0.1] * (LEAST_CONTROLS - 1)) is None
    found = shift_of([0.1] * LEAST_CONTROLS)
    assert found is not None
    assert (found.value, found.controls) == (0.1, LEAST_CONTROLS)


def test_the_median_is_known_as_well_as_of_normal_values() -> None:
    found = shift_of([0.10, 0.11, 0.12, 0.14, 0.30])
    assert found is not None
    assert (found.value, found.controls) == (0.12, 5)
    # Deviations 0.02, 0.01, 0, 0.02, 0.18 have the median 0.02.
    assert found.spread.value == pytest.approx((1.4826 * 0.02) ** 2)
    assert found.spread.freedom == 4
    assert found.variance.value == pytest.approx(math.pi / 2 * found.spread.value / 5)
    assert found.variance.freedom == 4


def test_its_error_is_that_of_medians() -> None:
    random = np.random.default_rng(1)
    found = [shift_of(random.normal(0.05, 0.01, 25).tolist()) for _ in range(400)]
    values = [one.value for one in found if one]
    stated = np.mean([one.variance.value for one in found if one])
    assert np.std(values) == pytest.approx(math.sqrt(stated), rel=0.12)


def test_one_more_engine_is_taken_into_account() -> None:
    controls = Controls()
    for change in [0.0] * 3 + [0.1] * 2:
        controls.add("gate", change)
    before = controls.shift("gate")
    for change in [0.1] * 4:
        controls.add("gate", change)
    after = controls.shift("gate")
    assert before is not None
    assert after is not None
    assert (before.value, after.value, after.controls) == (0.0, 0.1, 9)
