"""What a graph shows of its inputs: indices into a table, and values that steer it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_trtperf.onnx_file.uses import InputUse, input_uses

onnx = pytest.importorskip("onnx")
helper, numpy_helper = onnx.helper, onnx.numpy_helper
FLOAT, INT64, BOOL = 1, 7, 9


def node(operator, inputs, output, **attributes):
    return helper.make_node(operator, inputs, [output], **attributes)


def save(path, nodes, inputs, weights=()):
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info(name, *what) for name, what in inputs.items()],
        [helper.make_tensor_value_info("y", FLOAT, None)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in dict(weights).items()],
    )
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])
    path.write_bytes(model.SerializeToString())
    return path


def branch(name, nodes=(), weights=()):
    output = helper.make_tensor_value_info(name, FLOAT, [1])
    made = [*nodes, helper.make_node("Constant", [], [name], value_floats=[1.0])]
    return helper.make_graph(made, name, [], [output], list(weights))


def steered_by(condition):
    branches = {"then_branch": branch("a"), "else_branch": branch("b")}
    return node("If", [condition], "y", **branches)


TABLE = {"table": np.zeros((5, 3), "f4")}
IDS = {"ids": (INT64, [2, 4])}


@pytest.mark.parametrize(
    ("nodes", "rows"),
    [
        ([node("Gather", ["table", "ids"], "y")], 5),
        ([node("Gather", ["table", "ids"], "y", axis=1)], 3),
        ([node("Gather", ["table", "ids"], "y", axis=-2)], 5),
        ([node("Gather", ["table", "ids"], "x"), node("Gather", ["table", "ids"], "y", axis=1)], 3),
        ([node("Cast", ["ids"], "c", to=6), node("Gather", ["table", "c"], "y")], 5),
        ([node("Add", ["ids", "ids"], "c"), node("Gather", ["table", "c"], "y")], None),
        ([node("Gather", ["ids", "table"], "y")], None),
        ([node("Gather", ["table", "ids"], "y", axis=7)], None),
    ],
)
def test_rows_of_the_table_that_values_are_indices_into(tmp_path, nodes, rows):
    found = input_uses(save(tmp_path / "m.onnx", nodes, IDS, TABLE))
    assert found == {"ids": InputUse(rows=rows)}


RATE: dict[str, tuple[int, list[int]]] = {"rate": (INT64, [])}


def test_a_rate_that_steers_a_branch(tmp_path):
    nodes = [
        helper.make_node("Constant", [], ["k"], value_int=16000),
        node("Equal", ["rate", "k"], "e"),
        node("Equal", ["low", "rate"], "f"),
        node("Or", ["e", "f"], "either"),
        steered_by("either"),
    ]
    weights = {"low": np.array([-8], "i8")}
    found = input_uses(save(tmp_path / "m.onnx", nodes, RATE, weights))
    assert found == {"rate": InputUse(steers=["If"], compared=[16000, -8])}


@pytest.mark.parametrize("kind", ["i4", "i8"])
@pytest.mark.parametrize("raw", [True, False])
def test_numbers_are_read_however_they_are_stored(tmp_path, kind, raw):
    nodes = [node("Equal", ["rate", "k"], "e"), steered_by("e")]
    path = save(tmp_path / "m.onnx", nodes, RATE, {"k": np.array(-7, kind)})
    if not raw:
        model = onnx.load(path)
        weight = model.graph.initializer[0]
        weight.ClearField("raw_data")
        (weight.int32_data if kind == "i4" else weight.int64_data).append(-7)
        path.write_bytes(model.SerializeToString())
    assert input_uses(path)["rate"].compared == [-7]


def test_a_trip_count_steers_a_loop_that_is_inside_of_a_branch(tmp_path):
    loop = helper.make_node(
        "Loop", ["n", ""], ["l"],
        body=helper.make_graph(
            [node("Identity", ["c"], "d")], "body",
            [helper.make_tensor_value_info("i", INT64, []),
             helper.make_tensor_value_info("c", BOOL, [])],
            [helper.make_tensor_value_info("d", BOOL, [])],
        ),
    )  # fmt: skip
    then = branch("a", [loop])
    nodes = [node("If", ["flag"], "y", then_branch=then, else_branch=branch("b"))]
    scalar: list[int] = []
    inputs = {"flag": (BOOL, scalar), "n": (INT64, scalar), "other": (INT64, scalar)}
    found = input_uses(save(tmp_path / "m.onnx", nodes, inputs))
    assert {name: use.steers for name, use in found.items()} == {
        "flag": ["If"], "n": ["Loop"], "other": []
    }  # fmt: skip


def test_an_input_with_a_value_in_the_file_is_none(tmp_path):
    inputs = {**IDS, "table": (FLOAT, [5, 3])}
    path = save(tmp_path / "m.onnx", [node("Gather", ["table", "ids"], "y")], inputs, TABLE)
    assert input_uses(path) == {"ids": InputUse(rows=5)}


@pytest.mark.parametrize("content", [b"", b"no model", None])
def test_what_is_no_model_says_nothing(tmp_path, content):
    path = tmp_path / "m.onnx"
    if content is not None:
        path.write_bytes(content)
    assert input_uses(path) == {}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(st.data())
def test_broken_models_say_what_they_may(tmp_path, data):
    nodes = [node("Equal", ["rate", "k"], "e"), steered_by("e")]
    path = save(tmp_path / "m.onnx", nodes, RATE, {"k": np.array(-7, "i8")})
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(1, len(content)))])
    assert isinstance(input_uses(path), dict)
