"""Types that numpy lacks, against ml_dtypes, over all their values."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_trtperf.backend.dtypes import ITEM_SIZES, is_held_as_bits, numbers, stored_dtype

LACKING = [dtype for dtype in ITEM_SIZES if is_held_as_bits(dtype)]


@pytest.mark.parametrize("dtype", LACKING)
def test_bits_stand_for_the_numbers_of_ml_dtypes(dtype):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    stored = stored_dtype(dtype)
    bits = np.arange(2 ** (8 * stored.itemsize), dtype=stored).reshape(2, -1)
    expected = bits.view(getattr(ml_dtypes, dtype)).astype(np.float32)
    np.testing.assert_array_equal(numbers(bits, dtype), expected)


@pytest.mark.parametrize("dtype", ITEM_SIZES)
def test_scalars_and_nothing_keep_their_shape(dtype):
    assert stored_dtype(dtype).itemsize == ITEM_SIZES[dtype]
    for shape in ((), (0, 3), (1,)):
        assert numbers(np.zeros(shape, stored_dtype(dtype)), dtype).shape == shape
