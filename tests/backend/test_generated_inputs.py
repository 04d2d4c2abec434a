"""Generated inputs: trtexec's values bit for bit, and others for other seeds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_trtperf.backend.dtypes import ITEM_SIZES
from pytest_trtperf.backend.generated_inputs import random_input
from pytest_trtperf.errors import MeasurementError

RANGES = {
    **dict.fromkeys(["float64", "float32", "float16", "bfloat16"], (-1, 1)),
    **dict.fromkeys(["int64", "int32", "int16", "int8"], (-128, 127)),
    **dict.fromkeys(["uint64", "uint32", "uint16", "uint8"], (0, 255)),
    "bool": (0, 1),
}
GENERATED = sorted(ITEM_SIZES.keys() - {"float8_e4m3fn"})
DTYPES = st.sampled_from(GENERATED)
SEEDS = st.integers(0, 2**31)

# Printed by a C++ program with the body of fillBuffer (NVIDIA/TensorRT v11.1,
# samples/common/sampleUtils.cpp), the ranges of Binding::fill (sampleInference.cpp), bfloat16.cpp
# and cuda_fp16.h, built by g++ 12: the first values, then those from index 1308. The draw of index
# 1310 is one that the distribution of [-128, 127] skips, so only integers move up from there.
TRTEXEC: dict[str, tuple[list[Any], list[Any]]] = {
    "float32": (
        ["-0x1.fffdf2p-1", "-0x1.794e28p-1", "0x1.05bd68p-1", "-0x1.52bcfp-4"],
        ["-0x1.a8f87p-2", "0x1.d901b8p-1", "0x1.fffffcp-1", "0x1.ff1204p-1"],
    ),
    "float16": (
        ["-0x1p+0", "-0x1.794p-1", "0x1.05cp-1", "-0x1.52cp-4"],
        ["-0x1.a9p-2", "0x1.d9p-1", "0x1p+0", "0x1.ffp-1"],
    ),
    "bfloat16": ([0xBF80, 0xBF3D, 0x3F03, 0xBDA9], [0xBED4, 0x3F6D, 0x3F80, 0x3F80]),
    "int64": ([-128, -95, 65, -11, 8, -72], [-54, 118, 127, 61]),
    "int32": ([-128, -95, 65, -11, 8, -72], [-54, 118, 127, 61]),
    "int8": ([-128, -95, 65, -11, 8, -72], [-54, 118, 127, 61]),
    "uint8": ([0, 33, 193, 117, 136, 56], [74, 246, 255, 189]),
    "bool": ([0, 0, 1, 0, 1, 0], [0, 1, 1, 1]),
}


def as_numbers(values, dtype):
    if dtype == "bfloat16":
        values = np.left_shift(values.astype(np.uint32), 16, dtype=np.uint32).view(np.float32)
    return values.astype(np.float64)


@pytest.mark.parametrize("dtype", sorted(TRTEXEC))
def test_seed_zero_gives_the_values_of_trtexec(dtype):
    first, later = (
        [float.fromhex(number) if isinstance(number, str) else number for number in numbers]
        for numbers in TRTEXEC[dtype]
    )
    values = random_input("x", (2000,), dtype, 0)
    assert values[: len(first)].tolist() == first
    assert values[1308:1312].tolist() == later


def test_long_inputs_are_those_of_trtexec_too():
    values = random_input("x", (32, 3, 224, 224), "float32", 0).reshape(-1)
    printed = ["-0x1.75b5ep-3", "-0x1.bddc58p-1", "0x1.99a4ap-4", "-0x1.9b2874p-2"]
    assert values[[32767, 32768, 32769, 4816895]].tolist() == [*map(float.fromhex, printed)]
    whole = random_input("x", (32, 3, 224, 224), "int8", 0).reshape(-1)
    assert whole[[32767, 32768, 32769, 4816895]].tolist() == [-112, 12, 112, -48]


def test_the_draw_that_rounds_to_one_stays_below_it():
    assert random_input("x", (32_807_963,), "float32", 0)[-1] == float.fromhex("0x1.fffffcp-1")


def test_bfloat16_ties_round_to_even():
    values = random_input("x", (24_374,), "bfloat16", 0)
    # The float32 bits are 0x3e7f8000 and 0x386e8000.
    assert values[[5641, 24_373]].tolist() == [0x3E80, 0x386E]


def test_float64_holds_the_float32_values():
    wide, narrow = (random_input("x", (100,), dtype, 0) for dtype in ("float64", "float32"))
    np.testing.assert_array_equal(wide, narrow)


@given(dtype=DTYPES, shape=st.lists(st.integers(1, 7), max_size=4).map(tuple), seed=SEEDS)
def test_values_lie_in_the_range_of_their_type(dtype, shape, seed):
    values = random_input("x", shape, dtype, seed)
    assert values.shape == shape
    assert values.flags.c_contiguous
    assert values.itemsize == ITEM_SIZES[dtype]
    low, high = RANGES[dtype]
    numbers = as_numbers(values, dtype)
    assert numbers.min() >= low
    assert numbers.max() <= high


@pytest.mark.parametrize("dtype", GENERATED)
@pytest.mark.parametrize("seed", [0, 1])
def test_range_is_used_up(dtype, seed):
    numbers = as_numbers(random_input("x", (20_000,), dtype, seed), dtype)
    low, high = RANGES[dtype]
    assert numbers.min() <= low + 0.01 * (high - low)
    assert numbers.max() >= high - 0.01 * (high - low)
    assert numbers.mean() == pytest.approx((low + high) / 2, abs=0.02 * (high - low))


@given(dtype=DTYPES, seed=SEEDS, name=st.text())
def test_same_seed_and_name_give_the_same_values(dtype, seed, name):
    first, second = (random_input(name, (5, 3), dtype, seed) for _ in range(2))
    assert first.tobytes() == second.tobytes()


@given(seed=st.integers(1, 2**31))
def test_other_seeds_and_other_names_give_other_values(seed):
    values = random_input("x", (64,), "float32", seed)
    assert not np.array_equal(values, random_input("y", (64,), "float32", seed))
    assert not np.array_equal(values, random_input("x", (64,), "float32", seed + 1))
    assert not np.array_equal(values, random_input("x", (64,), "float32", 0))


def test_type_without_values_is_refused():
    with pytest.raises(MeasurementError, match=r"'words' has dtype string.*inputs=\{'words': "):
        random_input("words", (1,), "string", 0)
    with pytest.raises(MeasurementError, match=r"'z' has dtype complex64.*supported are float64"):
        random_input("z", (1,), "complex64", 0)
    with pytest.raises(MeasurementError, match=r"'x' has dtype float8_e4m3fn.*inputs=\{'x': "):
        random_input("x", (1,), "float8_e4m3fn", 0)


@given(st.sampled_from(["int64", "int32", "int8", "uint8"]), st.integers(1, 300), SEEDS)
def test_indices_stay_in_a_table_that_is_too_small_for_the_range(dtype, rows, seed):
    values = random_input("x", (500,), dtype, seed, rows).astype(int)
    low, high = RANGES[dtype]
    if -rows <= low and high < rows:  # negative ones count from the table's end
        np.testing.assert_array_equal(values, random_input("x", (500,), dtype, seed).astype(int))
    else:
        assert (values.min() >= 0, values.max() < rows) == (True, True)
