from __future__ import annotations

import gc
import itertools
import resource
from collections.abc import Iterator

import pytest

from pytest_trtperf.backend.session import Mode
from pytest_trtperf.backend.tensorrt.engine import TensorRTEngine
from pytest_trtperf.backend.tensorrt.loop import run_closed
from pytest_trtperf.backend.tensorrt.session import TensorRTSession
from pytest_trtperf.backend.trace import Extent
from pytest_trtperf.measure.device_lock import device_lock
from pytest_trtperf.measure.load import Load
from pytest_trtperf.measure.measurement import Effort, Measurement

SHAPES = {"x": (8, 64)}
MODES = [
    Mode(transfers, spin_wait, cuda_graph, streams, concurrency)
    for transfers, spin_wait, cuda_graph, streams, concurrency in itertools.product(
        (True, False), (True, False), (True, False), (1, 2), (1, 2, 3)
    )
]


@pytest.fixture(params=MODES, ids=str)
def session(request: pytest.FixtureRequest, engine: TensorRTEngine) -> Iterator[TensorRTSession]:
    session = engine.create_session(SHAPES, request.param)
    yield session
    session.close()


def test_every_query_has_all_its_times(session: TensorRTSession) -> None:
    trace = run_closed(session, Extent(0, 50, 200))
    assert trace.queries >= 50
    assert set(trace.metrics) == {"latency", "enqueue", "h2d", "gpu_compute", "d2h", "response"}
    times = {name: trace.samples(name) for name in trace.metrics}
    assert all(len(values) == trace.queries for values in times.values())
    parts = times["h2d"] + times["gpu_compute"] + times["d2h"]
    assert (parts == times["latency"]).all()
    assert (times["gpu_compute"] > 0).all()
    assert (times["response"] > 0).all()
    copies = times["h2d"] + times["d2h"]
    assert (copies > 0).all() if session.transfers else (copies == 0).all()
    assert sum(times["gpu_compute"]) <= trace.span_ms * session.in_flight


def test_a_full_trace_ends_the_loop(session: TensorRTSession) -> None:
    assert run_closed(session, Extent(1e6, 1, 7)).queries == 7


def test_rounds_collect_no_garbage_and_keep_their_size(engine: TensorRTEngine) -> None:
    session = engine.create_session(SHAPES, Mode(cuda_graph=True))
    measurement = Measurement(session, Effort(), Load(), device_lock(None, "test"), None)
    collections: list[str] = []
    try:
        measurement.extend(2)

        def note(phase: str, info: dict[str, int]) -> None:
            if phase == "start" and not gc.isenabled():
                collections.append(str(info))

        gc.callbacks.append(note)
        run_closed(session, Extent(0, 2000, 2000))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for _ in range(50):
            run_closed(session, Extent(0, 2000, 2000))
        grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    finally:
        gc.callbacks.remove(note)
        measurement.release()
    trace = measurement.rounds[0].trace
    assert trace.nbytes <= 64 * trace.queries
    assert not collections
    assert grown_kib < 1024
