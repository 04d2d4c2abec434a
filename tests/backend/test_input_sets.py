"""Several sets of inputs: read, checked, told apart, and taken in turns by real inference."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_trtperf.backend import host_loop
from pytest_trtperf.backend.input_sets import (
    check_same_shapes,
    describe_inputs,
    fed_values,
    read_input_sets,
)
from pytest_trtperf.backend.onnxruntime.engine import OnnxRuntimeEngine
from pytest_trtperf.backend.session import Mode
from pytest_trtperf.backend.trace import Extent
from pytest_trtperf.engine.shapes import TensorInfo
from pytest_trtperf.errors import MeasurementError, QueryError, ShapeError
from pytest_trtperf.options.values import parse_inputs

X, Y = TensorInfo("x", (None,), "float32"), TensorInfo("y", (2,), "float32")


def ones(*factors):
    return [{"x": np.full(3, factor, np.float32)} for factor in factors]


@given(st.integers(1, 5), st.integers(0, 20), st.integers(0, 12))
def test_queries_take_turns(count, first, calls):
    made = []
    queries = [lambda place=place: made.append(place) for place in range(count)]
    query = host_loop.in_turn(queries, first)
    for _ in range(calls):
        query()
    assert made == [(first + call) % count for call in range(calls)]


def test_one_query_is_itself():
    def query():
        raise NotImplementedError

    assert host_loop.in_turn([query], 3) is query


def test_files_of_a_pattern_are_sets_in_the_order_of_their_names(tmp_path):
    for name, value in {"b": 2, "a": 1, "[c]": 3}.items():
        np.savez(tmp_path / f"{name}.npz", x=np.float32(value))
    found = read_input_sets(parse_inputs("?.npz"), tmp_path.joinpath)
    assert [one["x"] for one in found] == [1, 2]
    several = parse_inputs(["b.npz", {"x": np.float32(5)}, "*.npz"])
    assert [one["x"] for one in read_input_sets(several, tmp_path.joinpath)] == [2, 5, 3, 1, 2]
    # A file with such a name is itself.
    (alone,) = read_input_sets(parse_inputs("[c].npz"), tmp_path.joinpath)
    assert alone["x"] == 3
    with pytest.raises(MeasurementError, match=r"^z\*\.npz: matches no file; check the pattern"):
        read_input_sets(parse_inputs("z*.npz"), tmp_path.joinpath)
    with pytest.raises(MeasurementError, match=r"^inputs\[1\]: .*gone.npz: cannot be read"):
        read_input_sets(parse_inputs(["a.npz", "gone.npz"]), tmp_path.joinpath)
    assert read_input_sets(None) == [{}]


def test_what_is_generated_is_the_same_in_all_sets():
    shapes = {"x": (3,), "y": (2,)}
    first, second = fed_values([X, Y], shapes, ones(1, 2), 7)
    assert first["y"] is second["y"]
    assert (first["x"][0], second["x"][0]) == (1, 2)
    (alone,) = fed_values([X, Y], shapes, [{}], 7)
    assert (alone["y"] == first["y"]).all()


@pytest.mark.parametrize(
    ("second", "error", "words"),
    [
        ({}, MeasurementError, "inputs[1] gives none, and inputs[0] 'x': sets that queries take"),
        ({"z": np.ones(3)}, MeasurementError, "inputs[1] gives 'z', and inputs[0] 'x'"),
        (
            {"x": np.ones(4, np.float32)},
            ShapeError,
            "inputs[1]: 'x' has the shape 4, and the shape 3 in inputs[0]: sets that queries take",
        ),
        ({"x": b"1234"}, ShapeError, "inputs[1]: 'x' has 4 bytes, and the shape 3 in inputs[0]"),
        ({"x": np.ones(3)}, MeasurementError, "inputs[1]: input 'x' takes float32, but the given"),
        ({"x": np.full(3, np.nan, "f4")}, MeasurementError, "inputs[1]: input 'x': 3 of 3 values"),
    ],
)
def test_sets_that_cannot_take_turns(second, error, words):
    with pytest.raises(error) as refused:
        fed_values([X], {"x": (3,)}, [*ones(1), second], 0)
    assert str(refused.value).startswith(words)


def test_values_that_decide_shapes_are_the_same():
    same = [{"x": np.array([2, 3])}, {"x": np.array([2, 3])}]
    check_same_shapes({"x"}, same)
    check_same_shapes({"y"}, [*same, {"x": np.array([3, 2])}])
    with pytest.raises(MeasurementError, match=r"^inputs\[2\]: 'x' is a shape tensor"):
        check_same_shapes({"x"}, [*same, {"x": np.array([3, 2])}])


def test_what_is_recorded_tells_sets_apart():
    def described(*factors):
        sets = ones(*factors)
        return describe_inputs(sets, sets, 4)

    assert described(1).keys() == {"inputs", "seed"}
    assert described(1, 2)["input_sets"] == 2
    names = [described(*one)["inputs"] for one in [(1,), (2,), (1, 2), (2, 1), (1, 1), (1, 2, 1)]]
    assert len(set(names)) == len(names)
    assert describe_inputs([{}], ones(1), 4) == {"inputs": "seeded", "seed": 4}


class Watched:
    """ONNX Runtime's session, with what the first value of each query's output was."""

    def __init__(self, session):
        self._session = session
        self.returned = []

    def __getattr__(self, name):
        return getattr(self._session, name)

    def run_with_iobinding(self, binding):
        self._session.run_with_iobinding(binding)
        self.returned.append(binding.get_outputs()[0].numpy().flat[0])


@pytest.fixture
def doubling(tmp_path):
    """Returns `x` twice as large; the engine, and what its queries returned."""
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "x"], ["z"])],
        "doubling",
        [helper.make_tensor_value_info("x", kind, ["n"])],
        [helper.make_tensor_value_info("z", kind, ["n"])],
    )
    opset = [helper.make_opsetid("", 13)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), tmp_path / "model.onnx")
    engine = OnnxRuntimeEngine(tmp_path / "model.onnx")
    engine._session = watched = Watched(engine._session)
    return engine, watched.returned


def test_queries_of_a_session_take_turns_over_all_rounds(doubling):
    engine, returned = doubling
    session = engine.create_session({}, Mode(), ones(1, 2, 3))
    assert returned == [2, 4, 6]  # each has run once
    assert session.mode["input_sets"] == 3
    returned.clear()
    session.run_closed(Extent(0, 4, 4))
    session.run_open(np.zeros(3, np.int64), 1e9)
    assert returned == [2, 4, 6, 2, 4, 6, 2]
    assert session.output_values()["z"].tolist() == [2, 2, 2]
    session.close()


@pytest.mark.parametrize("concurrency", [2, 3])
def test_places_in_flight_begin_with_another_set_each(doubling, concurrency):
    engine, returned = doubling
    session = engine.create_session({}, Mode(concurrency=concurrency), ones(1, 2, 3))
    returned.clear()
    for query in session.queries:
        query()
    assert returned == [2, 4, 6][:concurrency]
    session.run_closed(Extent(0, 30, 30))
    assert set(returned) == {2, 4, 6}
    assert len(returned) == 30 + concurrency


def test_one_set_is_as_ever(doubling):
    engine, returned = doubling
    listed = engine.create_session({}, Mode(), ones(4))
    alone = engine.create_session({}, Mode(), ones(4)[0])
    assert listed.mode == alone.mode
    assert len(listed.queries) == 1
    assert returned == [8, 8]


def test_a_set_that_the_model_cannot_take_is_named(tmp_path, write_lookup):
    pytest.importorskip("onnxruntime")
    engine = OnnxRuntimeEngine(write_lookup(tmp_path / "lookup.onnx", rows=10))
    sets = [{"index": np.array([0, last])} for last in (9, 5, 10)]
    engine.create_session({}, Mode(), sets[:2]).close()
    with pytest.raises(QueryError, match=r"^inputs\[2\]: ONNX Runtime cannot run the model: "):
        engine.create_session({}, Mode(), sets)
    with pytest.raises(QueryError, match=r"^inputs\[0\]: ONNX Runtime cannot run the model: "):
        engine.create_session({}, Mode(), sets[::-1])
    with pytest.raises(QueryError, match=r"^ONNX Runtime cannot run the model: "):
        engine.create_session({}, Mode(), sets[2])
