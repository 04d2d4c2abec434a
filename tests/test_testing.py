"""The backend without a device, in whole runs of pytest and by itself."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest

import pytest_trtperf
from pytest_trtperf.backend.protocols import Backend
from pytest_trtperf.backend.session import DeviceMemory, Kernels, Mode
from pytest_trtperf.backend.trace import Extent
from pytest_trtperf.engine.shapes import TensorInfo
from pytest_trtperf.engine.spec import EngineSpec
from pytest_trtperf.errors import EngineBuildError, MeasurementError
from pytest_trtperf.testing import FakeBackend, FakeClock, FakeEngine, FakeGpu, lognormal

CONFTEST = """
    from pytest_trtperf.testing import FakeBackend

    def pytest_trtperf_backends(config):
        return [FakeBackend(latency_of=lambda model: float(model.read_text()))]
"""
TEST = """
    def test_model(trt_engine, trt_measure):
        trt_measure(trt_engine("model.bin"), shapes={"x": (8,)}).assert_p99(ms=1.5)
"""


@pytest.fixture
def session(tmp_path):
    def make(mode=Mode(), **how):  # noqa: B008  # frozen
        path = tmp_path / "model.bin"
        path.write_bytes(b"model")
        backend = FakeBackend(**how)
        return backend.load_model(EngineSpec(path)).create_session({"x": (8,)}, mode)

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


def test_a_round_has_noise_of_its_own_beside_that_of_its_queries(session):
    one = session(noise=lognormal(0.001, round_sd=0.1), seed=3)
    rounds = [one.run_closed(Extent(0, 500, 500)).samples("latency") for _ in range(200)]
    medians = np.log([np.median(values) for values in rounds])
    assert medians.std() == pytest.approx(0.1, rel=0.2)
    assert [np.log(values).std() for values in rounds] == pytest.approx([0.001] * 200, rel=0.2)
    # The same seed gives the same times.
    again = session(noise=lognormal(0.001, round_sd=0.1), seed=3)
    assert (again.run_closed(Extent(0, 500, 500)).samples("latency") == rounds[0]).all()


def test_queries_in_flight_are_served_at_the_same_time(session):
    one = session(Mode(streams=2, concurrency=2), noise=lognormal(0.0))
    assert (one.in_flight, one.mode["streams"], one.mode["concurrency"]) == (4, 2, 2)
    trace = one.run_closed(Extent(100.0, 10, 1000))
    assert trace.throughput == pytest.approx(4000, rel=0.01)
    assert np.allclose(trace.samples("latency"), 1.0)
    assert (trace.issued[:6] - trace.issued[0]).tolist() == [0, 0, 0, 0, 1_000_000, 1_000_000]
    # Due all at once, queries wait until one of those before them is complete.
    burst = one.run_open(np.zeros(8, np.int64), backlog_ms=50.0)
    assert burst.samples("response").tolist() == [1.0] * 4 + [2.0] * 4
    assert (burst.samples("lateness") == 0).all()


def test_a_sleep_comes_before_each_query(session):
    trace = session(noise=lognormal(0.0)).run_closed(Extent(100.0, 10, 1000), idle_ms=3.0)
    assert trace.queries == 26
    assert trace.throughput == pytest.approx(250)
    assert np.allclose(trace.samples("latency"), 1.0)


def test_a_query_longer_than_the_backlog_is_served_if_it_is_the_first(session):
    trace = session(latency_ms=10.0).run_open(np.arange(4) * 1_000_000, backlog_ms=1.0)
    assert (trace.queries, trace.saturated) == (1, True)


def test_a_gpu_has_stages_and_memory(session):
    memory = DeviceMemory(4, 2, 6)
    gpu = FakeGpu(h2d=0.2, gpu_compute=0.5, d2h=0.3, enqueue_ms=0.25, memory=memory)
    one = session(latency_ms=2.0, noise=lognormal(0.0), gpu=gpu)
    trace = one.run_closed(Extent(0, 3, 3), starts=True)
    assert trace.metrics == ("latency", "enqueue", "h2d", "gpu_compute", "d2h", "response")
    for metric, ms in {"latency": 2.0, "enqueue": 0.25, "h2d": 0.4, "gpu_compute": 1.0}.items():
        assert trace.samples(metric) == pytest.approx([ms] * 3)
    assert {name: values.tolist() for name, values in trace.starts.items()} == {
        "h2d": pytest.approx([0.0, 2.0, 4.0]),
        "gpu_compute": pytest.approx([0.4, 2.4, 4.4]),
        "d2h": pytest.approx([1.4, 3.4, 5.4]),
    }
    assert one.run_closed(Extent(0, 3, 3)).starts == {}
    assert one.memory is memory


def test_without_a_gpu_there_is_the_latency_alone(session):
    one = session()
    assert one.run_closed(Extent(0, 3, 3)).metrics == ("latency", "response")
    assert one.memory is None


def test_layers_are_those_that_were_given(session):
    one = session(layers={"conv": 0.6, "relu": 0.2})
    times, entries = one.profile_layers(3)
    assert {name: values.tolist() for name, values in times.items()} == {
        "conv": [0.6] * 3,
        "relu": [0.2] * 3,
    }
    engine = FakeEngine(one.backend)
    assert engine.can_inspect
    assert engine.inspect() == entries == [{"Name": "conv"}, {"Name": "relu"}]


def test_without_layers_there_is_no_profile(session):
    one = session()
    engine = FakeEngine(one.backend)
    assert not engine.can_inspect
    with pytest.raises(MeasurementError, match="has no engine inspector"):
        engine.inspect()
    with pytest.raises(MeasurementError, match="has no layer profile"):
        one.profile_layers(3)


def test_a_first_query_takes_longer(session):
    assert session(latency_ms=2.0).cold_start_ms == 20.0
    assert session(cold_start_ms=0.0).cold_start_ms == 0.0


def test_each_model_may_have_a_latency_of_its_own(tmp_path):
    backend = FakeBackend(5.0, noise=lognormal(0.0), latency_of=lambda path: len(path.name))
    sessions = [
        backend.load_model(EngineSpec(tmp_path / name)).create_session({"x": (8,)}, Mode())
        for name in ("a", "abc")
    ]
    assert [one.cold_start_ms for one in sessions] == [10, 30]
    for one, ms in zip([*sessions, sessions[1].restart()], (1, 3, 3), strict=True):
        trace = one.run_closed(Extent(30.0, 1, 1000))
        assert np.allclose(trace.samples("latency"), ms)
        assert trace.queries == 30 // ms + 1


def test_an_engine_made_slower_later_is_slower_from_there_on(session):
    one = session(noise=lognormal(0.0))
    one.backend.latency_ms = 2.0
    assert np.allclose(one.run_closed(Extent(0, 3, 3)).samples("latency"), 2.0)


def test_an_engine_has_the_inputs_of_its_backend_and_keeps_its_sessions():
    tensors = [TensorInfo("a", (None, 3), "float32"), TensorInfo("b", (2,), "int64")]
    engine = FakeEngine(FakeBackend(inputs=tensors))
    assert engine.inputs == tensors
    sessions = [engine.create_session(shapes, Mode()) for shapes in ({}, {"a": (8, 3)})]
    assert engine.sessions == sessions
    assert [one.shapes for one in sessions] == [
        {"a": (1, 3), "b": (2,)},
        {"a": (8, 3), "b": (2,)},
    ]


def compiled(engine, mode=Mode(), sessions=3):  # noqa: B008  # frozen
    """The kernels of a session and of those that take its place."""
    one = engine.create_session({}, mode)
    found = [one.kernels]
    while len(found) < sessions:
        one = one.restart()
        found.append(one.kernels)
    return found


def test_an_engine_compiles_until_its_kernels_are_stored():
    stored = []

    def keep(kernels):
        stored.append(kernels)
        return True

    one, two = ("1 kernels",), ("1 kernels", "2 kernels")
    backend = FakeBackend(compiles=2)
    engine = FakeEngine(backend)
    engine.keep_kernels = keep
    assert compiled(engine, Mode(kernels="fresh")) == [Kernels("fresh", "1 kernels", one)] * 3
    assert stored == []
    assert compiled(engine) == [
        Kernels("fresh", "1 kernels", one),
        Kernels("fresh", "2 kernels", two),
        Kernels("cached", "2 kernels", two),
    ]
    assert stored == [b"k", b"kk"]
    assert compiled(FakeEngine(backend, b"kk"), sessions=1) == [Kernels("cached", "2 kernels", two)]
    lost = Kernels("fresh", "1 kernels", one, kept=False)
    assert compiled(FakeEngine(backend)) == [lost] * 3


def test_a_session_that_compiled_takes_another_time():
    backend = FakeBackend(compiles=1, fresh_factor=2.0, noise=lognormal(0.0))
    engine = FakeEngine(backend)
    engine.keep_kernels = lambda kernels: True
    first = engine.create_session({}, Mode())
    traces = [one.run_closed(Extent(0, 10, 10)) for one in (first, first.restart())]
    assert [trace.samples("latency").max() for trace in traces] == [2.0, 1.0]


def test_a_session_starts_anew_as_it_was(session):
    one = session(Mode(cuda_graph=True, streams=2))
    one.close()
    other = one.restart()
    assert (one.closed, other.closed) == (True, False)
    assert (other.shapes, other.mode, other.in_flight) == (one.shapes, one.mode, 2)
    assert other.backend is one.backend


def test_a_slower_engine_fails_where_the_same_one_passed(pytester, monkeypatch):
    monkeypatch.setenv("TRTPERF_LOCK_DIR", str(pytester.path / "locks"))
    monkeypatch.setenv("TRTPERF_BACKEND", "fake")
    pytester.makeini("[pytest]")
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(test_perf=TEST)

    def run(latency_ms, *arguments):
        pytester.path.joinpath("model.bin").write_text(str(latency_ms))
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


def test_a_backend_of_the_host_has_no_gpu():
    assert FakeBackend(cpu=True).probe().gpus == ()
    assert [gpu.name for gpu in FakeBackend().probe().gpus] == ["Fake GPU"]


def test_options_of_a_build_are_accepted_by_the_fake_and_refused_by_default():
    class Plain(Backend):
        name = "plain"

        def probe(self):
            return FakeBackend().probe()

    FakeBackend().check_options({"fp16": True}, "1")
    Plain().check_options({}, "1")
    with pytest.raises(EngineBuildError, match="plain has no build options: drop fp16, tf32"):
        Plain().check_options({"tf32": True, "fp16": True}, "1")
