"""Sessions and loads beyond the plain closed loop."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_trtperf.analysis.layers import summarize_layers
from pytest_trtperf.backend.probe import Probe
from pytest_trtperf.backend.session import Mode
from pytest_trtperf.backend.tensorrt.build import build_plan
from pytest_trtperf.backend.tensorrt.engine import TensorRTEngine
from pytest_trtperf.backend.tensorrt.loop import run_closed, run_open
from pytest_trtperf.backend.tensorrt.session import TensorRTSession
from pytest_trtperf.backend.trace import STAGES, Extent
from pytest_trtperf.engine.shapes import parse_profiles
from pytest_trtperf.engine.spec import EngineSpec
from pytest_trtperf.errors import MeasurementError, TrtPerfError
from pytest_trtperf.measure.load import Load
from pytest_trtperf.trtexec.write_exports import export_times

SHAPES = {"x": (8, 64)}
OPEN_MODES = [Mode(), Mode(cuda_graph=True, concurrency=1), Mode(transfers=False, streams=2)]

WriteGraph = Callable[..., Path]


@pytest.fixture(params=OPEN_MODES, ids=str)
def session(request: pytest.FixtureRequest, engine: TensorRTEngine) -> Iterator[TensorRTSession]:
    session = engine.create_session(SHAPES, request.param)
    yield session
    session.close()


@pytest.fixture
def write_graph(tmp_path: Path) -> WriteGraph:
    onnx = pytest.importorskip("onnx")
    helper = onnx.helper

    def write(
        op: str,
        inputs: dict[str, tuple[str, list[Any]]],
        output: tuple[str, list[Any]],
        **attributes: Any,
    ):
        def value(name: str, kind: str, dims: list[Any]) -> Any:
            return helper.make_tensor_value_info(name, getattr(onnx.TensorProto, kind), dims)

        graph = helper.make_graph(
            [helper.make_node(op, list(inputs), ["y"], **attributes)],
            op,
            [value(name, *about) for name, about in inputs.items()],
            [value("y", *output)],
        )
        opset = [helper.make_opsetid("", 17)]
        path = tmp_path / f"{op}.onnx"
        onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
        return path

    return write


def load(probe: Probe, path: Path, **profiles: Any) -> TensorRTEngine:
    plan = build_plan(EngineSpec(path, parse_profiles(profiles)), probe.backend)
    return TensorRTEngine(probe.backend, plan)


@pytest.mark.parametrize("arrivals", ["poisson", "constant"])
def test_open_load_issues_no_query_before_it_is_due(
    session: TensorRTSession, arrivals: str
) -> None:
    schedule = Load(request_rate=2000, arrivals=arrivals).schedule(50, 100, 0)
    trace = run_open(session, schedule, backlog_ms=1000)
    assert trace.queries == len(schedule) >= 100
    assert not trace.saturated
    assert trace.due is not None
    assert (trace.issued >= trace.due).all()
    assert (trace.samples("lateness") >= 0).all()
    assert (trace.samples("response") > trace.samples("gpu_compute")).all()
    assert np.diff(trace.due).tolist() == np.diff(schedule).tolist()


def test_load_beyond_the_device_is_given_up(session: TensorRTSession) -> None:
    schedule = Load(request_rate=1e6, arrivals="constant").schedule(100, 1, 0)
    trace = run_open(session, schedule, backlog_ms=20)
    assert trace.saturated
    assert 0 < trace.queries < len(schedule)
    run_closed(session, Extent(0, 10, 10))


def test_idle_time_lies_between_queries(engine: TensorRTEngine) -> None:
    session = engine.create_session(SHAPES, Mode(concurrency=1))
    try:
        trace = run_closed(session, Extent(0, 10, 20), idle_ms=2)
    finally:
        session.close()
    gaps_ms = (trace.issued[1:] - trace.done[:-1]) / 1e6
    assert (gaps_ms >= 2).all()


def test_streams_give_the_same_outputs(engine: TensorRTEngine) -> None:
    session = engine.create_session(SHAPES, Mode(streams=3, seed=5))
    try:
        run_closed(session, Extent(0, 30, 30))
        first, *others = [stream.output_values()["y"] for stream in session.streams]
    finally:
        session.close()
    assert len(others) == 2
    assert all(np.array_equal(values, first) for values in others)
    assert first.any()


def test_given_inputs_reach_the_engine(engine: TensorRTEngine) -> None:
    zeros = np.zeros((8, 64), np.float32)
    session = engine.create_session({}, Mode(), {"x": zeros})
    try:
        run_closed(session, Extent(0, 4, 8))
        (values,) = session.output_values().values()
    finally:
        session.close()
    assert session.mode["inputs"] != "seeded"
    assert values.shape == (8, 64)
    assert not values.any()


def test_starts_are_kept_and_exported(engine: TensorRTEngine, tmp_path: Path) -> None:
    session = engine.create_session(SHAPES, Mode())
    try:
        trace = run_closed(session, Extent(0, 50, 60), starts=True)
    finally:
        session.close()
    assert set(trace.starts) == set(STAGES)
    ends = trace.starts["h2d"] + trace.stages["h2d"]
    # Float32 milliseconds and event ticks: half a microsecond each.
    assert (ends <= trace.starts["gpu_compute"] + 2e-3).all()
    export_times(tmp_path / "times.json", [trace])
    rows = json.loads((tmp_path / "times.json").read_text())
    assert len(rows) == trace.queries
    assert sorted(row["computeMs"] for row in rows) == pytest.approx(
        sorted(trace.samples("gpu_compute").tolist()), abs=1e-6
    )


def test_shape_tensor_takes_its_values(probe: Probe, write_graph: WriteGraph) -> None:
    path = write_graph(
        "Reshape", {"x": ("FLOAT", [4, 64]), "s": ("INT64", [2])}, ("FLOAT", ["a", "b"])
    )
    engine = load(probe, path, s=((1, 1), (64, 4), (256, 256)))
    with pytest.raises(MeasurementError, match=r"'s' is a shape tensor.*inputs="):
        engine.create_session({}, Mode())
    session = engine.create_session({}, Mode(), {"s": np.array([64, 4], np.int64)})
    try:
        run_closed(session, Extent(0, 4, 8))
        (returned,) = session.output_values().values()
        assert returned.shape == (64, 4)
    finally:
        session.close()


def test_shape_tensor_may_be_negative(probe: Probe, write_graph: WriteGraph) -> None:
    path = write_graph(
        "Reshape", {"x": ("FLOAT", [4, 64]), "s": ("INT64", [2])}, ("FLOAT", ["a", "b"])
    )
    engine = load(probe, path, s=((1, -1), (64, -1), (256, -1)))
    session = engine.create_session({}, Mode(), {"s": np.array([64, -1], np.int64)})
    try:
        run_closed(session, Extent(0, 4, 8))
        assert session.output_values()["y"].shape == (64, 4)
    finally:
        session.close()


@pytest.mark.parametrize("length", [0, 3])
def test_an_input_may_be_empty(probe: Probe, write_graph: WriteGraph, length: int) -> None:
    kind = ("FLOAT", ["past", 64])
    path = write_graph(
        "Concat", {"past": kind, "x": ("FLOAT", [2, 64])}, ("FLOAT", ["n", 64]), axis=0
    )
    engine = load(probe, path, past=((0, 64), (16, 64), (128, 64)))
    session = engine.create_session({"past": (length, 64)}, Mode(cuda_graph=True))
    try:
        run_closed(session, Extent(0, 4, 8))
        assert session.output_values()["y"].shape == (length + 2, 64)
    finally:
        session.close()


def test_output_whose_shape_depends_on_the_data(probe: Probe, write_graph: WriteGraph) -> None:
    path = write_graph("NonZero", {"x": ("FLOAT", [4, 64])}, ("INT64", [2, "n"]))
    try:
        engine = load(probe, path)
    except TrtPerfError as error:
        pytest.skip(f"this TensorRT builds no such engine: {error}")
    values = np.zeros((4, 64), np.float32)
    values[1, 3] = values[2, 5] = 1
    session = engine.create_session({}, Mode(), {"x": values})
    try:
        run_closed(session, Extent(0, 4, 8))
        (returned,) = session.output_values().values()
        assert returned.tolist() == [[1, 2], [3, 5]]
    finally:
        session.close()
    with pytest.raises(MeasurementError, match="cuda_graph: the shape of an output depends"):
        engine.create_session({}, Mode(cuda_graph=True), {"x": values})
    engine.create_session({}, Mode(), {"x": values}).close()


def test_layers_have_times_and_information(engine: TensorRTEngine) -> None:
    session = engine.create_session(SHAPES, Mode(cuda_graph=True))
    try:
        layers = summarize_layers(*session.profile_layers(20))
        run_closed(session, Extent(0, 10, 10))
    finally:
        session.close()
    assert len(layers) >= 2
    assert sum(layer.share for layer in layers) == pytest.approx(1)
    assert all(layer.median_ms > 0 for layer in layers)
    assert any(layer.information for layer in layers)


def test_device_memory_is_counted(engine: TensorRTEngine) -> None:
    sessions = [engine.create_session(SHAPES, Mode(streams=streams)) for streams in (1, 2)]
    one, two = (session.memory for session in sessions)
    for session in sessions:
        session.close()
    assert 0 < one.engine_bytes == two.engine_bytes
    assert one.peak_bytes >= one.engine_bytes + one.contexts_bytes
    assert two.contexts_bytes == 2 * one.contexts_bytes
