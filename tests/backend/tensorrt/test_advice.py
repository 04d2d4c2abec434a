"""What a refused model is refused with: TensorRT's own messages, and what to do about them."""

from __future__ import annotations

import re

import numpy as np
import pytest

from pytest_trtperf.backend.tensorrt.advice import advised
from pytest_trtperf.backend.tensorrt.build import build_plan
from pytest_trtperf.engine.shapes import parse_profiles
from pytest_trtperf.engine.spec import EngineSpec
from pytest_trtperf.errors import EngineBuildError, ShapeError

onnx = pytest.importorskip("onnx")
pytest.importorskip("tensorrt_rtx")

node, FLOAT, INT64 = onnx.helper.make_node, onnx.TensorProto.FLOAT, onnx.TensorProto.INT64
BOOL, TEXT = onnx.TensorProto.BOOL, onnx.TensorProto.STRING


def graph(nodes, inputs, outputs, weights=(), name="graph"):
    infos = [
        [onnx.helper.make_tensor_value_info(one, *kind) for one, kind in of.items()]
        for of in (inputs, outputs)
    ]
    return onnx.helper.make_graph(nodes, name, *infos, list(weights))


def refusal(path, model, opset=17, shapes=None):
    """The message of a build that fails."""
    opsets = [onnx.helper.make_opsetid("", opset)]
    onnx.save(onnx.helper.make_model(model, ir_version=8, opset_imports=opsets), path)
    profiles = parse_profiles(shapes) if shapes else ()
    with pytest.raises((EngineBuildError, ShapeError)) as refused:
        build_plan(EngineSpec(path, profiles), "tensorrt-rtx")
    return str(refused.value)


def branch(nodes, output):
    return graph(nodes, {}, {output: (FLOAT, None)}, name=output)


AXES = onnx.numpy_helper.from_array(np.array([0]), "axes")
YES = onnx.numpy_helper.from_array(np.array(True), "yes")
ONE = onnx.numpy_helper.from_array(np.array([1]), "one")


def unlike_branches():
    then = branch([node("Squeeze", ["x", "axes"], ["s"])], "s")
    other = branch([node("Identity", ["x"], ["i"])], "i")
    nodes = [node("If", ["c"], ["y"], then_branch=then, else_branch=other)]
    return graph(nodes, {"c": (BOOL, []), "x": (FLOAT, [1, 2])}, {"y": (FLOAT, None)}, [AXES])


def growing_loop():
    body = graph(
        [node("Identity", ["on"], ["still"]), node("Concat", ["v", "x"], ["w"], axis=0)],
        {"turn": (INT64, []), "on": (BOOL, []), "v": (FLOAT, [None])},
        {"still": (BOOL, []), "w": (FLOAT, [None])},
        name="body",
    )
    nodes = [node("Loop", ["m", "yes", "x"], ["y"], body=body)]
    return graph(nodes, {"m": (INT64, []), "x": (FLOAT, [2])}, {"y": (FLOAT, [None])}, [YES])


def squeeze_without_axes():
    nodes = [node("Squeeze", ["x"], ["y"])]
    return graph(nodes, {"x": (FLOAT, ["n", 1])}, {"y": (FLOAT, None)})


def text():
    nodes = [node("StringNormalizer", ["x"], ["y"])]
    return graph(nodes, {"x": (TEXT, [2])}, {"y": (TEXT, None)})


def first_of_the_rest():
    """The second element of what is left behind the first."""
    begin, end = (
        onnx.numpy_helper.from_array(np.array([number]), name)
        for name, number in (("begin", 1), ("end", 9))
    )
    nodes = [
        node("Slice", ["x", "begin", "end"], ["rest"]),
        node("Gather", ["rest", "one"], ["y"]),
    ]
    inputs = {"x": (FLOAT, ["n"])}
    return graph(nodes, inputs, {"y": (FLOAT, [1])}, [begin, end, ONE])


def old_broadcast():
    weight = onnx.numpy_helper.from_array(np.ones(2, np.float32), "w")
    nodes = [node("Add", ["x", "w"], ["y"], axis=0, broadcast=1)]
    return graph(nodes, {"x": (FLOAT, [2, 2])}, {"y": (FLOAT, [2, 2])}, [weight])


@pytest.mark.parametrize(
    ("model", "more", "advice"),
    [
        (unlike_branches, {}, "both branches of an If have to return tensors of one rank"),
        (growing_loop, {}, "what a Loop carries has to keep its shape"),
        (squeeze_without_axes, {"shapes": {"x": (2, 1)}}, "write the sizes that production runs"),
        (text, {}, "--trtperf-backend=onnxruntime measures the model as it is on the CPU"),
        (first_of_the_rest, {"shapes": {"x": (1,)}}, "give sizes that the model is used with"),
        (old_broadcast, {"opset": 6}, r"convert_version\(model, 17\)"),
    ],
)
def test_a_refusal_ends_with_what_to_do(tmp_path, model, more, advice):
    *_, last = refusal(tmp_path / "model.onnx", model(), **more).splitlines()
    assert last.startswith("  what to do: ")
    assert re.search(advice, last)


def test_values_that_decide_sizes_are_asked_for(tmp_path):
    nodes = [node("Reshape", ["x", "to"], ["y"])]
    model = graph(nodes, {"x": (FLOAT, [6]), "to": (INT64, [2])}, {"y": (FLOAT, None)})
    message = refusal(tmp_path / "model.onnx", model)
    assert "The values of 'to' decide sizes: give them in place of its shape" in message


def test_what_is_not_known_is_followed_by_what_can_be_tried():
    said = ["node 3 'x' (Y): Assertion failed: something new"]
    *same, advice = advised(said)
    assert same == said
    assert "--trtperf-build-log=verbose" in advice


def test_a_known_reason_is_not_drowned_by_operators():
    """A quantiser's operators are among those that TensorRT lacks, and the remedy is another."""
    (_, _, advice) = advised(
        [
            "node 1 'a' (DynamicQuantizeLinear): not supported by this TensorRT",
            "node 3 'b' (ConvInteger): not supported by this TensorRT",
        ]
    )
    assert "quantize_static(" in advice
