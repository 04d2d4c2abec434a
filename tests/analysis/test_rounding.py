"""How far correct kernels of float32 are apart."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from pytest_trtperf.analysis.rounding import TRIALS, nudged, rounding_floor


def floor_of(function, x):
    moved = [function(nudged(x, trial)) for trial in range(TRIALS)]
    return rounding_floor(function(x), moved, x.size)


def centred(x):
    return x - x.mean(axis=1, keepdims=True)


def in_turn(x):
    """The same, each sum added up one by one in float32."""
    return x - np.add.accumulate(x, axis=1)[:, -1:] / np.float32(x.shape[1])


@pytest.mark.parametrize("terms", [64, 1024])
@pytest.mark.parametrize("scale", [1e-6, 1, 1e3])
def test_sums_in_another_order_are_within_the_floor(terms, scale):
    rng = np.random.default_rng(terms)
    x = scale * (1 + 1e-6 * rng.standard_normal((4, terms))).astype(np.float32)
    error = np.abs(in_turn(x) - centred(x)).max()
    assert 0 < error < floor_of(centred, x)


@given(st.floats(1e-30, 1e30), st.integers(1, 8))
def test_the_floor_has_the_scale_of_what_is_added(scale, rows):
    x = np.random.default_rng(0).uniform(0.5, 1, (rows, 16))
    assert floor_of(centred, scale * x) == pytest.approx(scale * floor_of(centred, x))


def test_what_does_not_cancel_has_a_floor_far_below_its_tolerance():
    x = np.random.default_rng(0).uniform(-1, 1, (8, 256))
    for function in (np.tanh, np.exp, lambda x: np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)):
        scale = np.sqrt(np.mean(function(x) ** 2))
        assert floor_of(function, x) < 1e-4 * scale


def test_a_decision_that_flips_opens_nothing():
    x = np.random.default_rng(0).uniform(0.5, 1.5, (8, 256))
    assert 0 < floor_of(lambda x: 100 * (x > 1), x) < 0.01 * 100


@pytest.mark.parametrize("odd", [np.inf, -np.inf, np.nan])
def test_odd_values_do_not_count(odd):
    one = np.array([1.0, 2.0])
    with_odd = np.array([1.0, odd])
    assert rounding_floor(one, [one, one], 2) == 0
    assert rounding_floor(with_odd, [with_odd], 2) == 0
    floor = rounding_floor(with_odd, [with_odd + 1], 2)
    assert floor == pytest.approx(rounding_floor(one, [one + 1], 2))
    assert rounding_floor(one, [one, np.ones(3)], 2) == 0
    assert rounding_floor(np.ones(0), [np.ones(0)], 2) == 0


@given(npst.arrays(st.sampled_from([np.float16, np.float32, np.float64]), (3, 4)), st.integers(0))
def test_nudged_values_are_near_and_of_their_type(values, trial):
    found = nudged(values, trial)
    assert found.dtype == values.dtype
    assert (np.isfinite(found) == np.isfinite(values)).all()
    wide, near = values.astype(np.longdouble), found.astype(np.longdouble)
    kept = ~np.isfinite(wide) | (wide == 0)
    np.testing.assert_array_equal(near[kept], wide[kept])
    wide, near = wide[~kept], near[~kept]
    tiny = np.finfo(values.dtype).smallest_subnormal
    assert (np.abs(near - wide) <= 0.0085 * np.abs(wide) + tiny).all()
