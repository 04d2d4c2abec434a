"""Sessions of ONNX Runtime on real models."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_trtperf.errors import EngineBuildError, MeasurementError, ShapeError
from pytest_trtperf.runtime.onnx_runtime import OnnxRuntimeEngine
from pytest_trtperf.runtime.session import Mode

pytest.importorskip("onnxruntime")


@pytest.fixture
def engine(tmp_path, write_model):
    return OnnxRuntimeEngine(write_model(tmp_path / "model.onnx"))


def test_inputs_and_outputs_are_told(engine):
    (given,), (returned,) = engine.inputs, engine.outputs
    assert (given.name, given.shape, given.dtype) == ("x", (None, 256), "float32")
    assert (returned.name, returned.shape, returned.dtype) == ("y", (None, 256), "float32")


def test_session_runs_with_concrete_shapes(engine):
    session = engine.create_session({"x": (3, 256)}, Mode(seed=5))
    session.queries[0]()
    assert session.cold_start_ms > 0
    assert session.shapes == {"x": (3, 256)}
    assert session.mode["seed"] == 5
    session.close()


@pytest.mark.parametrize("shape", [(3, 255), (3,), (3, 256, 1), ()])
def test_shape_that_does_not_fit_lists_the_inputs(engine, shape):
    with pytest.raises(ShapeError, match=r"does not fit input 'x'.*the inputs are 'x'.*\?x256"):
        engine.create_session({"x": shape}, Mode())


def test_unknown_name_lists_the_inputs(engine):
    with pytest.raises(ShapeError, match=r"no input named a, b; the inputs are 'x'"):
        engine.create_session({"x": (1, 256), "b": (1,), "a": (1,)}, Mode())


def test_dynamic_input_needs_a_shape(engine):
    with pytest.raises(ShapeError, match=r"'x' is dynamic: pass shapes="):
        engine.create_session({}, Mode())


def test_static_input_needs_none(tmp_path, write_model):
    engine = OnnxRuntimeEngine(write_model(tmp_path / "model.onnx", batch=4))
    assert engine.create_session({}, Mode()).shapes == {"x": (4, 256)}


def test_file_that_is_no_model(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(b"no model")
    with pytest.raises(EngineBuildError, match=r"model\.onnx: ONNX Runtime cannot load"):
        OnnxRuntimeEngine(path)


def test_model_that_fails_on_its_inputs(tmp_path):
    onnx = pytest.importorskip("onnx")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["a", "b"], ["c"])],
        "product",
        [helper.make_tensor_value_info(name, kind, ["i", "j"]) for name in ("a", "b")],
        [helper.make_tensor_value_info("c", kind, ["i", "j"])],
    )
    path = tmp_path / "product.onnx"
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    with pytest.raises(MeasurementError, match="cannot run the model"):
        OnnxRuntimeEngine(path).create_session({"a": (2, 3), "b": (2, 3)}, Mode())


@pytest.mark.parametrize("dtype", ["float16", "float64", "int8", "int32", "int64", "uint8", "bool"])
def test_types_that_can_be_fed(tmp_path, dtype):
    onnx = pytest.importorskip("onnx")
    helper = onnx.helper
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    graph = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["y"])],
        "copy",
        [helper.make_tensor_value_info("x", kind, [2, 3])],
        [helper.make_tensor_value_info("y", kind, [2, 3])],
    )
    path = tmp_path / "copy.onnx"
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    engine = OnnxRuntimeEngine(path)
    assert engine.inputs[0].dtype == dtype
    assert engine.create_session({}, Mode()).cold_start_ms > 0
