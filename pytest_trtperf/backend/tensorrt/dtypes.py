"""TensorRT's types by the names that numpy and ml_dtypes have for them."""

from __future__ import annotations

from typing import Any

from pytest_trtperf.engine.type_names import numpy_name


def dtype_name(dtype: Any) -> str:
    """The name of a member of `DataType`."""
    return numpy_name(str(dtype.name))
