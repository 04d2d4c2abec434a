"""The timed loop of each kind of session, with nothing beside it in the interpreter."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from pytest_trtperf.backend import host_loop
from pytest_trtperf.backend.onnxruntime.engine import OnnxRuntimeSession
from pytest_trtperf.backend.process.engine import IsolatedSession
from pytest_trtperf.backend.profiler_range import profiler_range
from pytest_trtperf.backend.quiet import no_garbage_collection
from pytest_trtperf.backend.tensorrt import loop as gpu_loop
from pytest_trtperf.backend.tensorrt.engine import TensorRTSession
from pytest_trtperf.backend.trace import Extent, Times, Trace

Session = IsolatedSession | TensorRTSession | OnnxRuntimeSession


def run_closed(
    session: Session,
    extent: Extent,
    *,
    idle_ms: float = 0.0,
    starts: bool = False,
    label: str | None = None,
) -> Trace:
    """Times queries under a closed load.

    Args:
        idle_ms: sleep between a completion and the next query.
        starts: whether the trace keeps when each stage began, on a GPU.
        label: of a profiler's range around the queries.

    Raises:
        MeasurementError: the device failed.
    """
    if isinstance(session, IsolatedSession):
        return session.run_closed(extent, idle_ms=idle_ms, starts=starts, label=label)
    with no_garbage_collection(), _watched(session, label):
        if isinstance(session, TensorRTSession):
            return gpu_loop.run_closed(session, extent, idle_ms=idle_ms, starts=starts)
        return host_loop.run_closed(session, extent, idle_ms=idle_ms)


def run_open(
    session: Session,
    schedule: Times,
    backlog_ms: float,
    *,
    starts: bool = False,
    label: str | None = None,
) -> Trace:
    """Times queries under an open load.

    Args:
        schedule: when queries are due, ascending nanoseconds from the start.
        backlog_ms: a query that waits longer than this for room ends the round.
        starts, label: see `run_closed`.

    Raises:
        MeasurementError: the device failed.
    """
    if isinstance(session, IsolatedSession):
        return session.run_open(schedule, backlog_ms, starts=starts, label=label)
    with no_garbage_collection(), _watched(session, label):
        if isinstance(session, TensorRTSession):
            return gpu_loop.run_open(session, schedule, backlog_ms, starts=starts)
        return host_loop.run_open(session, schedule, backlog_ms)


def _watched(session: Session, label: str | None) -> AbstractContextManager[None]:
    if label is None:
        return nullcontext()
    return profiler_range(label, on_gpu=isinstance(session, TensorRTSession))
