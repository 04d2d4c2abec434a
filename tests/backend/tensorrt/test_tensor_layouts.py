"""Tensor layouts: each value lies where TensorRT's documentation of the format puts it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_trtperf.backend.tensorrt.tensor_layouts import LAYOUTS

# Subscripts of (n, c, h, w), or with d before h, in the array that the documentation gives.
PLACES: dict[str, Callable[..., tuple[int, ...]]] = {
    "LINEAR": lambda n, c, h, w: (n, c, h, w),
    "CHW2": lambda n, c, h, w: (n, c // 2, h, w, c % 2),
    "CHW4": lambda n, c, h, w: (n, c // 4, h, w, c % 4),
    "CHW16": lambda n, c, h, w: (n, c // 16, h, w, c % 16),
    "CHW32": lambda n, c, h, w: (n, c // 32, h, w, c % 32),
    "CDHW32": lambda n, c, d, h, w: (n, c // 32, d, h, w, c % 32),
    "HWC": lambda n, c, h, w: (n, h, w, c),
    "HWC8": lambda n, c, h, w: (n, h, w, c),
    "HWC16": lambda n, c, h, w: (n, h, w, c),
    "DHWC": lambda n, c, d, h, w: (n, d, h, w, c),
    "DHWC8": lambda n, c, d, h, w: (n, d, h, w, c),
}


def dims(name: str) -> st.SearchStrategy[tuple[int, ...]]:
    sizes = [st.integers(0, 3), st.integers(0, 40), *[st.integers(0, 3)] * (2 + ("D" in name))]
    return st.tuples(*sizes)


def test_each_layout_has_a_place():
    assert PLACES.keys() == LAYOUTS.keys()


@pytest.mark.parametrize("name", LAYOUTS)
@given(data=st.data())
def test_values_lie_where_the_documentation_puts_them(name, data):
    shape = data.draw(dims(name))
    values = np.arange(1, 1 + np.prod(shape), dtype=np.float32).reshape(shape)
    packed = LAYOUTS[name].pack(values)
    assert packed.shape == LAYOUTS[name].packed_shape(shape)
    assert packed.flags.c_contiguous
    for at in np.ndindex(shape):
        assert packed[PLACES[name](*at)] == values[at]
    assert np.count_nonzero(packed) == values.size


@pytest.mark.parametrize("name", LAYOUTS)
@given(data=st.data())
def test_what_is_packed_comes_back(name, data):
    shape = data.draw(dims(name))
    values = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    unpacked = LAYOUTS[name].unpack(LAYOUTS[name].pack(values), shape)
    np.testing.assert_array_equal(unpacked, values)
    assert unpacked.flags.c_contiguous


def test_images_without_a_batch_are_packed_as_well():
    values = np.arange(3 * 2 * 2, dtype=np.int8).reshape(3, 2, 2)
    packed = LAYOUTS["HWC8"].pack(values)
    assert packed.shape == (2, 2, 8)
    assert packed[0, 1].tolist() == [1, 5, 9, 0, 0, 0, 0, 0]
