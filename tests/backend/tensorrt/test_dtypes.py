from __future__ import annotations

import pytest

from pytest_trtperf.backend.dtypes import ITEM_SIZES
from pytest_trtperf.backend.tensorrt.dtypes import dtype_name

trt = pytest.importorskip("tensorrt_rtx")


@pytest.mark.parametrize("name", ["FLOAT", "HALF", "BF16", "FP8", "INT8", "INT64", "BOOL", "UINT8"])
def test_types_have_the_names_that_inputs_are_made_by(name):
    dtype = getattr(trt.DataType, name)
    assert ITEM_SIZES[dtype_name(dtype)] == dtype.itemsize
