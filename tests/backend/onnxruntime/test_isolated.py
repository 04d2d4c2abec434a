"""Sessions of ONNX Runtime, each in a process of its own."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest

from pytest_trtperf.backend.onnxruntime.backend import OnnxRuntimeBackend
from pytest_trtperf.backend.onnxruntime.engine import OnnxRuntimeEngine
from pytest_trtperf.backend.process.session_process import await_ends
from pytest_trtperf.backend.process.spare import LEAST_CORES, SPARE
from pytest_trtperf.backend.session import Mode
from pytest_trtperf.backend.trace import Extent
from pytest_trtperf.engine.shapes import parse_profiles
from pytest_trtperf.engine.spec import EngineSpec
from pytest_trtperf.errors import EngineBuildError, MeasurementError, ShapeError

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

SHAPES = {"x": (2, 256)}


@pytest.fixture
def load():
    """Loads models; their engines are closed at the end."""
    engines = []

    def load(path, profiles=()):
        engines.append(OnnxRuntimeBackend().load_model(EngineSpec(path, profiles)))
        return engines[-1]

    yield load
    for engine in engines:
        engine.close()


@pytest.fixture
def start():
    """Starts sessions, which are closed at the end."""
    sessions = []

    def start(engine, mode=None, inputs=None, shapes=SHAPES):
        sessions.append(engine.create_session(shapes, mode or Mode(), inputs))
        return sessions[-1]

    yield start
    for session in sessions:
        session.close()


@pytest.fixture
def model(tmp_path, write_model):
    return write_model(tmp_path / "model.onnx", layers=2)


@pytest.fixture
def external(tmp_path, model):
    """The same model with its weight in another file."""
    folder = tmp_path / "external"
    folder.mkdir()
    onnx.save(
        onnx.load(model), folder / "model.onnx", save_as_external_data=True,
        location="model.data", size_threshold=0,
    )  # fmt: skip
    return folder / "model.onnx"


def is_running(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_each_session_is_a_process_that_ends_with_it(load, start, model):
    engine = load(model)
    first = start(engine)
    second = first.restart()
    assert len({first.pid, second.pid, os.getpid()}) == 3
    assert (second.shapes, second.mode) == (first.shapes, first.mode) == (SHAPES, first.mode)
    first.close()
    await_ends()
    assert not is_running(first.pid)
    assert second.run_closed(Extent(0, 5, 5)).queries == 5
    second.close()
    await_ends()
    assert not is_running(second.pid)


def test_the_process_of_an_engine_that_is_never_measured_ends_with_the_engine(load, model):
    engine = load(model)
    pid = engine._loaded.process.pid
    assert is_running(pid)
    engine.close()
    assert not is_running(pid)


def test_both_loads_run_there(load, start, model):
    session = start(load(model), Mode(concurrency=2))
    trace = session.run_closed(Extent(0, 30, 30), label="a range")
    assert (trace.queries, trace.in_flight) == (30, 2)
    due = np.arange(1, 6, dtype=np.int64) * 1_000_000
    trace = session.run_open(due, 100.0)
    assert np.diff(trace.due).tolist() == [1_000_000] * 4
    assert np.all(trace.done > trace.issued)


def test_values_of_inputs_get_there_and_outputs_come_back(load, start, model):
    values = {"x": np.linspace(-1, 1, 512, dtype=np.float32).reshape(2, 256)}
    session = start(load(model), inputs={"x": np.asfortranarray(values["x"])})
    here = OnnxRuntimeEngine(model).create_session(SHAPES, Mode(), values)
    assert session.mode == here.mode
    np.testing.assert_array_equal(session.output_values()["y"], here.output_values()["y"])
    again = session.restart()
    np.testing.assert_array_equal(again.output_values()["y"], here.output_values()["y"])
    again.close()


def test_no_other_process_starts_while_a_session_measures(load, start, model, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(LEAST_CORES)))
    start(load(model))
    assert SPARE._process is None


def test_the_model_is_the_one_that_was_loaded_first(load, start, model, tmp_path, write_model):
    folder = tmp_path / "exported"
    folder.mkdir()
    shutil.copy(model, folder)
    engine = load(folder / model.name)
    write_model(folder / model.name, layers=5, width=8)
    first = start(engine)
    shutil.rmtree(folder)
    again = first.restart()
    np.testing.assert_array_equal(again.output_values()["y"], first.output_values()["y"])
    again.close()


def test_a_relative_path_holds_from_wherever_a_session_starts(
    load, start, model, external, tmp_path, monkeypatch
):
    monkeypatch.chdir(external.parent)
    engine = load(Path("model.onnx"))
    monkeypatch.chdir(tmp_path)
    again = start(engine).restart()
    expected = start(load(model)).output_values()["y"]
    np.testing.assert_array_equal(again.output_values()["y"], expected)
    again.close()


@pytest.mark.parametrize("name", ["model.onnx", "model.data"])
def test_external_data_must_stay_as_it_is(load, start, external, name):
    session = start(load(external))
    changed = external.with_name(name)
    changed.write_bytes(changed.read_bytes())
    with pytest.raises(EngineBuildError, match=rf"model\.onnx: .*{name} changed after the first"):
        session.restart()


def test_external_data_that_is_gone_is_named(load, start, external):
    session = start(load(external))
    external.with_name("model.data").unlink()
    with pytest.raises(EngineBuildError, match=r"model\.data"):
        session.restart()


@pytest.mark.parametrize("content", [b"no model", b""])
def test_file_that_is_no_model_is_refused(load, tmp_path, content):
    path = tmp_path / "broken.onnx"
    path.write_bytes(content)
    with pytest.raises(EngineBuildError, match=r"broken\.onnx"):
        load(path)


def test_operator_that_onnx_runtime_lacks_is_named_with_the_file(load, tmp_path):
    helper = onnx.helper
    infos = [helper.make_tensor_value_info(name, 1, [2]) for name in "xy"]
    node = helper.make_node("Mystery", ["x"], ["y"], domain="my.ops")
    graph = helper.make_graph([node], "graph", infos[:1], infos[1:])
    onnx.save(helper.make_model(graph, ir_version=9), tmp_path / "custom.onnx")
    with pytest.raises(EngineBuildError, match=r"custom\.onnx: ONNX Runtime cannot load.*Mystery"):
        load(tmp_path / "custom.onnx")


def test_profiles_hold_there(load, start, model):
    with pytest.raises(ShapeError, match="does not fit input 'x'"):
        load(model, parse_profiles({"x": "4x255"}))
    engine = load(model, parse_profiles({"x": "4x256"}))
    assert start(engine, shapes={}).shapes == {"x": (4, 256)}
    with pytest.raises(
        ShapeError, match=r"5x256 of input 'x' is outside .*; widen dims= or shapes="
    ):
        start(engine, shapes={"x": (5, 256)})


def test_process_that_is_killed_is_an_error_and_the_next_one_works(load, start, model):
    session = start(load(model))
    os.kill(session.pid, signal.SIGKILL)
    with pytest.raises(MeasurementError, match="ended while asked to run_closed: killed by SIGK"):
        session.run_closed(Extent(0, 5, 5))
    with pytest.raises(MeasurementError, match="no more can be measured"):
        session.run_closed(Extent(0, 5, 5))
    again = session.restart()
    assert again.run_closed(Extent(0, 5, 5)).queries == 5
    again.close()


def test_there_are_no_layers_and_the_session_measures_on(load, start, model):
    engine = load(model)
    session = start(engine)
    assert not engine.can_inspect
    with pytest.raises(MeasurementError, match="the CPU backend has no layer profile"):
        session.profile_layers(5)
    with pytest.raises(MeasurementError, match="no engine inspector"):
        engine.inspect()
    assert session.run_closed(Extent(0, 5, 5)).queries == 5


def test_session_has_the_processors_and_the_priority_of_its_owner(load, start, model):
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        session = start(load(model))
    finally:
        os.sched_setaffinity(0, before)
    # ONNX Runtime puts its other threads where it wants, in whatever process.
    assert os.sched_getaffinity(session.pid) == {min(before)}
    assert os.getpriority(os.PRIO_PROCESS, session.pid) == os.getpriority(os.PRIO_PROCESS, 0)


def test_texts_reach_the_process(load, start, tmp_path):
    infos = [
        onnx.helper.make_tensor_value_info(name, kind, ["n"])
        for name, kind in (("words", 8), ("ids", 7))
    ]
    encoder = {"keys_strings": ["a", "ü"], "values_int64s": [1, 2], "domain": "ai.onnx.ml"}
    node = onnx.helper.make_node("LabelEncoder", ["words"], ["ids"], **encoder)
    graph = onnx.helper.make_graph([node], "graph", infos[:1], infos[1:])
    opsets = [onnx.helper.make_opsetid("", 17), onnx.helper.make_opsetid("ai.onnx.ml", 2)]
    path = tmp_path / "words.onnx"
    onnx.save(onnx.helper.make_model(graph, ir_version=8, opset_imports=opsets), path)
    words = {"words": np.array(["ü", "other", "a", ""])}
    session = start(load(path), inputs=words, shapes={})
    assert session.run_closed(Extent(0, 2, 2)).queries == 2
    assert session.output_values()["ids"].tolist() == [2, -1, 1, -1]
    assert session.mode["inputs"] != "seeded"
    assert session.empty_outputs == {}
    session.close()
    nothing = {"words": np.array([], "U1")}
    assert start(load(path), inputs=nothing, shapes={}).empty_outputs == {"ids": (0,)}


def test_empty_outputs_are_told_from_the_process(load, start, model):
    assert start(load(model)).empty_outputs == {}
    assert start(load(model), shapes={"x": (0, 256)}).empty_outputs == {"y": (0, 256)}
