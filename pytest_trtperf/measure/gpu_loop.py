"""trtexec's query timeline on a GPU, timed by CUDA events.

The copies of one query overlap the compute of another, and `concurrency` queries are in flight.
The loop calls the driver and stores numbers, nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from time import perf_counter_ns
from typing import Any

import numpy as np

from pytest_trtperf.errors import MeasurementError
from pytest_trtperf.measure.trace import Extent, Trace
from pytest_trtperf.runtime.cuda import Events, checked, cudart
from pytest_trtperf.runtime.tensorrt import TensorRTSession

Call = Callable[[], Any]


class _Samples:
    """Preallocated columns of one round: 48 bytes a query."""

    def __init__(self, capacity: int) -> None:
        self.issued, self.enqueue, self.done = (np.zeros(capacity, np.int64) for _ in range(3))
        self.h2d, self.gpu_compute, self.d2h = (np.zeros(capacity) for _ in range(3))

    def metrics(self, count: int) -> dict[str, np.ndarray]:
        h2d, compute, d2h = (a[:count].copy() for a in (self.h2d, self.gpu_compute, self.d2h))
        return {
            "latency": h2d + compute + d2h,
            "enqueue": self.enqueue[:count] / 1e6,
            "h2d": h2d,
            "gpu_compute": compute,
            "d2h": d2h,
            "response": (self.done[:count] - self.issued[:count]) / 1e6,
        }


def run_gpu_loop(session: TensorRTSession, extent: Extent) -> Trace:
    """Times queries back to back under a closed load.

    Raises:
        MeasurementError: CUDA reports an error, of this or of an earlier call.
    """
    samples = _Samples(extent.capacity)
    slots = len(session.slots)
    issue = _issuer(session, samples)
    harvest = [_harvest(session, events, samples) for events in session.slots]
    finish = [_finish_event(session, events) for events in session.slots]
    done, synchronize = samples.done.data, cudart().cudaEventSynchronize

    checked(cudart().cudaEventRecord(session.round_start.h2d_start, _first_stream(session)))
    deadline = perf_counter_ns() + int(extent.duration_ms * 1e6)
    issued = min(session.concurrency, extent.capacity)
    for index in range(issued):
        issue(index)
    completed = 0
    while completed < issued:
        slot = completed % slots
        if (result := synchronize(finish[slot]))[0]:
            checked(result)
        now = done[completed] = perf_counter_ns()
        if issued < extent.capacity and (now < deadline or issued < extent.queries):
            issue(issued)
            issued += 1
        # The GPU is busy with the next query while the times of this one are read.
        harvest[slot](completed)
        completed += 1
    last = finish[(completed - 1) % slots]
    span = checked(cudart().cudaEventElapsedTime(session.round_start.h2d_start, last))
    return Trace(float(span), samples.metrics(completed))


def _issuer(session: TensorRTSession, samples: _Samples) -> Callable[[int], None]:
    before = [_prologue(session, events) for events in session.slots]
    after = [_epilogue(session, events) for events in session.slots]
    issued, enqueue_ns = samples.issued.data, samples.enqueue.data
    enqueue, slots = session.enqueue, len(session.slots)

    def issue(index: int) -> None:
        slot = index % slots
        issued[index] = perf_counter_ns()
        for call in before[slot]:
            call()
        start = perf_counter_ns()
        enqueue()
        enqueue_ns[index] = perf_counter_ns() - start
        for call in after[slot]:
            call()

    return issue


def _first_stream(session: TensorRTSession) -> Any:
    return session.h2d_stream if session.transfers else session.compute_stream


def _finish_event(session: TensorRTSession, events: Events) -> Any:
    return events.d2h_end if session.transfers else events.compute_end


def _prologue(session: TensorRTSession, events: Events) -> list[Call]:
    runtime = cudart()
    compute, h2d = session.compute_stream, session.h2d_stream
    start_compute = _bind(runtime.cudaEventRecord, events.compute_start, compute)
    if not session.transfers:
        return [start_compute]
    kind = runtime.cudaMemcpyKind.cudaMemcpyHostToDevice
    return [
        _bind(runtime.cudaEventRecord, events.h2d_start, h2d),
        *(
            _bind(runtime.cudaMemcpyAsync, buffer.device, buffer.host, buffer.size, kind, h2d)
            for buffer in session.inputs
        ),
        _bind(runtime.cudaEventRecord, events.h2d_end, h2d),
        _bind(runtime.cudaStreamWaitEvent, compute, events.h2d_end, 0),
        start_compute,
    ]


def _epilogue(session: TensorRTSession, events: Events) -> list[Call]:
    runtime = cudart()
    compute, d2h = session.compute_stream, session.d2h_stream
    end_compute = _bind(runtime.cudaEventRecord, events.compute_end, compute)
    if not session.transfers:
        return [end_compute]
    kind = runtime.cudaMemcpyKind.cudaMemcpyDeviceToHost
    return [
        end_compute,
        _bind(runtime.cudaStreamWaitEvent, d2h, events.compute_end, 0),
        _bind(runtime.cudaEventRecord, events.d2h_start, d2h),
        *(
            _bind(runtime.cudaMemcpyAsync, buffer.host, buffer.device, buffer.size, kind, d2h)
            for buffer in session.outputs
        ),
        _bind(runtime.cudaEventRecord, events.d2h_end, d2h),
    ]


def _bind(function: Callable[..., Any], *arguments: Any) -> Call:
    return partial(function, *arguments)


def _harvest(session: TensorRTSession, events: Events, samples: _Samples) -> Callable[[int], None]:
    elapsed = cudart().cudaEventElapsedTime
    pairs = [(events.compute_start, events.compute_end, samples.gpu_compute.data)]
    if session.transfers:
        pairs += [
            (events.h2d_start, events.h2d_end, samples.h2d.data),
            (events.d2h_start, events.d2h_end, samples.d2h.data),
        ]

    def store(index: int) -> None:
        for start, end, column in pairs:
            error, milliseconds = elapsed(start, end)
            if error:
                raise MeasurementError(f"CUDA: {error.name} while reading a query's time")
            column[index] = milliseconds

    return store
