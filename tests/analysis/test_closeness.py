"""When values are close, and what is said of those that are not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from pytest_trtperf.analysis.closeness import RTOL, describe_difference

FLOATS = st.sampled_from([np.float16, np.float32, np.float64])
VALUES = st.sampled_from([0.0, -0.0, 1.0, 1 + 2**-7, -1.0, 2**-13, 300.0, np.nan, np.inf, -np.inf])


@given(data=st.data(), dtype=FLOATS, shape=npst.array_shapes(min_dims=0, min_side=0, max_side=4))
def test_close_is_what_numpy_calls_close(data, dtype, shape):
    ours, theirs = (data.draw(npst.arrays(dtype, shape, elements=VALUES)) for _ in range(2))
    rtol, atol = (data.draw(st.sampled_from([0.0, 0.015, 0.5])) for _ in range(2))
    wide, wanted = ours.astype(np.float64), theirs.astype(np.float64)
    close = np.isclose(wide, wanted, rtol=rtol, atol=atol, equal_nan=True)
    text = describe_difference(ours, theirs, rtol, atol)
    assert (text is None) == bool(close.all())
    if text is not None:
        assert text.startswith(f"{(~close).sum()} of {close.size} values differ")


@given(data=st.data(), dtype=npst.integer_dtypes() | npst.unsigned_integer_dtypes())
def test_whole_numbers_have_to_be_equal(data, dtype):
    dtype = dtype.newbyteorder("=")
    theirs = data.draw(npst.arrays(dtype, (2, 3)))
    assert describe_difference(theirs.copy(), theirs, 0.0) is None
    ours = theirs.copy()
    ours[1, 2] ^= dtype.type(1)  # the last bit, beyond what float64 distinguishes in the largest
    text = str(describe_difference(ours, theirs, 0.0))
    assert "1 of 6 values differ\n" in text
    assert f"error 1 at [1, 2]: {ours[1, 2]}, reference {theirs[1, 2]}" in text
    assert describe_difference(ours, theirs, 0.0, atol=1) is None


def test_truth_values_have_to_be_equal():
    yes = np.array([True, False])
    assert describe_difference(yes, yes, 0.0) is None
    assert "2 of 2 values differ" in str(describe_difference(~yes, yes, 0.0))


def test_the_largest_errors_are_placed():
    theirs = np.array([[1e-6, 1.0], [100.0, 0.0]], np.float32)
    ours = np.array([[2.0, 1.0], [110.0, 0.0]], np.float32)
    text = str(describe_difference(ours, theirs, 0.01))
    assert "2 of 4 values differ by more than 0.5 + 0.01 x |reference|" in text
    assert "largest absolute error 10 at [1, 0]: 110.0, reference 100.0" in text
    assert "largest relative error 2e+06 at [0, 0]: 2.0, reference 1e-06" in text


def test_what_is_near_zero_is_judged_by_its_neighbours():
    theirs = np.array([10.0, -10.0, 0.0])
    assert describe_difference(theirs + np.array([0, 0, 0.05]), theirs, 0.01) is None
    assert describe_difference(theirs + np.array([0, 0, 0.1]), theirs, 0.01) is not None
    assert (
        describe_difference(theirs * 1e-200 + np.array([0, 0, 5e-202]), theirs * 1e-200, 0.01)
        is None
    )
    huge = np.full(4, 1e300)
    assert describe_difference(huge, huge * 1.001, 0.01) is None
    assert describe_difference(huge, huge * 1.1, 0.01) is not None
    assert describe_difference(np.full(2, 1e-9), np.zeros(2), 0.01) is not None


def test_an_outlier_hides_what_is_small_unless_atol_is_given():
    theirs = np.array([1e6, *[0.0] * 999])
    ours = theirs + np.array([0, 300, *[0.0] * 998])
    assert describe_difference(ours, theirs, 0.01) is None
    assert "1 of 1000 values differ" in str(describe_difference(ours, theirs, 0.01, atol=1))


BITS = {"tf32": (10, "float32"), "fp16": (10, "float16"), "bf16": (7, "bfloat16")}


def rounded(values, mantissa):
    """To nearest in so many bits, as a tensor core rounds what it multiplies."""
    fraction, exponent = np.frexp(values)
    return np.ldexp(np.round(np.ldexp(fraction, mantissa + 1)), exponent - mantissa - 1)


def forward(x, weights, mantissa=52):
    """A residual network; each product's operands are rounded."""
    for weight in weights:
        x = x + 0.5 * np.tanh(rounded(x, mantissa) @ rounded(weight, mantissa))
        x /= np.sqrt(np.mean(x**2, axis=1, keepdims=True))
    return rounded(x, mantissa)


@pytest.mark.parametrize("precision", BITS)
@pytest.mark.parametrize("layers", [4, 100])
def test_default_tolerance_takes_rounding_and_no_fault(precision, layers):
    mantissa, dtype = BITS[precision]
    rng = np.random.default_rng(11)
    x = rng.uniform(-1, 1, (32, 128))
    weights = rng.normal(0, 128**-0.5, (layers, 128, 128))
    exact = forward(x, weights)
    assert describe_difference(forward(x, weights, mantissa), exact, RTOL[dtype]) is None
    first, second = weights[:2]
    for wrong in (0.75 * second, 0 * second, second.T):
        faulty = forward(x, [first, wrong, *weights[2:]], mantissa)
        assert describe_difference(faulty, exact, RTOL[dtype]) is not None
