"""The process of one session or build: it answers what its owner asks."""

from __future__ import annotations

import gc
import os
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from multiprocessing.connection import Connection
from typing import Any

from pytest_trtperf.backend.input_sets import as_fed
from pytest_trtperf.backend.process.loader import Loader, Say, ServedEngine
from pytest_trtperf.backend.process.messages import (
    IS_NEWS,
    pack_array,
    pack_trace,
    receive,
    send,
    unpack_array,
)
from pytest_trtperf.backend.process.shared_arrays import arrays_from
from pytest_trtperf.backend.process.shared_bytes import SharedBytes
from pytest_trtperf.backend.protocols import Session
from pytest_trtperf.backend.session import Mode
from pytest_trtperf.backend.trace import Extent
from pytest_trtperf.errors import TrtPerfError


class _Server:
    """Each operation takes a message as its keyword arguments and returns one."""

    _engine: ServedEngine
    _session: Session

    def __init__(self, connection: Connection, loader: Loader) -> None:
        self._connection, self._loader = connection, loader

    @property
    def operations(self) -> dict[str, Callable[..., dict[str, Any]]]:
        """The operations by name."""
        known = (
            self.build, self.load, self.create_session, self.run_closed, self.run_open,
            self.output_values, self.profile_layers, self.inspect,
        )  # fmt: skip
        return {operation.__name__: operation for operation in known}

    def close(self) -> None:
        """Frees the device's things in their order, before the interpreter takes them down."""
        for name in ("_session", "_engine"):
            if hasattr(self, name):
                getattr(self, name).close()
        self._loader.imported().leave_device(self._loader.backend)

    def build(self, **values: Any) -> dict[str, Any]:
        with _ended_with_owner(self._connection):
            say = _news(self._connection)
            plan = self._loader.imported().build(self._loader.backend, say, **values)
        return {"plan": SharedBytes(plan)}

    def load(self, **values: Any) -> dict[str, Any]:
        begun = time.monotonic()
        self._engine = self._loader.imported().load(self._loader.backend, **values)
        return {
            "deserialise_s": time.monotonic() - begun,
            "inputs": [asdict(tensor) for tensor in self._engine.inputs],
            "outputs": [asdict(tensor) for tensor in self._engine.outputs],
            "takes_input_sets": self._engine.takes_input_sets,
        }

    def inspect(self) -> dict[str, Any]:
        return {"layers": self._engine.inspect()}

    def create_session(
        self,
        *,
        shapes: dict[str, Any],
        mode: dict[str, Any],
        rows: dict[str, int],
        inputs: list[dict[str, Any]],
        values: memoryview,
    ) -> dict[str, Any]:
        concrete = {name: tuple(shape) for name, shape in shapes.items()}
        given = as_fed(arrays_from(inputs, values))
        self._engine.rows = rows
        self._session = session = self._engine.create_session(concrete, Mode(**mode), given)
        # Each timed loop collects garbage first: 4 ms, unless what was imported is left out.
        gc.collect()
        gc.freeze()
        return {
            "shapes": session.shapes,
            "mode": session.mode,
            "in_flight": session.in_flight,
            "cold_start_ms": session.cold_start_ms,
            "load_ms": session.load_ms,
            "first_answer_ms": session.first_answer_ms,
            "empty_outputs": dict(session.empty_outputs),
            "memory": asdict(session.memory) if session.memory else None,
            "kernels": asdict(session.kernels) if session.kernels else None,
            "runtime_cache": self._engine.new_runtime_cache(),
            "kernels_refused": self._engine.kernels_refused,
        }

    def run_closed(self, *, extent: dict[str, Any], **how: Any) -> dict[str, Any]:
        return pack_trace(self._session.run_closed(Extent(**extent), **how))

    def run_open(self, *, schedule: dict[str, Any], **how: Any) -> dict[str, Any]:
        return pack_trace(self._session.run_open(unpack_array(schedule), **how))

    def output_values(self) -> dict[str, Any]:
        values = self._session.output_values()
        return {"outputs": {name: pack_array(array) for name, array in values.items()}}

    def profile_layers(self, *, queries: int) -> dict[str, Any]:
        times, information = self._session.profile_layers(queries)
        packed = {name: pack_array(values) for name, values in times.items()}
        return {"times": packed, "information": information}


@contextmanager
def _ended_with_owner(connection: Connection) -> Iterator[None]:
    """Ends this process if nobody waits for it any more; a build would go on for minutes."""
    is_over = threading.Event()

    def watch() -> None:
        connection.poll(None)
        if not is_over.is_set():
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        is_over.set()


def _news(connection: Connection) -> Say:
    """Sends what a build says; several of its threads may."""
    lock = threading.Lock()

    def say(news: dict[str, Any]) -> None:
        with lock, suppress(ConnectionError):
            send(connection, {IS_NEWS: True, **news})

    return say


def serve(connection: Connection, loader: Loader) -> None:
    """Answers requests until `close`, or until nobody can ask any more."""
    server = _Server(connection, loader)
    try:
        _answer(server.operations, connection)
    finally:
        server.close()
    # The interpreter takes a tenth of a second to end, which nobody has to wait for.
    with suppress(ConnectionError):
        send(connection, {"has_left_device": True})


def _answer(
    operations: Mapping[str, Callable[..., dict[str, Any]]], connection: Connection
) -> None:
    while (request := receive(connection)) is not None:
        operation = request.pop("operation")
        if operation == "close":
            return
        try:
            reply = operations[operation](**request)
        except TrtPerfError as error:
            reply = {"error": type(error).__name__, "message": str(error)}
        except Exception as error:  # noqa: BLE001  # the owner reports it, whatever it is
            traceback.print_exc()
            reply = {"error": "MeasurementError", "message": f"{type(error).__name__}: {error}"}
        send(connection, reply)
