"""A session of the TensorRT family in this process: inference streams, and queries on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from pytest_trtperf.backend.input_sets import describe_inputs
from pytest_trtperf.backend.protocols import ModeRecord, Session
from pytest_trtperf.backend.session import (
    DeviceMemory,
    GivenInputs,
    Kernels,
    Mode,
    describe_kernels,
)
from pytest_trtperf.backend.tensorrt import loop
from pytest_trtperf.backend.tensorrt.cuda import cudart, profiler_capture, value_or_raise
from pytest_trtperf.backend.tensorrt.inference_stream import CONCURRENCY, InferenceStream
from pytest_trtperf.backend.timed_loop import timed_loop
from pytest_trtperf.backend.trace import Extent, Times, Trace

LayerProfile: TypeAlias = "tuple[dict[str, np.ndarray], list[dict[str, Any]]]"


class TensorRTSession(Session):
    """Inference streams with the same inputs, and queries in flight on each.

    Attributes:
        in_flight: queries in flight on all streams together.
        slots: the places of queries in flight, in the order in which they are filled, with the
            stream that each belongs to: neighbours are of different streams.
        sets: how many sets of inputs queries take in turns.
        next_set: the place of the one that the next round begins with.
        cold_start_ms: the first query of all, with its copies, on the host's clock.
        memory: of the engine and of this session's contexts.
        kernels: what TensorRT for RTX compiled; None with other runtimes.
    """

    memory: DeviceMemory

    def __init__(
        self,
        streams: Sequence[InferenceStream],
        values: Sequence[Mapping[str, np.ndarray]],
        mode: Mode,
        given: Sequence[GivenInputs],
        memory: DeviceMemory,
        profile: Callable[[int], LayerProfile],
        kernels: Kernels | None = None,
    ) -> None:
        self.memory, self.kernels, self._profile = memory, kernels, profile
        self.streams = tuple(streams)
        self.shapes = {name: tuple(array.shape) for name, array in values[0].items()}
        self.sets, self.next_set = len(values), 0
        self.transfers = mode.transfers
        concurrency = mode.concurrency or CONCURRENCY
        self.in_flight = concurrency * len(self.streams)
        self.mode: ModeRecord = {
            "transfers": mode.transfers,
            "spin_wait": mode.spin_wait,
            "cuda_graph": mode.cuda_graph,
            "streams": len(self.streams),
            "concurrency": concurrency,
            **describe_inputs(given, values, mode.seed),
            **describe_kernels(kernels, mode),
        }
        self.slots = [
            (stream, stream.slots[place])
            for place in range(concurrency + 1)
            for stream in self.streams
        ]
        self.round_start = value_or_raise(cudart().cudaEventCreateWithFlags(0))
        self.cold_start_ms = self.streams[0].cold_start_ms
        self.empty_outputs = self.streams[0].empty_outputs

    def run_closed(
        self,
        extent: Extent,
        *,
        idle_ms: float = 0.0,
        starts: bool = False,
        label: str | None = None,
    ) -> Trace:
        """See `loop.run_closed`."""
        with timed_loop(label, profiler_capture):
            return loop.run_closed(self, extent, idle_ms=idle_ms, starts=starts)

    def run_open(
        self,
        schedule: Times,
        backlog_ms: float,
        *,
        starts: bool = False,
        label: str | None = None,
    ) -> Trace:
        """See `loop.run_open`."""
        with timed_loop(label, profiler_capture):
            return loop.run_open(self, schedule, backlog_ms, starts=starts)

    def output_values(self) -> dict[str, np.ndarray]:
        """What a query returned, by output; types that numpy lacks as their bits."""
        return self.streams[0].output_values()

    def profile_layers(self, queries: int) -> LayerProfile:
        """See `TensorRTEngine.profile_layers`."""
        return self._profile(queries)

    def close(self) -> None:
        """Frees streams, events, buffers, graphs and contexts, once the GPU is done with them."""
        for stream in self.streams:
            stream.close()
        if self.slots:
            cudart().cudaEventDestroy(self.round_start)
        self.slots, self.streams = [], ()
