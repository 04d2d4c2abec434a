"""Queries on the CPU backend, one at a time, timed by the host's clock."""

from __future__ import annotations

from time import perf_counter_ns

import numpy as np

from pytest_trtperf.measure.trace import Extent, Trace
from pytest_trtperf.runtime.onnx_runtime import OnnxRuntimeSession


def run_host_loop(session: OnnxRuntimeSession, extent: Extent) -> Trace:
    """Times queries back to back; the host's clock sees latency alone."""
    starts, ends = np.zeros(extent.capacity, np.int64), np.zeros(extent.capacity, np.int64)
    start_ns, end_ns = starts.data, ends.data
    run, capacity, least = session.run, extent.capacity, extent.queries
    begin = perf_counter_ns()
    deadline = begin + int(extent.duration_ms * 1e6)
    now, count = begin, 0
    while count < capacity and (count < least or now < deadline):
        start_ns[count] = perf_counter_ns()
        run()
        now = end_ns[count] = perf_counter_ns()
        count += 1
    latency = (ends[:count] - starts[:count]) / 1e6
    return Trace((now - begin) / 1e6, {"latency": latency, "response": latency})
