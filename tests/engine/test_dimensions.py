"""`dims=`: sizes by name, and the shapes that follow."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_trtperf.engine.bound_shapes import profiles_of, shapes_of, to_paste, unequal_names
from pytest_trtperf.engine.dimensions import model_inputs, parse_dims, parse_sizes
from pytest_trtperf.engine.shapes import Profile, TensorInfo, parse_profiles
from pytest_trtperf.errors import ShapeError

IDS = TensorInfo("ids", (None, None), "int64", ("batch", "src_len"))
MASK = TensorInfo("mask", (None, 1, None), "float32", ("batch", None, "src_len"))
STATE = TensorInfo("state", (2, None, 128), "float32", (None, "batch", None))
SCALE = TensorInfo("scale", (1, 3), "float32")
UNNAMED = TensorInfo("x", (None, 3), "float32")
HALF = TensorInfo("h", (None, None), "float32", ("batch", None))
SQUARE = TensorInfo("x", (1, 3, None, None), "float32", (None, None, "size", "size"))
MODEL = [IDS, MASK, STATE, SCALE]


def profiles(dims, inputs=MODEL, shapes=None):
    return profiles_of("m.onnx", inputs, parse_dims(dims), parse_profiles(shapes))


def test_tensors_show_their_names():
    assert str(MASK) == "'mask' float32 batch x 1 x src_len"
    assert str(HALF) == "'h' float32 batch x ?"
    assert str(UNNAMED) == "'x' float32 ?x3"


def test_dims_make_a_profile_of_all_dynamic_inputs():
    (found,) = profiles({"batch": (1, 8, 32), "src_len": 16})
    assert found == {
        "ids": Profile((1, 16), (8, 16), (32, 16)),
        "mask": Profile((1, 1, 16), (8, 1, 16), (32, 1, 16)),
        "state": Profile((2, 1, 128), (2, 8, 128), (2, 32, 128)),
    }
    assert len(profiles([{"batch": 1, "src_len": 8}, {"batch": 9, "src_len": [1, 2, 3]}])) == 2
    assert parse_dims(None) == parse_dims({}) == ()


def test_an_input_in_shapes_has_that_shape_and_both_agree():
    given = {"x": "4x3"}
    (found,) = profiles({"batch": 4, "src_len": 2}, [IDS, UNNAMED], given)
    assert found == {"ids": Profile(*[(4, 2)] * 3), "x": Profile(*[(4, 3)] * 3)}
    (found,) = profiles({"batch": 4}, [IDS, STATE], {"ids": ("4x1", "4x2", "4x9")})
    assert found["ids"].max == (4, 9)
    conflict = "'ids' int64 batch x src_len the shape 8x2, where batch is 8, and dims= has batch=4"
    with pytest.raises(ShapeError, match=conflict):
        profiles({"batch": 4}, [IDS, STATE], {"ids": ("4x2", "8x2", "8x2")})
    with pytest.raises(ShapeError, match=re.escape("dims= makes 1 optimization profile(s), and")):
        profiles({"batch": 4}, [IDS], [{"ids": "4x1"}, {"ids": "4x2"}])


@pytest.mark.parametrize(
    ("dims", "inputs", "message"),
    [
        (
            {"batch": (1, 8, 32)},
            MODEL,
            (
                "m.onnx: dims= leaves src_len open, of 'ids' int64 batch x src_len; 'mask' float32 "
                'batch x 1 x src_len: write dims={"batch": (1, 8, 32), "src_len": 128}'
            ),
        ),
        (
            {"batch": 8, "srclen": 16},
            MODEL,
            (
                "m.onnx has no dynamic dimension named 'srclen': did you mean 'src_len'? "
                "the inputs are 'ids' int64 batch x src_len;"
            ),
        ),
        ({"y": 8}, MODEL, "named 'y': the inputs are"),
        (
            {"n": 8},
            [UNNAMED],
            (
                "m.onnx has no names of dynamic dimensions that dims= could bind (a plan keeps "
                'none): write shapes={"x": (8, 3)} in its place'
            ),
        ),
        (
            {"n": 8},
            [SCALE],
            "m.onnx has no dynamic dimension: leave dims= out; the inputs are 'scale' float32 1x3",
        ),
        (
            {"batch": 8},
            [HALF],
            (
                "dims= cannot bind dimensions without a name (?) of 'h' float32 batch x ?: "
                'give these inputs in shapes={"h": (8, 16)}'
            ),
        ),
        ({"batch": (8, 1, 32)}, MODEL, "dims= of 'batch': min <= opt <= max does not hold"),
        ({"batch": (1, 8)}, MODEL, "give one size, or three (min, opt, max), not (1, 8)"),
        ({"batch": "8"}, MODEL, "dims= of 'batch': expected a whole number of 0 or more"),
        ({"batch": True}, MODEL, "dims= of 'batch': expected a whole number of 0 or more"),
        ({"batch": -1}, MODEL, "dims= of 'batch': expected a whole number of 0 or more"),
        ({3: 8}, MODEL, "the keys of dims= are names of dimensions, and 3 is not"),
        (8, MODEL, "dims=8: give a mapping from names of dimensions to sizes"),
        (["batch"], MODEL, "dims=['batch']: give a mapping"),
    ],
)
def test_dims_that_make_no_profile_are_refused_with_what_to_write(dims, inputs, message):
    with pytest.raises(ShapeError, match=re.escape(message)):
        profiles(dims, inputs)


def shapes(dims, inputs=MODEL, given=None, profile=None, **how):
    return shapes_of("m.onnx", inputs, parse_sizes(dims), given or {}, profile or {}, **how)


def test_dims_make_the_shapes_of_all_dynamic_inputs():
    found = shapes({"batch": 8, "src_len": 16})
    assert found == {"ids": (8, 16), "mask": (8, 1, 16), "state": (2, 8, 128)}


def test_what_the_profile_fixes_is_known_and_what_it_leaves_open_is_proposed():
    (profile,) = profiles({"batch": (1, 4, 9), "src_len": 16}, [IDS, STATE])
    assert shapes({"batch": 2}, [IDS, STATE], profile=profile) == {
        "ids": (2, 16),
        "state": (2, 2, 128),
    }
    with pytest.raises(ShapeError, match=re.escape('write dims={"batch": 4}')):
        shapes({}, [IDS, STATE], profile=profile)
    # Another size than the profile has is for the backend to refuse.
    assert shapes({"batch": 2, "src_len": 3}, [IDS], profile=profile) == {"ids": (2, 3)}


def test_an_input_whose_values_may_be_given_is_left_out():
    assert shapes({"batch": 8}, may_leave=True) == {"state": (2, 8, 128)}
    with pytest.raises(ShapeError, match="leaves src_len open"):
        shapes({"batch": 8})


@pytest.mark.parametrize("value", [[8], (1, 8, 32), 1.5, None, 2**63])
def test_a_measurement_takes_one_size_of_each(value):
    with pytest.raises(ShapeError, match="dims= of 'batch': expected a whole number"):
        shapes({"batch": value})


def test_a_line_to_paste():
    assert to_paste([IDS, SCALE]) == (
        'dims={"batch": 8, "src_len": 128}, or shapes={"ids": (8, 128)}'
    )
    assert to_paste([UNNAMED]) == 'shapes={"x": (8, 3)}'
    (profile,) = profiles({"batch": (1, 4, 9), "src_len": 16}, [IDS])
    assert (
        to_paste([IDS], profile) == 'dims={"batch": 4, "src_len": 16}, or shapes={"ids": (4, 16)}'
    )


def test_equal_names_with_other_sizes_are_explained():
    assert unequal_names({"x": (1, 3, 8, 8)}, [SQUARE]) is None
    assert unequal_names({"ids": (2, 3), "mask": (2, 1, 3)}, MODEL) is None
    assert unequal_names({"x": (1, 3, 8, 9)}, [SQUARE]) == (
        "the file calls two dimensions 'size', which TensorRT takes as equal sizes, and they are "
        "8 in dimension 2 of 'x' and 9 in dimension 3 of 'x': give equal sizes, or export the "
        "model with a name for each"
    )
    assert "4 in dimension 0 of 'mask'" in (
        unequal_names({"ids": (2, 3), "mask": (4, 1, 3)}, MODEL) or ""
    )


NAMES = st.sampled_from(["batch", "len", "h", "a b", "é"])
DIMENSIONS = st.integers(0, 9) | NAMES


@given(st.lists(st.lists(DIMENSIONS, max_size=4), max_size=4), st.data())
def test_all_that_is_named_is_bound(layouts, data):
    inputs = [
        TensorInfo(
            f"x{place}",
            tuple(dim if isinstance(dim, int) else None for dim in dims),
            "float32",
            tuple(dim if isinstance(dim, str) else None for dim in dims),
        )
        for place, dims in enumerate(layouts)
    ]
    names = {dim for dims in layouts for dim in dims if isinstance(dim, str)}
    sizes = {name: data.draw(st.integers(0, 99)) for name in sorted(names)}
    found = shapes(sizes, inputs) if sizes else {}
    for tensor, dims in zip(inputs, layouts, strict=True):
        wanted = tuple(sizes[dim] if isinstance(dim, str) else dim for dim in dims)
        assert found.get(tensor.name, wanted) == wanted
        assert (tensor.name in found) == any(isinstance(dim, str) for dim in dims)
    assert unequal_names(found, inputs) is None


def test_the_inputs_of_a_file_have_its_names(tmp_path, write_model):
    (found,) = model_inputs(write_model(tmp_path / "m.onnx", batch="rows"))
    assert (found, found.names) == (TensorInfo("x", (None, 256), "float32"), ("rows", None))
    (tmp_path / "no.onnx").write_bytes(b"model")
    assert model_inputs(tmp_path / "no.onnx") == model_inputs(tmp_path / "gone.onnx") == []
