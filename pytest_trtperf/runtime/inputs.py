"""Seeded inputs in trtexec's value ranges: values change power and clocks, so they are fixed."""

from __future__ import annotations

import zlib

import numpy as np

from pytest_trtperf.errors import MeasurementError

ITEM_SIZES = {
    "float64": 8, "float32": 4, "float16": 2, "bfloat16": 2, "int64": 8, "int32": 4,
    "int8": 1, "uint8": 1, "bool": 1,
}  # fmt: skip


def random_input(name: str, shape: tuple[int, ...], dtype: str, seed: int) -> np.ndarray:
    """A C-contiguous array of `shape`; bfloat16 comes as its bits in uint16.

    Floats are uniform in [-1, 1], signed integers in [-128, 127], uint8 in [0, 255], bool in
    {0, 1}: the ranges of trtexec. The stream depends on `seed` and the tensor's name alone.

    Raises:
        MeasurementError: no values can be made for `dtype`.
    """
    generator = np.random.default_rng([seed, zlib.crc32(name.encode())])
    if dtype in ("float16", "float32", "float64"):
        return generator.uniform(-1, 1, shape).astype(dtype)
    if dtype == "bfloat16":
        bits = generator.uniform(-1, 1, shape).astype(np.float32).view(np.uint32)
        return (bits >> 16).astype(np.uint16)
    if dtype in ("int8", "int32", "int64"):
        return generator.integers(-128, 128, shape).astype(dtype)
    if dtype == "uint8":
        return generator.integers(0, 256, shape).astype(dtype)
    if dtype == "bool":
        return generator.integers(0, 2, shape).astype(bool)
    raise MeasurementError(
        f"input {name!r} has dtype {dtype}, for which no values can be made; "
        f"supported are {', '.join(ITEM_SIZES)}"
    )
