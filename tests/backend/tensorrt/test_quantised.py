"""Quantised models, in the patterns that ONNX Runtime's quantiser writes."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_trtperf.backend.tensorrt.build import build_plan
from pytest_trtperf.engine.spec import EngineSpec
from pytest_trtperf.errors import EngineBuildError

onnx = pytest.importorskip("onnx")
pytest.importorskip("tensorrt_rtx")

FLOAT = onnx.TensorProto.FLOAT
ZERO = np.int8(0)
NO_GPU = "what to do: this model is built for the GPU at hand, and there is none"


def quantised(path, *, zero=ZERO, weight=np.int8, bias=np.float32):
    """A `Gemm` with a pair of QuantizeLinear and DequantizeLinear around its inputs.

    Args:
        zero: point of the activations. weight, bias: their types.
    """
    node, array = onnx.helper.make_node, onnx.numpy_helper.from_array
    weights = {
        "scale": np.float32(0.1),
        "zero": zero,
        "w": np.ones((64, 32), weight),
        "w_zero": weight(0),
        "b": np.ones(32, bias),
    }
    nodes = [
        node("QuantizeLinear", ["x", "scale", "zero"], ["xq"]),
        node("DequantizeLinear", ["xq", "scale", "zero"], ["xd"]),
        node("DequantizeLinear", ["w", "scale", "w_zero"], ["wd"]),
        node("DequantizeLinear", ["b", "scale"], ["bd"]),
        node("Gemm", ["xd", "wd", "b" if bias is np.float32 else "bd"], ["y"]),
    ]
    graph = onnx.helper.make_graph(
        [one for one in nodes if bias is np.int32 or one.output[0] != "bd"],
        "graph",
        [onnx.helper.make_tensor_value_info("x", FLOAT, [4, 64])],
        [onnx.helper.make_tensor_value_info("y", FLOAT, [4, 32])],
        [array(np.asarray(value), name) for name, value in weights.items()],
    )
    opsets = [onnx.helper.make_opsetid("", 17)]
    onnx.save(onnx.helper.make_model(graph, ir_version=8, opset_imports=opsets), path)
    return EngineSpec(path)


def test_what_the_advice_leads_to_builds_or_lacks_a_gpu_alone(tmp_path):
    try:
        assert build_plan(quantised(tmp_path / "int8.onnx"), "tensorrt-rtx")
    except EngineBuildError as error:
        advice = [line for line in str(error).splitlines() if "what to do: " in line]
        assert len(advice) == 1
        assert NO_GPU in advice[0]


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ({"bias": np.int32}, "input has type Int32 but must have type"),
        ({"zero": np.int8(3)}, "Non-zero zero point is not supported"),
        ({"zero": np.uint8(128)}, "Non-zero zero point is not supported"),
        ({"weight": np.uint8}, "unsupported input type of UINT8"),
    ],
)
def test_other_patterns_are_refused_with_the_options_of_the_quantiser(tmp_path, pattern, said):
    with pytest.raises(EngineBuildError) as refused:
        build_plan(quantised(tmp_path / "model.onnx", **pattern), "tensorrt-rtx")
    message = str(refused.value)
    assert said in message
    *_, last = message.splitlines()
    assert "what to do: quantise to what TensorRT takes: quantize_static(" in last
    for option in ("QuantFormat.QDQ", "QuantType.QInt8", "'QuantizeBias': False"):
        assert option in last
