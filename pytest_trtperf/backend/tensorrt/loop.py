"""trtexec's query timeline on a GPU, timed by CUDA events.

The copies of one query overlap the compute of another. The loops call the driver and store
numbers, nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from time import perf_counter_ns, sleep
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_trtperf.backend.tensorrt.cuda import Events, cudart, value_or_raise
from pytest_trtperf.backend.tensorrt.feed import Feed
from pytest_trtperf.backend.tensorrt.inference_stream import InferenceStream
from pytest_trtperf.backend.trace import STAGES, Extent, Times, Trace
from pytest_trtperf.errors import MeasurementError

if TYPE_CHECKING:
    from pytest_trtperf.backend.tensorrt.session import TensorRTSession

Call = Callable[[], Any]

_NEVER = 2**63
"""A nanosecond of the host's clock that does not come."""

Slot = tuple[InferenceStream, Events]


class _Samples:
    """Preallocated columns of one round: 36 bytes a query, and 12 more with starts."""

    def __init__(self, session: TensorRTSession, capacity: int, *, starts: bool) -> None:
        self.issued, self.enqueue, self.done = (np.zeros(capacity, np.int64) for _ in range(3))
        self.stages = {name: np.zeros(capacity, np.float32) for name in STAGES}
        recorded = STAGES if session.transfers else ("gpu_compute",)
        self.starts = {name: np.zeros(capacity, np.float32) for name in recorded if starts}


class _Timeline:
    """A round in progress: issues queries into slots, and reads their times back."""

    def __init__(self, session: TensorRTSession, capacity: int, *, starts: bool) -> None:
        self.session = session
        self.samples = _Samples(session, capacity, starts=starts)
        self.slots = len(session.slots)
        self.in_flight = session.in_flight
        # Slots and sets of inputs in turn, so that the loop knows slots alone.
        self.turns = math.lcm(self.slots, session.sets)
        self.issue = [
            self._issue(session.slots[turn % self.slots], (session.next_set + turn) % session.sets)
            for turn in range(self.turns)
        ]
        self.harvest = [self._harvest(events) for _, events in session.slots]
        self.finish = [
            events.d2h_end if session.transfers else events.compute_end
            for _, events in session.slots
        ]

    def start(self) -> None:
        """Records the start of the round where the first query will be."""
        stream = self.session.streams[0]
        first = stream.h2d_stream if self.session.transfers else stream.compute_stream
        value_or_raise(cudart().cudaEventRecord(self.session.round_start, first))

    def trace(self, completed: int, due: Times | None = None, *, saturated: bool = False) -> Trace:
        """What was measured, trimmed to the completed queries."""
        self.session.next_set = (self.session.next_set + completed) % self.session.sets
        columns, last = self.samples, range(max(completed - self.in_flight, 0), completed)
        ends = [self.finish[index % self.slots] for index in last]
        elapsed, start = cudart().cudaEventElapsedTime, self.session.round_start
        span = max(float(value_or_raise(elapsed(start, end))) for end in ends)
        return Trace(
            span,
            columns.issued[:completed].copy(),
            columns.done[:completed].copy(),
            self.in_flight,
            columns.enqueue[:completed].copy(),
            {name: values[:completed].copy() for name, values in columns.stages.items()},
            {name: values[:completed].copy() for name, values in columns.starts.items()},
            None if due is None else due[:completed].copy(),
            saturated,
        )

    def _issue(self, slot: Slot, place: int) -> Callable[[int], None]:
        """Issues a query with the set of inputs at a place."""
        feed = slot[0].feeds[place]
        before, after = _prologue(self.session, slot, feed), _epilogue(self.session, slot, feed)
        issued, enqueue_ns = self.samples.issued.data, self.samples.enqueue.data
        enqueue = feed.enqueue

        def issue(index: int) -> None:
            issued[index] = perf_counter_ns()
            for call in before:
                call()
            start = perf_counter_ns()
            enqueue()
            enqueue_ns[index] = perf_counter_ns() - start
            for call in after:
                call()

        return issue

    def _harvest(self, events: Events) -> Callable[[int], None]:
        elapsed, samples, start = cudart().cudaEventElapsedTime, self.samples, events.compute_start
        pairs = [(start, events.compute_end, samples.stages["gpu_compute"].data)]
        if self.session.transfers:
            pairs += [
                (events.h2d_start, events.h2d_end, samples.stages["h2d"].data),
                (events.d2h_start, events.d2h_end, samples.stages["d2h"].data),
            ]
        begins = {"h2d": events.h2d_start, "gpu_compute": start, "d2h": events.d2h_start}
        pairs += [
            (self.session.round_start, begins[name], column.data)
            for name, column in samples.starts.items()
        ]

        def store(index: int) -> None:
            for start, end, column in pairs:
                error, milliseconds = elapsed(start, end)
                if error:
                    raise MeasurementError(f"CUDA: {error.name} while reading a query's time")
                column[index] = milliseconds

        return store


