"""The types of ONNX's tensors by their numbers in ``TensorProto.DataType``."""

from __future__ import annotations

# Each with the name that numpy or ml_dtypes gives it, and the bits of an element in raw data.
_TYPES: tuple[tuple[str, int | None], ...] = (
    ("undefined", None), ("float32", 32), ("uint8", 8), ("int8", 8), ("uint16", 16),
    ("int16", 16), ("int32", 32), ("int64", 64), ("string", None), ("bool", 8),
    ("float16", 16), ("float64", 64), ("uint32", 32), ("uint64", 64), ("complex64", 64),
    ("complex128", 128), ("bfloat16", 16), ("float8_e4m3fn", 8), ("float8_e4m3fnuz", 8),
    ("float8_e5m2", 8), ("float8_e5m2fnuz", 8), ("uint4", 4), ("int4", 4), ("float4_e2m1", 4),
    ("float8_e8m0", 8), ("uint2", 2), ("int2", 2), ("float6_e2m3", 6), ("float6_e3m2", 6),
)  # fmt: skip


def type_name(number: int) -> str:
    """The name of a type, or ``type 99`` if it is not known here."""
    return _TYPES[number][0] if number < len(_TYPES) else f"type {number}"


def element_bits(number: int) -> int | None:
    """The bits of an element, without padding; None for text and unknown types."""
    return _TYPES[number][1] if number < len(_TYPES) else None
