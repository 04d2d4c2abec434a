"""A few models of onnx's own backend tests; `benchmarks/onnx_tests/` has all of them."""

from __future__ import annotations

import importlib
import warnings

import numpy as np
import pytest

from pytest_trtperf.analysis.closeness import describe_difference
from pytest_trtperf.backend.onnxruntime.engine import OnnxRuntimeEngine
from pytest_trtperf.backend.session import Mode
from pytest_trtperf.backend.tensorrt.build import build_plan
from pytest_trtperf.backend.trace import Extent
from pytest_trtperf.engine.spec import EngineSpec

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

# Inputs of one kind and of several, scalars, whole numbers, truth values, shapes that depend on
# values, several outputs, weights as inputs.
NAMES = {
    "add": ["test_add", "test_add_bcast"],
    "argmax": ["test_argmax_no_keepdims_example"],
    "equal": ["test_equal"],
    "conv": ["test_basic_conv_with_padding"],
    "gather": ["test_gather_0"],
    "gemm": ["test_gemm_all_attributes"],
    "greater": ["test_greater"],
    "nonzero": ["test_nonzero_example"],
    "reshape": ["test_reshape_reordered_all_dims"],
    "sigmoid": ["test_sigmoid"],
    "softmax": ["test_softmax_axis_1"],
    "topk": ["test_top_k"],
    "where": ["test_where_example"],
}
BUILT = ["test_add", "test_basic_conv_with_padding", "test_gather_0", "test_softmax_axis_1"]


@pytest.fixture(scope="module")
def cases():
    node = importlib.import_module("onnx.backend.test.case.node")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for module in NAMES:
            importlib.import_module(f"onnx.backend.test.case.node.{module}")
    return {case.name: case for case in node._NodeTestCases}


@pytest.fixture
def spec(cases, tmp_path, name):
    path = tmp_path / "model.onnx"
    path.write_bytes(cases[name].model.SerializeToString())
    return EngineSpec(path)


@pytest.mark.parametrize("name", [name for names in NAMES.values() for name in names])
def test_one_query_returns_what_is_stored(cases, spec, name):
    case = cases[name]
    assert len(spec.describe("onnxruntime", "1", None).key) == 64
    engine = OnnxRuntimeEngine(spec.onnx, spec.profile)
    ((inputs, outputs),) = case.data_sets
    given = {
        value.name: np.asarray(array)
        for value, array in zip(case.model.graph.input, inputs, strict=True)
    }
    session = engine.create_session({}, Mode(), given)
    try:
        assert session.run_closed(Extent(0, 1, 1)).queries == 1
        returned = session.output_values()
    finally:
        session.close()
    for array, expected in zip(returned.values(), outputs, strict=True):
        assert array.dtype == expected.dtype
        assert array.shape == expected.shape
        assert describe_difference(array, expected, case.rtol, case.atol) is None


@pytest.mark.parametrize("name", BUILT)
def test_plan_is_built_without_a_gpu(spec, name):
    pytest.importorskip("tensorrt_rtx")
    assert build_plan(spec, "tensorrt-rtx")
