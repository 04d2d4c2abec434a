"""What a GPU returns, against ONNX Runtime."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pytest_trtperf.backend.probe import Probe
from pytest_trtperf.backend.process.engine import IsolatedEngine
from pytest_trtperf.backend.session import Mode
from pytest_trtperf.backend.tensorrt.build import build_plan
from pytest_trtperf.backend.tensorrt.isolated import isolated_engine
from pytest_trtperf.backend.trace import Extent
from pytest_trtperf.engine.shapes import parse_profiles
from pytest_trtperf.engine.spec import EngineSpec
from pytest_trtperf.errors import AccuracyAssertionError, EngineBuildError
from pytest_trtperf.fixtures.accuracy import Side, assert_close, reference_of

SHAPES = {"x": (8, 64)}
# From one type through an operator to another.
OPERATORS = [
    ("FLOAT", "Mul", "FLOAT"),
    ("FLOAT16", "Mul", "FLOAT16"),
    ("BFLOAT16", "Mul", "BFLOAT16"),
    ("INT32", "Add", "INT32"),
    ("INT64", "Mul", "INT64"),
    ("BOOL", "And", "BOOL"),
    ("UINT8", "Cast", "FLOAT"),
    ("BOOL", "Cast", "UINT8"),
    ("INT32", "Cast", "INT8"),
    ("INT8", "Cast", "FLOAT"),
    ("FLOAT", "NonZero", "INT64"),
]


@pytest.fixture
def isolated(probe: Probe, plan: bytes) -> Iterator[IsolatedEngine]:
    pytest.importorskip("onnxruntime")
    engine = isolated_engine(probe.backend, plan)
    yield engine
    engine.close()


def write(path: Path, kind: str, operator: str, returned: str) -> Path:
    """`x` through the operator, or `x` with itself where it takes two."""
    onnx = pytest.importorskip("onnx")
    helper, types = onnx.helper, onnx.TensorProto
    if operator == "Cast":
        node = helper.make_node(operator, ["x"], ["y"], to=getattr(types, returned))
    else:
        node = helper.make_node(operator, ["x"] if operator == "NonZero" else ["x", "x"], ["y"])
    graph = helper.make_graph(
        [node],
        "graph",
        [helper.make_tensor_value_info("x", getattr(types, kind), [4, 6])],
        [helper.make_tensor_value_info("y", getattr(types, returned), None)],
    )
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    return path


@pytest.mark.parametrize("seed", [0, 5])
def test_outputs_are_those_of_onnx_runtime(
    isolated: IsolatedEngine, model: Path, seed: int
) -> None:
    ours, reference = Side("chain", isolated), reference_of(model, "onnxruntime")
    assert_close(ours, reference, shapes=SHAPES, seed=seed)
    given = {"x": np.linspace(-1, 1, 64, dtype=np.float32).reshape(1, 64)}
    assert_close(ours, reference, inputs=given)


def test_another_model_differs(isolated: IsolatedEngine, model: Path, tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    wrong = onnx.load(model)
    (weight,) = wrong.graph.initializer
    values = onnx.numpy_helper.to_array(weight).T
    weight.CopyFrom(onnx.numpy_helper.from_array(np.ascontiguousarray(values), weight.name))
    onnx.save(wrong, tmp_path / "wrong.onnx")
    reference = reference_of(model, tmp_path / "wrong.onnx")
    with pytest.raises(AccuracyAssertionError, match=r"output 'y' float32 8x64: \d+ of 512 values"):
        assert_close(Side("chain", isolated), reference, shapes=SHAPES)


@pytest.mark.parametrize(("kind", "operator", "returned"), OPERATORS)
def test_each_type(probe: Probe, kind: str, operator: str, returned: str, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    path = write(tmp_path / "model.onnx", kind, operator, returned)
    single = write(tmp_path / "single.onnx", "FLOAT", "Mul", "FLOAT")
    try:
        plan = build_plan(EngineSpec(path), probe.backend)
    except EngineBuildError as error:
        pytest.skip(f"this TensorRT builds no such engine: {error}")
    engine = isolated_engine(probe.backend, plan)
    try:
        # ONNX Runtime multiplies no bfloat16 on the CPU.
        reference = reference_of(path, single if kind == "BFLOAT16" else "onnxruntime")
        assert_close(Side(path.name, engine), reference)
    finally:
        engine.close()


@pytest.mark.parametrize(
    "mode",
    [Mode(), Mode(cuda_graph=True), Mode(transfers=False), Mode(streams=2, concurrency=1)],
    ids=str,
)
def test_outputs_after_a_load_are_those_of_the_first_query(
    isolated: IsolatedEngine, mode: Mode
) -> None:
    session = isolated.create_session(SHAPES, mode)
    try:
        before = session.output_values()["y"]
        session.run_closed(Extent(0, 20, 20))
        np.testing.assert_array_equal(session.output_values()["y"], before)
    finally:
        session.close()
    assert before.any()


def test_range_of_shapes_is_compared_shape_by_shape(
    probe: Probe, model: Path, isolated: IsolatedEngine
) -> None:
    again = build_plan(
        EngineSpec(model, parse_profiles({"x": ("1x64", "1x64", "32x64")})), probe.backend
    )
    other = isolated_engine(probe.backend, again)
    try:
        for batch in (1, 7, 32):
            how = {"x": (batch, 64)}
            assert_close(Side("one", isolated), Side("other", other), shapes=how)
    finally:
        other.close()
