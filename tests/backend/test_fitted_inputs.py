"""Given values fit the inputs of an engine, or are refused."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_trtperf.backend.given_inputs import check_input_names, fit_input, read_inputs
from pytest_trtperf.engine.shapes import TensorInfo
from pytest_trtperf.errors import MeasurementError, ShapeError

X = TensorInfo("x", (None, 3), "float32")


def test_unknown_names_are_refused_with_the_known():
    inputs = [TensorInfo(name, (1,), "float32") for name in ("x", "y")]
    check_input_names(["y"], inputs)
    with pytest.raises(ShapeError, match=r"for 'a', 'z', which.*its inputs are 'x', 'y'"):
        check_input_names(["z", "x", "a"], inputs)


def test_fitted_values_are_a_contiguous_copy():
    values = np.arange(6, dtype=">f4").reshape(3, 2).T
    fitted = fit_input(X, (2, 3), values)
    np.testing.assert_array_equal(fitted, values)
    assert fitted.flags.c_contiguous
    assert fitted.dtype.isnative
    kept = np.ones((2, 3), np.float32)
    fitted = fit_input(X, (2, 3), kept)
    kept[:] = 0
    assert fitted.min() == 1


def test_raw_bytes_become_a_writable_array():
    raw = np.arange(6, dtype=np.float32).tobytes()
    fitted = fit_input(X, (2, 3), raw)
    assert fitted[1, 2] == 5
    assert fitted.flags.writeable


@pytest.mark.parametrize("given_dtype", ["float64", "int32", "float16", "object", "<U1", "V4"])
def test_another_dtype_is_refused(given_dtype):
    message = r"'x' takes float32, but the given values are .*convert.*\.astype\('float32'\)"
    with pytest.raises(MeasurementError, match=message):
        fit_input(X, (2, 3), np.empty((2, 3), given_dtype))


@pytest.mark.parametrize("shape", [(3, 2), (6,), (1, 2, 3), ()])
def test_another_shape_is_refused(shape):
    with pytest.raises(ShapeError, match=r"'x' is measured as 2x3, but the given values are "):
        fit_input(X, (2, 3), np.zeros(shape, np.float32))


# trtexec takes a file of twice the size, and reads the first half of it.
@pytest.mark.parametrize("size", [0, 23, 25, 48])
def test_another_number_of_bytes_is_refused(size):
    message = f"'x': its raw file holds {size} bytes, but float32 2x3 takes 24"
    with pytest.raises(MeasurementError, match=message):
        fit_input(X, (2, 3), bytes(size))


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
@pytest.mark.parametrize("raw", [False, True])
def test_values_that_are_no_numbers_are_counted(dtype, raw):
    bits = dtype == "bfloat16"
    # 0x7f7f and 0xff7f are the largest bfloat16, 0x0001 the smallest.
    values = (
        np.array([0x7FC0, 0xFFC0, 0x7F80, 0xFF80, 0x7F7F, 0xFF7F, 1], np.uint16)
        if bits
        else np.array([np.nan, -np.nan, np.inf, -np.inf, np.finfo(dtype).max, 0, -1], dtype)
    )
    with pytest.raises(MeasurementError, match="'x': 2 of 7 values are NaN"):
        fit_input(TensorInfo("x", (7,), dtype), (7,), values.tobytes() if raw else values)
    fitted = fit_input(TensorInfo("x", (5,), dtype), (5,), values[2:])
    np.testing.assert_array_equal(fitted, values[2:])


BITS = {"bfloat16": [0x3F80, 0xC000], "float8_e4m3fn": [0x38, 0xC0]}


@pytest.mark.parametrize("dtype", BITS)
def test_types_that_numpy_lacks_come_as_bits_or_from_ml_dtypes(tmp_path, dtype):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    tensor = TensorInfo("x", (2,), dtype)
    values = np.array([1, -2], getattr(ml_dtypes, dtype))
    np.save(tmp_path / "x.npy", values)
    loaded = read_inputs({"x": tmp_path / "x.npy"})["x"]
    stored = np.dtype(f"uint{8 * values.itemsize}")
    for value in (values, loaded, np.array(BITS[dtype], stored)):
        fitted = fit_input(tensor, (2,), value)
        assert fitted.dtype == stored
        assert fitted.tolist() == BITS[dtype]
    for wrong in (np.float16, np.float32, np.int16):
        with pytest.raises(MeasurementError, match=rf"takes {dtype}.*astype\(ml_dtypes.{dtype}\)"):
            fit_input(tensor, (2,), np.ones(2, wrong))


def test_type_the_session_cannot_feed_is_refused():
    with pytest.raises(MeasurementError, match="'x' has dtype complex64"):
        fit_input(TensorInfo("x", (1,), "complex64"), (1,), np.ones(1, np.complex64))


WORDS = TensorInfo("words", (None, 2), "string")


@pytest.mark.parametrize(
    "given",
    [
        [["a", "bcd"], ["", "ü"]],
        np.array([["a", "bcd"], ["", "ü"]], object),
        np.array([["a", "bcd"], ["", "ü"]], ">U3"),
    ],
)
def test_texts_are_held_at_a_fixed_width(given):
    value = read_inputs({"words": given})["words"]
    fitted = fit_input(WORDS, (2, 2), value)
    assert fitted.tolist() == [["a", "bcd"], ["", "ü"]]
    assert fitted.dtype == np.dtype("U3")
    assert fitted.dtype.isnative


def test_no_texts_are_texts_of_a_shape():
    value = read_inputs({"words": np.empty((0, 2), object)})["words"]
    assert fit_input(WORDS, (0, 2), value).shape == (0, 2)


def test_texts_from_a_file(tmp_path):
    np.save(tmp_path / "words.npy", np.array([["a", "b"]]))
    value = read_inputs({"words": tmp_path / "words.npy"})["words"]
    assert fit_input(WORDS, (1, 2), value).tolist() == [["a", "b"]]


@pytest.mark.parametrize("given", [[[1, 2]], [[b"a", b"b"]], [["a", None]]])
def test_what_is_no_text_is_refused(given):
    value = read_inputs({"words": np.array(given)})["words"]
    with pytest.raises(MeasurementError, match="'words' takes text, but the given values are "):
        fit_input(WORDS, (1, 2), value)


def test_texts_of_another_shape_or_as_bytes_are_refused():
    with pytest.raises(ShapeError, match="'words' is measured as 1x2, but the given values"):
        fit_input(WORDS, (1, 2), np.array(["a", "b"]))
    with pytest.raises(
        MeasurementError, match=r"are a raw file; give an array of str, or an \.npy"
    ):
        fit_input(WORDS, (1, 2), b"ab")
