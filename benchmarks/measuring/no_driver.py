"""A session on a CUDA runtime that does nothing, for the cost of our own code."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np

from pytest_trtperf.backend.session import DeviceMemory, Mode
from pytest_trtperf.backend.tensorrt.cuda import cudart
from pytest_trtperf.backend.tensorrt.inference_stream import InferenceStream
from pytest_trtperf.backend.tensorrt.session import TensorRTSession
from pytest_trtperf.backend.tensorrt.tensor_layouts import LAYOUTS
from pytest_trtperf.engine.shapes import TensorInfo


class NoDriver:
    """The CUDA runtime with its own constants, and calls that do nothing, successfully."""

    def __init__(self, runtime: Any) -> None:
        self._runtime = runtime
        success = (runtime.cudaError_t.cudaSuccess,)
        answer = (*success, 0.05)
        self.cudaEventElapsedTime = lambda start, end: answer
        self.cudaEventRecord = lambda event, stream: success
        self.cudaEventSynchronize = self.cudaEventQuery = lambda event: success
        self.cudaGraphLaunch = lambda graph, stream: success
        self.cudaStreamWaitEvent = lambda stream, event, flags: success
        self.cudaMemcpyAsync = lambda target, source, size, kind, stream: success
        self._others = lambda *_: (*success, 1)

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._runtime, name)
        return real if isinstance(real, (type, int)) else self._others

    def calls(self, mode: Mode) -> list[Callable[[], Any]]:
        """The calls of one query with one input and one output, as the loops make them."""
        record = partial(self.cudaEventRecord, 1, 1)
        wait = partial(self.cudaStreamWaitEvent, 1, 1, 0)
        copy = partial(self.cudaMemcpyAsync, 1, 1, 0, 1, 1)
        elapsed = partial(self.cudaEventElapsedTime, 1, 1)
        launch, synchronize = (
            partial(self.cudaGraphLaunch, 1, 1),
            partial(self.cudaEventSynchronize, 1),
        )
        query: list[Callable[[], Any]] = [record, launch, record, synchronize, elapsed]
        copies: list[Callable[[], Any]] = [record, record, wait, copy, elapsed]
        return [*query, *copies, *copies] if mode.transfers else query


def session_without_driver(mode: Mode) -> tuple[TensorRTSession, NoDriver]:
    """A session whose queries take no time; from here on this process has no CUDA."""
    from cuda import bindings
    from cuda.bindings import runtime

    if not isinstance(runtime, NoDriver):
        bindings.runtime = NoDriver(runtime)
        cudart.cache_clear()
    context = SimpleNamespace(
        set_input_shape=lambda name, shape: True,
        set_tensor_address=lambda name, address: True,
        get_tensor_shape=lambda name: (0,),
        execute_async_v3=lambda stream: True,
    )
    values = [{"input": np.zeros(0, np.float32)}]
    outputs = [TensorInfo("output", (0,), "float32")]
    layouts = dict.fromkeys(("input", "output"), LAYOUTS["LINEAR"])
    stream = InferenceStream(None, context, values, outputs, frozenset(), layouts, mode)
    memory = DeviceMemory(0, 0, 0)
    session = TensorRTSession([stream], values, mode, [{}], memory, lambda _queries: ({}, []))
    return session, bindings.runtime
