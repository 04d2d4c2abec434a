"""TensorRT's types by the names that numpy and ml_dtypes have for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_NAMES: Mapping[str, str] = {
    "FLOAT": "float32", "HALF": "float16", "BF16": "bfloat16", "FP8": "float8_e4m3fn",
}  # fmt: skip


def dtype_name(dtype: Any) -> str:
    """The name of a member of `DataType`."""
    return named(str(dtype.name))


def named(member: str) -> str:
    """The name of a member of `DataType` by TensorRT's own, in upper case."""
    return _NAMES.get(member, member.lower())
