"""Messages between a session's process and its owner: msgpack over a `Connection`."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from multiprocessing.connection import Connection
from typing import Any

import msgspec
import numpy as np

from pytest_trtperf.backend.process.shared_bytes import SharedBytes, map_bytes
from pytest_trtperf.backend.trace import Trace

_RAW = "raw"

IS_NEWS = "is_news"
"""Marks a message that is no answer: one follows."""


def send(connection: Connection, message: Mapping[str, Any]) -> None:
    """Sends a message; bytes at its top follow it as they are, shared ones as a descriptor.

    Raises:
        ConnectionError: nobody reads any more.
    """
    raw = {
        name: value
        for name, value in message.items()
        if isinstance(value, bytes | memoryview | SharedBytes)
    }
    packed = {name: value for name, value in message.items() if name not in raw}
    is_shared = {name: isinstance(value, SharedBytes) for name, value in raw.items()}
    connection.send_bytes(msgspec.msgpack.encode({**packed, _RAW: is_shared}))
    for value in raw.values():
        if isinstance(value, SharedBytes):
            # Not by multiprocessing, which from Python 3.14 on waits until it has been received.
            with _socket(connection) as there:
                socket.send_fds(there, [b"\0"], [value.fileno()])
        else:
            connection.send_bytes(value)


def receive(connection: Connection) -> dict[str, Any] | None:
    """The next message; None when its sender is gone, be it halfway. Shared bytes are mapped."""
    try:
        message: dict[str, Any] = msgspec.msgpack.decode(connection.recv_bytes())
        for name, is_shared in message.pop(_RAW).items():
            take = _receive_shared if is_shared else Connection.recv_bytes
            message[name] = take(connection)
    except (EOFError, OSError):
        return None
    return message


def _receive_shared(connection: Connection) -> memoryview:
    with _socket(connection) as here:
        _, descriptors, _, _ = socket.recv_fds(here, 1, 1, socket.MSG_CMSG_CLOEXEC)
    if not descriptors:
        raise EOFError
    return map_bytes(descriptors[0])


def _socket(connection: Connection) -> socket.socket:
    return socket.socket(fileno=os.dup(connection.fileno()))


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
