"""Shapes and profiles in real builds with TensorRT for RTX."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from pytest_trtperf.backend.tensorrt.build import build_plan
from pytest_trtperf.engine.shapes import parse_profiles
from pytest_trtperf.engine.spec import EngineSpec
from pytest_trtperf.errors import ShapeError
from tests.backend.tensorrt.specs import RANGE, RTX, spec_of

trt = pytest.importorskip("tensorrt_rtx")


def test_a_fixed_model_needs_no_shapes(fixed_model):
    assert len(build_plan(spec_of(fixed_model), RTX)) > 1000


def test_shapes_of_a_fixed_model_may_be_repeated(fixed_model):
    assert build_plan(spec_of(fixed_model, {"x": "2x4"}), RTX)


def test_a_dynamic_model_takes_a_range(dynamic_model):
    assert build_plan(spec_of(dynamic_model, RANGE), RTX)


def test_several_profiles_are_built_and_checked_one_by_one(dynamic_model):
    spec = EngineSpec(dynamic_model, parse_profiles([RANGE, {"x": "32x4"}]))
    assert build_plan(spec, RTX)
    with pytest.raises(ShapeError, match=r"dynamic\.onnx: profile 1: input 'x' has rank 2"):
        build_plan(EngineSpec(dynamic_model, parse_profiles([RANGE, {"x": "32"}])), RTX)


def test_an_input_that_is_a_shape_takes_values(tmp_path):
    onnx = pytest.importorskip("onnx")
    floats, ints = onnx.TensorProto.FLOAT, onnx.TensorProto.INT64
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Reshape", ["x", "s"], ["y"])],
        "graph",
        [
            onnx.helper.make_tensor_value_info("x", floats, ["n", 4]),
            onnx.helper.make_tensor_value_info("s", ints, [2]),
        ],
        [onnx.helper.make_tensor_value_info("y", floats, ["a", "b"])],
    )
    model = onnx.helper.make_model(
        graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8
    )
    onnx.save(model, tmp_path / "reshape.onnx")
    path = tmp_path / "reshape.onnx"

    assert build_plan(spec_of(path, {"x": "4x4", "s": "2x8"}), RTX)
    assert build_plan(spec_of(path, {"x": ("0x4", "4x4", "8x4"), "s": "-1x4"}), RTX)
    with pytest.raises(ShapeError, match="input 's' takes 2 values"):
        build_plan(spec_of(path, {"x": "4x4", "s": "2x8x1"}), RTX)
    with pytest.raises(ShapeError, match="input 's' is a shape tensor and has no values"):
        build_plan(spec_of(path, {"x": "4x4"}), RTX)


def test_dimensions_of_one_name_and_other_sizes_are_explained(tmp_path):
    onnx = pytest.importorskip("onnx")
    tensors = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 3, "size", "size"])
        for name in ("x", "y")
    ]
    node = onnx.helper.make_node("Relu", ["x"], ["y"])
    graph = onnx.helper.make_graph([node], "graph", tensors[:1], tensors[1:])
    opset = [onnx.helper.make_opsetid("", 17)]
    path = tmp_path / "square.onnx"
    onnx.save(onnx.helper.make_model(graph, ir_version=8, opset_imports=opset), path)
    assert build_plan(spec_of(path, {"x": ("1x3x8x8", "1x3x8x8", "1x3x9x9")}), RTX)
    with pytest.raises(
        ShapeError, match=r"square\.onnx: the file calls two dimensions 'size', whic"
    ):
        build_plan(spec_of(path, {"x": ("1x3x8x8", "1x3x8x9", "1x3x9x9")}), RTX)


@pytest.mark.parametrize(
    ("shapes", "complaint"),
    [
        (None, "input 'x' is dynamic and has no shape"),
        ({"x": "4"}, "input 'x' has rank 2, not 1"),
        ({"x": ("-1x4", "2x4", "2x4")}, "input 'x' has no dimension below 0, as in -1x4, 2x4, 2x4"),
        ({"x": "2x5"}, "input 'x' is fixed at 4 in dimension 1, not 2x5"),
        ({**RANGE, "X": "2x4"}, "there is no input 'X'"),
    ],
)
def test_shapes_that_do_not_fit_list_the_inputs(dynamic_model, shapes, complaint):
    with pytest.raises(ShapeError, match=complaint) as failure:
        build_plan(spec_of(dynamic_model, shapes), RTX)
    assert "dynamic.onnx" in str(failure.value)
    assert "The inputs are: 'x' float32 n x 4" in str(failure.value)
    remedy = 'Pass dims={"n": 8}, or shapes={"x": (8, 4)}, each a size or (min, opt, max)'
    assert (remedy in str(failure.value)) == (shapes is None)


def test_a_profile_that_is_refused_lists_the_inputs(dynamic_model, without):
    config = SimpleNamespace(add_optimization_profile=lambda _: -1)
    builder = type("Builder", (trt.Builder,), {"create_builder_config": lambda _: config})
    with pytest.raises(ShapeError, match="TensorRT refuses these shapes; The inputs are: 'x'"):
        build_plan(spec_of(dynamic_model, RANGE), without(Builder=builder))


def test_all_misfits_are_named_at_once(dynamic_model):
    with pytest.raises(ShapeError, match="no input 'z'; input 'x' has rank 2, not 1"):
        build_plan(spec_of(dynamic_model, {"z": "1", "x": "4"}), RTX)
