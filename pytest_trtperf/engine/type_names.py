"""Types of tensors: TensorRT's names, which build options take, and numpy's."""

from __future__ import annotations

from collections.abc import Mapping

_NUMPY_NAMES: Mapping[str, str] = {
    "float": "float32", "half": "float16", "bf16": "bfloat16", "fp8": "float8_e4m3fn",
}  # fmt: skip


def numpy_name(member: str) -> str:
    """The name that numpy or ml_dtypes has for a member of TensorRT's `DataType`.

    Args:
        member: its name there, in upper or lower case.
    """
    return _NUMPY_NAMES.get(member.lower(), member.lower())
