"""Messages between a session's process and its owner: msgpack over a `Connection`."""

from __future__ import annotations

from collections.abc import Mapping
from multiprocessing.connection import Connection
from typing import Any

import msgspec
import numpy as np

from pytest_trtperf.backend.trace import Trace

_RAW = "raw"


def send(connection: Connection, message: Mapping[str, Any]) -> None:
    """Sends a message; bytes at its top, such as a plan, follow it as they are.

    Raises:
        ConnectionError: nobody reads any more.
    """
    raw = {name: value for name, value in message.items() if isinstance(value, bytes | memoryview)}
    packed = {name: value for name, value in message.items() if name not in raw}
    connection.send_bytes(msgspec.msgpack.encode({**packed, _RAW: list(raw)}))
    for value in raw.values():
        connection.send_bytes(value)


def receive(connection: Connection) -> dict[str, Any] | None:
    """The next message; None when its sender is gone, be it halfway."""
    try:
        message: dict[str, Any] = msgspec.msgpack.decode(connection.recv_bytes())
        for name in message.pop(_RAW):
            message[name] = connection.recv_bytes()
    except (EOFError, OSError):
        return None
    return message


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
