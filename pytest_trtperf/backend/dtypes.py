"""Types of tensors by numpy's names; those that it lacks are held as their bits."""

from __future__ import annotations

from functools import cache

import numpy as np

from pytest_trtperf.errors import MeasurementError

_BITS = {"bfloat16": "uint16", "float8_e4m3fn": "uint8"}

TEXT = "string"
"""The type of texts: no backend makes them up, and ONNX Runtime takes those that are given."""

ITEM_SIZES = {
    "float64": 8, "float32": 4, "float16": 2, "bfloat16": 2, "float8_e4m3fn": 1,
    "int64": 8, "int32": 4, "int16": 2, "int8": 1,
    "uint64": 8, "uint32": 4, "uint16": 2, "uint8": 1, "bool": 1,
}  # fmt: skip


def check_input_dtype(name: str, dtype: str) -> None:
    """Refuses an input that cannot be fed.

    Raises:
        MeasurementError: `dtype` is none of `ITEM_SIZES`.
    """
    if dtype not in ITEM_SIZES:
        raise MeasurementError(
            f"input {name!r} has dtype {dtype}, which cannot be fed; "
            f"supported are {', '.join(ITEM_SIZES)}, and given texts"
        )


def stored_dtype(dtype: str) -> np.dtype:
    """What an array of `dtype` has: unsigned integers with its bits, where numpy lacks it."""
    return np.dtype(_BITS.get(dtype, dtype))


def is_held_as_bits(dtype: str) -> bool:
    """Whether numpy lacks this type."""
    return dtype in _BITS


def numbers(values: np.ndarray, dtype: str) -> np.ndarray:
    """The numbers that an array of `stored_dtype` stands for; bits become float32."""
    if dtype == "bfloat16":
        values = np.left_shift(values, 16, dtype=np.uint32).view(np.float32)
    elif dtype == "float8_e4m3fn":
        values = _e4m3fn()[values]
    return values


@cache
def _e4m3fn() -> np.ndarray:
    """All 256 numbers: four bits of exponent, three of mantissa, NaN and no infinity."""
    bits = np.arange(256)
    exponent, mantissa = bits >> 3 & 15, bits & 7
    magnitude = np.where(exponent, np.ldexp(8.0 + mantissa, exponent - 10), mantissa * 2.0**-9)
    magnitude[bits & 0x7F == 0x7F] = np.nan
    return np.where(bits & 0x80, -magnitude, magnitude).astype(np.float32)