def run_closed(
    session: TensorRTSession, extent: Extent, *, idle_ms: float = 0.0, starts: bool = False
) -> Trace:
    """Times queries under a closed load: a completed query makes room for the next.

    Raises:
        MeasurementError: CUDA reports an error, of this or of an earlier call.
    """
    timeline = _Timeline(session, extent.capacity, starts=starts)
    issue, harvest, finish = timeline.issue, timeline.harvest, timeline.finish
    slots, turns, idle = timeline.slots, timeline.turns, idle_ms / 1e3
    done, synchronize = timeline.samples.done.data, cudart().cudaEventSynchronize

    timeline.start()
    deadline = perf_counter_ns() + int(extent.duration_ms * 1e6)
    issued = min(session.in_flight, extent.capacity)
    for index in range(issued):
        issue[index](index)
    completed = 0
    while completed < issued:
        slot = completed % slots
        if (result := synchronize(finish[slot]))[0]:
            value_or_raise(result)
        now = done[completed] = perf_counter_ns()
        if issued < extent.capacity and (now < deadline or issued < extent.queries):
            if idle:
                sleep(idle)
            issue[issued % turns](issued)
            issued += 1
        # The GPU is busy with the next query while the times of this one are read.
        harvest[slot](completed)
        completed += 1
    return timeline.trace(completed)


def run_open(
    session: TensorRTSession, schedule: Times, backlog_ms: float, *, starts: bool = False
) -> Trace:
    """Times queries under an open load: each is issued when it is due and there is room.

    Args:
        schedule: when queries are due, ascending nanoseconds from the start.
        backlog_ms: a query that waits longer than this for room ends the round.

    Raises:
        MeasurementError: CUDA reports an error, of this or of an earlier call.
    """
    timeline = _Timeline(session, len(schedule), starts=starts)
    issue, harvest, finish = timeline.issue, timeline.harvest, timeline.finish
    slots, turns = timeline.slots, timeline.turns
    room, backlog = session.in_flight, int(backlog_ms * 1e6)
    done, query = timeline.samples.done.data, cudart().cudaEventQuery
    synchronize, not_ready = cudart().cudaEventSynchronize, cudart().cudaError_t.cudaErrorNotReady

    timeline.start()
    now = perf_counter_ns()
    due_at = schedule + now
    due, count = due_at.data, len(schedule)
    issued = completed = harvested = 0
    next_due, saturated = due[0], False
    while completed < count:
        # What lies between a completion and the next query counts: here is as little as can be.
        if now >= next_due and issued - completed < room:
            # At least one query is served, so that there is something to report.
            if now > next_due + backlog and issued:
                saturated, count, next_due = True, issued, _NEVER
                continue
            issue[issued % turns](issued)
            issued += 1
            next_due = due[issued] if issued < count else _NEVER
            if harvested < completed:
                harvest[harvested % slots](harvested)
                harvested += 1
        elif completed < issued:
            # Where there is no room for another query, nothing else is to be seen to meanwhile.
            wait = query if issued - completed < room else synchronize
            (error,) = wait(finish[completed % slots])
            now = perf_counter_ns()
            if not error:
                done[completed] = now
                completed += 1
            elif error != not_ready:
                value_or_raise((error,))
        else:
            if harvested < completed:
                harvest[harvested % slots](harvested)
                harvested += 1
            now = perf_counter_ns()
    while harvested < completed:
        harvest[harvested % slots](harvested)
        harvested += 1
    return timeline.trace(completed, due_at, saturated=saturated)


def _prologue(session: TensorRTSession, slot: Slot, feed: Feed) -> list[Call]:
    runtime, (stream, events) = cudart(), slot
    compute, h2d = stream.compute_stream, stream.h2d_stream
    start_compute = partial(runtime.cudaEventRecord, events.compute_start, compute)
    if not session.transfers:
        return [start_compute]
    kind = runtime.cudaMemcpyKind.cudaMemcpyHostToDevice
    return [
        partial(runtime.cudaEventRecord, events.h2d_start, h2d),
        *(
            partial(runtime.cudaMemcpyAsync, buffer.device, buffer.host, buffer.size, kind, h2d)
            for buffer in feed.inputs
        ),
        partial(runtime.cudaEventRecord, events.h2d_end, h2d),
        partial(runtime.cudaStreamWaitEvent, compute, events.h2d_end, 0),
        start_compute,
    ]


def _epilogue(session: TensorRTSession, slot: Slot, feed: Feed) -> list[Call]:
    runtime, (stream, events) = cudart(), slot
    compute, d2h = stream.compute_stream, stream.d2h_stream
    end_compute = partial(runtime.cudaEventRecord, events.compute_end, compute)
    if not session.transfers:
        return [end_compute]
    kind = runtime.cudaMemcpyKind.cudaMemcpyDeviceToHost
    return [
        end_compute,
        partial(runtime.cudaStreamWaitEvent, d2h, events.compute_end, 0),
        partial(runtime.cudaEventRecord, events.d2h_start, d2h),
        *(
            partial(runtime.cudaMemcpyAsync, buffer.host, buffer.device, buffer.size, kind, d2h)
            for buffer in feed.outputs
        ),
        partial(runtime.cudaEventRecord, events.d2h_end, d2h),
    ]
