"""The process of one session: `python -m pytest_trtperf.measure.session_process IN OUT`.

Reads requests from the descriptor IN and answers on OUT until IN is closed. See `isolated`.
"""

from __future__ import annotations

import signal
import sys
import traceback
from dataclasses import asdict
from typing import Any

import numpy as np

from pytest_trtperf.errors import TrtPerfError
from pytest_trtperf.measure.loops import run_closed, run_open
from pytest_trtperf.measure.messages import pack_array, pack_trace, receive, send, unpack_array
from pytest_trtperf.measure.trace import Extent
from pytest_trtperf.runtime.session import Mode
from pytest_trtperf.runtime.tensorrt import TensorRTEngine, TensorRTSession


class _Server:
    """Each public method is an operation; its keyword arguments and answer are messages."""

    _engine: TensorRTEngine
    _session: TensorRTSession

    def load(self, *, backend: str, plan: bytes, kernels: bytes | None) -> dict[str, Any]:
        self._engine = TensorRTEngine(backend, plan, kernels)
        return {
            "inputs": [asdict(tensor) for tensor in self._engine.inputs],
            "outputs": [asdict(tensor) for tensor in self._engine.outputs],
        }

    def create_session(
        self, *, shapes: dict[str, Any], mode: dict[str, Any], inputs: dict[str, Any]
    ) -> dict[str, Any]:
        concrete = {name: tuple(shape) for name, shape in shapes.items()}
        given = {name: _unpacked(value) for name, value in inputs.items()}
        self._session = session = self._engine.create_session(concrete, Mode(**mode), given)
        return {
            "shapes": session.shapes,
            "mode": session.mode,
            "in_flight": session.in_flight,
            "cold_start_ms": session.cold_start_ms,
            "memory": asdict(session.memory),
            "kernels": self._engine.new_runtime_cache(),
        }

    def run_closed(self, *, extent: dict[str, Any], **load: Any) -> dict[str, Any]:
        return pack_trace(run_closed(self._session, Extent(**extent), **load))

    def run_open(self, *, schedule: dict[str, Any], **load: Any) -> dict[str, Any]:
        return pack_trace(run_open(self._session, unpack_array(schedule), **load))

    def profile_layers(self, *, queries: int) -> dict[str, Any]:
        times, information = self._session.profile_layers(queries)
        packed = {name: pack_array(values) for name, values in times.items()}
        return {"times": packed, "information": information}


def _unpacked(value: Any) -> np.ndarray | bytes:
    return value if isinstance(value, bytes) else unpack_array(value)


def main(requests: int, replies: int) -> None:
    """Serves until the requests end."""
    # Ctrl-C is the owner's business, who then ends this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    server = _Server()
    while (request := receive(requests)) is not None:
        operation = request.pop("operation")
        try:
            reply = getattr(server, operation)(**request)
        except TrtPerfError as error:
            reply = {"error": type(error).__name__, "message": str(error)}
        except Exception as error:  # noqa: BLE001  # told to the owner, whatever it is
            traceback.print_exc()
            reply = {"error": "MeasurementError", "message": f"{type(error).__name__}: {error}"}
        send(replies, reply)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
