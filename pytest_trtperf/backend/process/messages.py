"""Messages between a session's process and its owner: msgpack, each with its length in front."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

from pytest_trtperf.backend.trace import Trace

_LENGTH_BYTES = 8
_MOST_AT_ONCE = 1 << 20
_RAW = "raw"


def send(descriptor: int, message: Mapping[str, Any]) -> None:
    """Writes a message to a pipe; bytes at its top, such as a plan, follow it as they are.

    Raises:
        BrokenPipeError: nobody reads any more.
    """
    raw = {name: value for name, value in message.items() if isinstance(value, bytes | memoryview)}
    packed = {name: value for name, value in message.items() if name not in raw}
    header = msgspec.msgpack.encode({**packed, _RAW: {n: len(v) for n, v in raw.items()}})
    for part in (len(header).to_bytes(_LENGTH_BYTES, "little"), header, *raw.values()):
        view = memoryview(part)
        while view:
            view = view[os.write(descriptor, view[:_MOST_AT_ONCE]) :]


def receive(descriptor: int) -> dict[str, Any] | None:
    """The next message of a pipe; None when its writer is gone."""
    length = _read(descriptor, _LENGTH_BYTES)
    header = _read(descriptor, int.from_bytes(length, "little")) if length else None
    if header is None:
        return None
    message: dict[str, Any] = msgspec.msgpack.decode(header)
    for name, size in message.pop(_RAW).items():
        if (part := _read(descriptor, size)) is None:
            return None
        message[name] = bytes(part)
    return message


def _read(descriptor: int, size: int) -> bytearray | None:
    data = bytearray()
    while len(data) < size:
        part = os.read(descriptor, min(size - len(data), _MOST_AT_ONCE))
        if not part:
            return None
        data += part
    return data


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
