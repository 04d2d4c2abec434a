"""Values of inputs in shared bytes: the process of a session maps them, whatever their size."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from pytest_trtperf.backend.given_inputs import InputValue
from pytest_trtperf.backend.process.shared_bytes import SharedBytes

_TYPES = "ml_dtypes"
"""The package whose types numpy knows by name alone, once it is imported."""


def share_arrays(
    sets: Sequence[Mapping[str, InputValue]],
) -> tuple[list[dict[str, Any]], SharedBytes]:
    """What each input of each set is, as a message carries it, and the bytes of all."""
    parts: list[bytes | memoryview] = []
    described = []
    for given in sets:
        own = [_bytes_of(value) for value in given.values()]
        parts += own
        described.append(
            {
                name: {"bytes": len(part), **_description(value)}
                for (name, value), part in zip(given.items(), own, strict=True)
            }
        )
    return described, SharedBytes(*parts)


def arrays_from(
    described: Sequence[Mapping[str, Mapping[str, Any]]], shared: bytes | memoryview
) -> list[dict[str, InputValue]]:
    """The inverse of `share_arrays`; arrays cannot be written to.

    Objects and the fields of a structured type do not come along: no engine takes them.
    """
    found: list[dict[str, InputValue]] = []
    start = 0
    for one in described:
        found.append({})
        for name, about in one.items():
            end = start + about["bytes"]
            found[-1][name] = _value(about, shared[start:end])
            start = end
    return found


def _bytes_of(value: InputValue) -> bytes | memoryview:
    if isinstance(value, bytes):
        return value
    if value.dtype.hasobject:
        return b""
    return np.ascontiguousarray(value).reshape(-1).view(np.uint8).data


def _description(value: InputValue) -> dict[str, Any]:
    if isinstance(value, bytes):
        return {}
    dtype = value.dtype
    return {"dtype": dtype.str, "type_name": dtype.name, "shape": value.shape}


def _value(about: Mapping[str, Any], part: bytes | memoryview) -> InputValue:
    if "dtype" not in about:
        return bytes(part)
    dtype = np.dtype(about["dtype"])
    if dtype.hasobject:
        return np.empty(about["shape"], object)
    if dtype.name != about["type_name"]:
        with suppress(ImportError, TypeError):
            importlib.import_module(_TYPES)
            dtype = np.dtype(about["type_name"])
    array: np.ndarray = np.frombuffer(part, np.uint8).view(dtype).reshape(about["shape"])
    return array
