"""Sessions in processes of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pytest_trtperf.analysis.layers import summarize_layers
from pytest_trtperf.backend.probe import Probe
from pytest_trtperf.backend.process.engine import IsolatedEngine
from pytest_trtperf.backend.process.spare import LEAST_CORES, SPARE
from pytest_trtperf.backend.session import Mode
from pytest_trtperf.backend.trace import Extent
from pytest_trtperf.errors import (
    EngineCacheWarning,
    EngineLoadError,
    MeasurementError,
    ShapeError,
)
from pytest_trtperf.measure.load import Load

SHAPES = {"x": (8, 64)}


@pytest.fixture
def isolated(probe: Probe, plan: bytes) -> Iterator[IsolatedEngine]:
    engine = IsolatedEngine(probe.backend, plan)
    yield engine
    engine.close()


def is_running(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def test_each_session_has_a_process_that_ends_with_it(isolated: IsolatedEngine) -> None:
    first, second = (isolated.create_session(SHAPES, Mode()) for _ in range(2))
    assert len({first.pid, second.pid, os.getpid()}) == 3
    first.close()
    assert not is_running(first.pid)
    assert is_running(second.pid)
    second.close()
    assert not is_running(second.pid)


def test_knows_what_a_session_here_would_know(isolated: IsolatedEngine, engine: object) -> None:
    assert isolated.inputs == engine.inputs  # type: ignore[attr-defined]
    assert isolated.outputs == engine.outputs  # type: ignore[attr-defined]
    there = isolated.create_session(SHAPES, Mode(streams=2))
    here = engine.create_session(SHAPES, Mode(streams=2))  # type: ignore[attr-defined]
    try:
        assert (there.shapes, there.mode, there.in_flight, there.memory) == (
            here.shapes, here.mode, here.in_flight, here.memory,
        )  # fmt: skip
        assert there.cold_start_ms > 0
    finally:
        there.close()
        here.close()


def test_traces_and_layers_arrive_whole(isolated: IsolatedEngine) -> None:
    session = isolated.create_session(SHAPES, Mode())
    closed = session.run_closed(Extent(5, 50, 5000), starts=True)
    assert closed.queries >= 50
    assert set(closed.stages) == set(closed.starts)
    assert (closed.done > closed.issued).all()
    schedule = Load(request_rate=1000).schedule(50, 50, 0)
    opened = session.run_open(schedule, 1000)
    assert opened.due is not None
    assert np.diff(opened.due).tolist() == np.diff(schedule).tolist()
    assert summarize_layers(*session.profile_layers(5))
    session.close()


def test_errors_are_those_of_a_session_here(probe: Probe, plan: bytes) -> None:
    with pytest.raises(EngineLoadError, match="cannot deserialise"):
        IsolatedEngine(probe.backend, plan[: len(plan) // 2])
    engine = IsolatedEngine(probe.backend, plan)
    with pytest.raises(ShapeError, match="33x64 of input 'x' is outside"):
        engine.create_session({"x": (33, 64)}, Mode())
    session = engine.create_session(SHAPES, Mode())
    session.close()
    with pytest.raises(MeasurementError, match="has ended"):
        session.run_closed(Extent(0, 1, 1))
    engine.close()


def test_process_that_crashes_is_an_error_and_the_next_one_works(isolated: IsolatedEngine) -> None:
    session = isolated.create_session(SHAPES, Mode())
    os.kill(session.pid, signal.SIGKILL)
    with pytest.raises(MeasurementError, match="killed by SIGKILL"):
        session.run_closed(Extent(0, 10, 10))
    session.close()
    again = isolated.create_session(SHAPES, Mode())
    assert again.run_closed(Extent(0, 10, 10)).queries == 10
    again.close()


def test_process_that_waits_asks_nothing_of_the_gpu_and_is_the_next(
    isolated: IsolatedEngine,
) -> None:
    if len(os.sched_getaffinity(0)) < LEAST_CORES:
        pytest.skip(f"needs {LEAST_CORES} cores")
    session = isolated.create_session(SHAPES, Mode())
    waiting = SPARE._process
    assert waiting is not None
    limit = time.monotonic() + 60
    while not waiting._connection.poll(0) and time.monotonic() < limit:
        time.sleep(0.01)
    opened = [path.readlink() for path in Path(f"/proc/{waiting.pid}/fd").iterdir()]
    assert not [path for path in opened if "nvidia" in str(path)]
    again = session.restart()
    assert again.pid == waiting.pid
    assert again.run_closed(Extent(0, 10, 10)).queries == 10
    assert min(vars(again.steps).values()) >= 0
    again.close()
    session.close()


def test_kernels_that_are_none_are_compiled_anew_with_one_warning(
    probe: Probe, plan: bytes
) -> None:
    if probe.backend != "tensorrt-rtx":
        pytest.skip("TensorRT for RTX alone compiles kernels when it runs")
    engine = IsolatedEngine(probe.backend, plan, b"no kernels" * 1000)
    with pytest.warns(EngineCacheWarning, match="refuses the kernels") as warned:
        sessions = [engine.create_session(SHAPES, Mode()) for _ in range(2)]
    assert len(warned) == 1
    assert engine.new_runtime_cache()
    for session in sessions:
        assert session.run_closed(Extent(0, 10, 10)).queries == 10
        session.close()
    engine.close()


def test_this_process_gets_no_context(probe: Probe, plan: bytes, tmp_path: Path) -> None:
    (tmp_path / "engine.plan").write_bytes(plan)
    program = """
import sys
from pathlib import Path
from pytest_trtperf.backend.process.engine import IsolatedEngine
from pytest_trtperf.backend.trace import Extent
from pytest_trtperf.backend.session import Mode
engine = IsolatedEngine(sys.argv[1], Path(sys.argv[2]).read_bytes())
session = engine.create_session({"x": (8, 64)}, Mode())
session.run_closed(Extent(0, 5, 5))
mapped = Path("/proc/self/maps").read_text()
session.close()
assert "nvidia-uvm" not in mapped and "libcuda.so" not in mapped, "CUDA was loaded here"
"""
    command = [sys.executable, "-c", program, probe.backend, str(tmp_path / "engine.plan")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
