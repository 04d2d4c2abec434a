"""What a session's process and its owner tell each other: msgpack, each message with its length."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

from pytest_trtperf.measure.trace import Trace

_LENGTH_BYTES = 8
_MOST_AT_ONCE = 1 << 20


def send(descriptor: int, message: Mapping[str, Any]) -> None:
    """Writes a message to a pipe.

    Raises:
        BrokenPipeError: nobody reads any more.
    """
    data = msgspec.msgpack.encode(message)
    for part in (len(data).to_bytes(_LENGTH_BYTES, "little"), data):
        view = memoryview(part)
        while view:
            view = view[os.write(descriptor, view[:_MOST_AT_ONCE]) :]


def receive(descriptor: int) -> dict[str, Any] | None:
    """The next message of a pipe; None when its writer is gone."""
    length = _read(descriptor, _LENGTH_BYTES)
    data = _read(descriptor, int.from_bytes(length, "little")) if length else None
    if data is None:
        return None
    message: dict[str, Any] = msgspec.msgpack.decode(data)
    return message


def _read(descriptor: int, size: int) -> bytes | None:
    data = bytearray()
    while len(data) < size:
        part = os.read(descriptor, min(size - len(data), _MOST_AT_ONCE))
        if not part:
            return None
        data += part
    return bytes(data)


def pack_array(array: np.ndarray) -> dict[str, Any]:
    """An array as a message carries it."""
    return {"dtype": array.dtype.str, "shape": array.shape, "data": array.tobytes()}


def unpack_array(packed: Mapping[str, Any]) -> np.ndarray:
    """The inverse of `pack_array`; the array cannot be written to."""
    flat = np.frombuffer(packed["data"], packed["dtype"])
    array: np.ndarray = flat.reshape(packed["shape"])
    return array


def pack_trace(trace: Trace) -> dict[str, Any]:
    """A trace as a message carries it."""
    times = {"issued": trace.issued, "done": trace.done, "enqueue": trace.enqueue, "due": trace.due}
    return {
        "span_ms": trace.span_ms,
        "in_flight": trace.in_flight,
        "saturated": trace.saturated,
        "times": {name: pack_array(values) for name, values in times.items() if values is not None},
        "stages": {name: pack_array(values) for name, values in trace.stages.items()},
        "starts": {name: pack_array(values) for name, values in trace.starts.items()},
    }


def unpack_trace(packed: Mapping[str, Any]) -> Trace:
    """The inverse of `pack_trace`."""
    times = {name: unpack_array(values) for name, values in packed["times"].items()}
    return Trace(
        packed["span_ms"],
        times["issued"],
        times["done"],
        packed["in_flight"],
        enqueue=times.get("enqueue"),
        stages={name: unpack_array(values) for name, values in packed["stages"].items()},
        starts={name: unpack_array(values) for name, values in packed["starts"].items()},
        due=times.get("due"),
        saturated=packed["saturated"],
    )
