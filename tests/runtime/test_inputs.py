"""Generated inputs: trtexec's ranges, and the same values each time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_trtperf.errors import MeasurementError
from pytest_trtperf.runtime.inputs import ITEM_SIZES, random_input

DTYPES = st.sampled_from(sorted(ITEM_SIZES))
SHAPES = st.lists(st.integers(1, 7), max_size=4).map(tuple)
SEEDS = st.integers(0, 2**31)
RANGES = {"bool": (0, 1), "uint8": (0, 255)}


def as_numbers(values, dtype):
    if dtype == "bfloat16":
        values = np.left_shift(values.astype(np.uint32), 16, dtype=np.uint32).view(np.float32)
    return values.astype(np.float64)


@given(dtype=DTYPES, shape=SHAPES, seed=SEEDS)
def test_values_lie_in_the_range_of_their_type(dtype, shape, seed):
    values = random_input("x", shape, dtype, seed)
    assert values.shape == shape
    assert values.flags.c_contiguous
    assert values.itemsize == ITEM_SIZES[dtype]
    low, high = RANGES.get(dtype, (-1, 1) if "float" in dtype else (-128, 127))
    numbers = as_numbers(values, dtype)
    assert numbers.min() >= low
    assert numbers.max() <= high


@pytest.mark.parametrize("dtype", sorted(ITEM_SIZES))
def test_range_is_used_up(dtype):
    numbers = as_numbers(random_input("x", (20_000,), dtype, 0), dtype)
    low, high = RANGES.get(dtype, (-1, 1) if "float" in dtype else (-128, 127))
    assert numbers.min() <= low + 0.01 * (high - low)
    assert numbers.max() >= high - 0.01 * (high - low)


@given(dtype=DTYPES, seed=SEEDS, name=st.text())
def test_same_seed_and_name_give_the_same_values(dtype, seed, name):
    first, second = (random_input(name, (5, 3), dtype, seed) for _ in range(2))
    assert first.tobytes() == second.tobytes()


@given(seed=SEEDS)
def test_other_seeds_and_other_names_give_other_values(seed):
    values = random_input("x", (64,), "float32", seed)
    assert not np.array_equal(values, random_input("y", (64,), "float32", seed))
    assert not np.array_equal(values, random_input("x", (64,), "float32", seed + 1))


def test_type_without_values_is_refused():
    with pytest.raises(MeasurementError, match=r"'words' has dtype string.*supported are float64"):
        random_input("words", (1,), "string", 0)
