"""Sessions in processes of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from pytest_trtperf.analysis.layers import summarize_layers
from pytest_trtperf.backend.probe import Probe
from pytest_trtperf.backend.process.engine import IsolatedEngine
from pytest_trtperf.backend.process.session_process import await_ends
from pytest_trtperf.backend.process.spare import LEAST_CORES, SPARE
from pytest_trtperf.backend.session import Kernels, Mode
from pytest_trtperf.backend.tensorrt.build import build_plan
from pytest_trtperf.backend.tensorrt.isolated import isolated_engine
from pytest_trtperf.backend.trace import Extent
from pytest_trtperf.engine.shapes import parse_profiles
from pytest_trtperf.engine.spec import EngineSpec
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
    engine = isolated_engine(probe.backend, plan)
    yield engine
    engine.close()


def is_running(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def test_each_session_has_a_process_that_ends_with_it(isolated: IsolatedEngine) -> None:
    first, second = (isolated.create_session(SHAPES, Mode()) for _ in range(2))
    assert len({first.pid, second.pid, os.getpid()}) == 3
    first.close()
    await_ends()
    assert not is_running(first.pid)
    assert is_running(second.pid)
    second.close()
    await_ends()
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
        isolated_engine(probe.backend, plan[: len(plan) // 2])
    engine = isolated_engine(probe.backend, plan)
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
    stored: list[bytes] = []
    engine = compiling(probe, plan, stored, b"no kernels" * 1000)
    with pytest.warns(EngineCacheWarning, match="refuses the kernels") as warned:
        sessions = [engine.create_session(SHAPES, Mode()) for _ in range(2)]
    assert len(warned) == 1
    assert [one.kernels.state for one in sessions if one.kernels] == ["fresh", "cached"]
    assert len(stored) == 1
    for session in sessions:
        assert session.run_closed(Extent(0, 10, 10)).queries == 10
        session.close()
    engine.close()


def compiling(
    probe: Probe, plan: bytes, stored: list[bytes] | None, given: bytes | None = None
) -> IsolatedEngine:
    """An engine of TensorRT for RTX, whose kernels go into a list."""
    if probe.backend != "tensorrt-rtx":
        pytest.skip("TensorRT for RTX alone compiles kernels when it runs")
    engine = isolated_engine(probe.backend, plan, given)
    if stored is not None:
        engine.keep_kernels = lambda kernels: stored.append(kernels) is None  # type: ignore[func-returns-value]
    return engine


def states(engine: IsolatedEngine, mode: Mode, restarts: int = 1) -> list[Kernels]:
    """The kernels of a session and of those that take its place."""
    session, found = engine.create_session(SHAPES, mode), []
    for _ in range(restarts):
        found.append(session.kernels)
        session.close()
        session = session.restart()
    found.append(session.kernels)
    session.close()
    assert None not in found
    return [kernels for kernels in found if kernels]


def test_kernels_are_compiled_once_and_then_cached(probe: Probe, plan: bytes) -> None:
    stored: list[bytes] = []
    with closing(compiling(probe, plan, stored)) as engine:
        fresh, cached = states(engine, Mode(streams=2))
    assert (fresh.state, cached.state) == ("fresh", "cached")
    assert fresh.digest == cached.digest
    (kernels,) = stored
    with closing(compiling(probe, plan, None, kernels)) as engine:
        assert states(engine, Mode()) == [cached, cached]


def test_kernels_of_another_plan_do_no_harm(
    probe: Probe, plan: bytes, write_model: Callable[..., Path], tmp_path: Path
) -> None:
    profiles = parse_profiles({"x": ("1x256", "8x256", "8x256")})
    other = build_plan(EngineSpec(write_model(tmp_path / "other.onnx"), profiles), probe.backend)
    stored: list[bytes] = []
    with closing(compiling(probe, other, stored)) as engine:
        engine.create_session({"x": (8, 256)}, Mode()).close()
    engine = compiling(probe, plan, [], stored[0])
    with closing(engine), warnings.catch_warnings():
        warnings.simplefilter("ignore", EngineCacheWarning)
        session = engine.create_session(SHAPES, Mode())
        assert session.run_closed(Extent(0, 10, 10)).queries == 10
        session.close()


def test_kernels_without_a_place_are_fresh_each_time(probe: Probe, plan: bytes) -> None:
    with closing(compiling(probe, plan, None)) as engine:
        found = states(engine, Mode())
    assert [(one.state, one.kept) for one in found] == [("fresh", False)] * 2


def test_fresh_kernels_are_compiled_in_each_session_and_not_stored(
    probe: Probe, plan: bytes
) -> None:
    stored: list[bytes] = []
    with closing(compiling(probe, plan, stored)) as engine:
        session = engine.create_session(SHAPES, Mode(kernels="fresh"))
        assert session.mode["kernels"] == "fresh"
        session.close()
        assert [one.state for one in states(engine, Mode(kernels="fresh"))] == ["fresh"] * 2
        assert stored == []
        session = engine.create_session(SHAPES, Mode())
        assert "kernels" not in session.mode
        session.close()


def test_this_process_gets_no_context(probe: Probe, plan: bytes, tmp_path: Path) -> None:
    (tmp_path / "engine.plan").write_bytes(plan)
    program = """
import sys
from pathlib import Path
from pytest_trtperf.backend.tensorrt.isolated import isolated_engine
from pytest_trtperf.backend.trace import Extent
from pytest_trtperf.backend.session import Mode
engine = isolated_engine(sys.argv[1], Path(sys.argv[2]).read_bytes())
session = engine.create_session({"x": (8, 64)}, Mode())
session.run_closed(Extent(0, 5, 5))
mapped = Path("/proc/self/maps").read_text()
session.close()
assert "nvidia-uvm" not in mapped and "libcuda.so" not in mapped, "CUDA was loaded here"
"""
    command = [sys.executable, "-c", program, probe.backend, str(tmp_path / "engine.plan")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
