from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_trtperf.engine.shapes import (
    Profile,
    TensorInfo,
    format_shape,
    parse_profiles,
    parse_shape,
)
from pytest_trtperf.errors import ShapeError

shapes = st.lists(st.integers(0, 10**6), max_size=8).map(tuple)


@given(shapes)
def test_text_list_and_array_mean_the_same_shape(shape):
    assert parse_shape(shape) == parse_shape(list(shape)) == shape
    assert parse_shape("x".join(map(str, shape))) == shape
    assert parse_shape(tuple(np.array(shape, dtype=np.int64))) == shape


@pytest.mark.parametrize("scalar", ["", "  ", (), []])
def test_nothing_is_a_scalar(scalar):
    assert parse_shape(scalar) == ()


@pytest.mark.parametrize(
    "garbage",
    ["1x", "x3", "1xax3", "-1x3", "--1", "1.5", "1,3", "1_0", "²", "9" * 19, "1 x3"],
)
def test_text_that_is_no_shape_is_quoted_in_the_error(garbage):
    with pytest.raises(ShapeError, match="is not a shape") as failure:
        parse_shape(garbage)
    assert repr(garbage) in str(failure.value)


@pytest.mark.parametrize(
    "garbage", [(1, -1), (-1, 3), (1.5,), (None,), 7, (True, 2), (2**63,), b"13", {1, 3}, {1: 3}]
)
def test_numbers_that_are_no_shape_are_refused(garbage):
    with pytest.raises(ShapeError, match="is not a shape"):
        parse_shape(garbage)


def test_one_shape_is_min_opt_and_max():
    expected = ({"x": Profile((1, 2, 3), (1, 2, 3), (1, 2, 3))},)
    assert parse_profiles({"x": (1, 2, 3)}) == parse_profiles({"x": "1x2x3"}) == expected


def test_values_of_a_shape_tensor_may_be_negative():
    (profile,) = parse_profiles({"s": ("-2x0", (-1, 4), "5x8")})
    assert profile == {"s": Profile((-2, 0), (-1, 4), (5, 8))}


def test_three_shapes_may_mix_text_and_numbers():
    (profile,) = parse_profiles({"x": ("1x4", [2, 4], (8, 4))})
    assert profile == {"x": Profile((1, 4), (2, 4), (8, 4))}


def test_a_list_of_mappings_is_several_profiles():
    first, second = parse_profiles([{"x": "1x4"}, {"x": ("1x4", "2x4", "8x4")}])
    assert (first["x"].max, second["x"].max) == ((1, 4), (8, 4))
    with pytest.raises(ShapeError, match=r"profile 1: shapes of tensor 'x': .*rank"):
        parse_profiles([{"x": "1x4"}, {"x": ("4", "2x4", "8x4")}])
    with pytest.raises(ShapeError, match="a mapping from tensors to shapes, or a list"):
        parse_profiles(["1x4"])  # type: ignore[list-item]


def test_no_shapes_are_no_profiles():
    assert parse_profiles(None) == parse_profiles({}) == parse_profiles([]) == ()


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        (("2x4", "1x4", "8x4"), "does not hold in dimension 0"),
        (("1x4", "2x4", "8x3"), "does not hold in dimension 1"),
        (("4", "2x4", "8x4"), "differ in rank"),
        (("1x4", "2x4"), "not 2"),
        ((1, "2x4", 3), "is not a shape"),
        ("1xy", "is not a shape"),
    ],
)
def test_a_wrong_profile_names_its_tensor(value, complaint):
    with pytest.raises(ShapeError, match=f"tensor 'image': .*{complaint}"):
        parse_profiles({"image": value})


@given(st.lists(st.tuples(*[st.integers(1, 50)] * 3), min_size=1, max_size=4))
def test_a_profile_holds_if_and_only_if_it_is_ordered(axes):
    low, best, high = (tuple(axis[i] for axis in axes) for i in range(3))
    if all(a <= b <= c for a, b, c in axes):
        assert Profile(low, best, high).opt == best
    else:
        with pytest.raises(ShapeError):
            Profile(low, best, high)


def test_shapes_are_printed_for_people():
    assert format_shape((None, 3)) == "?x3"
    assert format_shape(()) == "scalar"
    assert str(TensorInfo("x", (None, 4), "float32")) == "'x' float32 ?x4"
