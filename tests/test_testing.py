"""The backend without a device, in whole runs of pytest and by itself."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest

import pytest_trtperf
from pytest_trtperf.backend.session import Mode
from pytest_trtperf.backend.trace import Extent
from pytest_trtperf.engine.spec import EngineSpec
from pytest_trtperf.testing import FakeBackend, FakeClock, lognormal

CONFTEST = """
    from pytest_trtperf.testing import FakeBackend

    BACKEND = FakeBackend(latency_ms={latency_ms})

    def pytest_trtperf_backends(config):
        return [BACKEND]
"""
TEST = """
    def test_model(trt_engine, trt_measure):
        trt_measure(trt_engine("model.bin"), shapes={"x": (8,)}).assert_p99(ms=1.5)
"""


@pytest.fixture
def session(tmp_path):
    def make(**how):
        path = tmp_path / "model.bin"
        path.write_bytes(b"model")
        backend = FakeBackend(**how)
        return backend.load_model(EngineSpec(path)).create_session({"x": (8,)}, Mode())

    return make


def test_times_are_those_of_the_noise_and_pass_on_the_clock(session):
    clock = FakeClock(now=7.0)
    trace = session(latency_ms=2.0, noise=lognormal(0.0), clock=clock).run_closed(
        Extent(100.0, 10, 1000)
    )
    assert np.allclose(trace.samples("latency"), 2.0)
    assert clock.now == pytest.approx(7.0 + trace.span_ms / 1e3)
    assert trace.throughput == pytest.approx(500.0)


def test_an_open_load_beyond_the_service_is_given_up(session):
    schedule = np.arange(1000) * 1_000_000
    trace = session(latency_ms=2.0).run_open(schedule, backlog_ms=50.0)
    assert trace.saturated
    assert trace.queries < 1000


def test_an_open_load_that_is_served_waits_for_nothing(session):
    schedule = np.arange(100) * 4_000_000
    trace = session(latency_ms=2.0).run_open(schedule, backlog_ms=50.0)
    assert not trace.saturated
    assert np.allclose(trace.samples("response"), trace.samples("latency"))


def test_a_slower_engine_fails_where_the_same_one_passed(pytester, monkeypatch):
    monkeypatch.setenv("TRTPERF_LOCK_DIR", str(pytester.path / "locks"))
    monkeypatch.setenv("TRTPERF_BACKEND", "fake")
    pytester.makeini("[pytest]")
    pytester.makepyfile(test_perf=TEST)
    pytester.path.joinpath("model.bin").write_bytes(b"model")

    def run(latency_ms, *arguments):
        pytester.makeconftest(CONFTEST.format(latency_ms=latency_ms))
        return pytester.runpytest_subprocess("--trtperf", *arguments)

    assert run(1.0, "--trtperf-update").ret == 0
    assert run(1.0).ret == 0
    slower = run(1.2)
    assert slower.ret == 1
    slower.stdout.fnmatch_lines(["*latency median*regressed*", "*throughput*regressed*"])


BACKENDS = {"tensorrt", "tensorrt-rtx", "tensorrt-lean", "onnxruntime"}


def test_only_the_backend_room_asks_which_backend_is_in_use():
    package = Path(pytest_trtperf.__file__).parent
    asked = [
        f"{path.relative_to(package)}:{node.lineno}"
        for path in package.rglob("*.py")
        if "backend" not in path.relative_to(package).parts
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Compare)
        and any(
            isinstance(part, ast.Constant) and part.value in BACKENDS for part in ast.walk(node)
        )
    ]
    assert not asked
