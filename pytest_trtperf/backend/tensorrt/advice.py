"""What to do about a model that TensorRT refuses, by what it says."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

_PAGE = "docs/engines.md"
_QUANTISED = (
    "quantise to what TensorRT takes: quantize_static(…, quant_format=QuantFormat.QDQ, "
    "activation_type=QuantType.QInt8, weight_type=QuantType.QInt8, extra_options="
    "{'ActivationSymmetric': True, 'QuantizeBias': False}), or measure the float file "
    f"({_PAGE}, Quantised files)"
)
_FIXED = (
    "write the sizes that production runs, and what follows from them, into the file "
    f"({_PAGE}, Fixed sizes)"
)
_ON_CPU = "--trtperf-backend=onnxruntime measures the model as it is on the CPU"

# What TensorRT says, in lower case -> what to do about it.
_KNOWN: Mapping[str, str] = {
    "out of ?memory": "free device memory (nvidia-smi shows who uses it), give the build less with "
    "memory_pool_limit_mib={'workspace': …}, or build for smaller shapes",
    "(insufficient|within) workspace": "give more with memory_pool_limit_mib={'workspace': …}",
    "generateforcurrent": "this model is built for the GPU at hand, and there is none: build it "
    "where there is one",
    "libnvinfer_lean": "a version compatible plan takes in the lean runtime: install it beside "
    "TensorRT, or add exclude_lean_runtime=True",
    # Seen without a GPU alone; whether one helps is not known.
    r"cudnn_impl\.cpp.*myelintypefp8": "an int8 convolution: try the build where there is a GPU, "
    "or quantise the rest alone, op_types_to_quantize=['Gemm', 'MatMul']",
    r"non-zero zero point|unsupported input type of uint8|input has type int32 but must have"
    r"|\((dynamicquantize\w+|convinteger|matmulinteger|qlinear\w+|qgemm)\)": _QUANTISED,
    "quantized constant": "int8 weights are not followed by DequantizeLinear (by Cast and Mul, for "
    f"instance): write them with it ({_PAGE}, Quantised files), or measure the float file",
    "cannot be quantized by": "put a pair of QuantizeLinear and DequantizeLinear around each "
    f"quantised operator, as QuantFormat.QDQ does ({_PAGE}, Quantised files)",
    r"failed to import initializer(?!.*write a length of)": "weights or zero points are of a type "
    "that TensorRT lacks: quantise to int8, or to 4 bits with QuantFormat.QDQ and "
    f"is_symmetric=True ({_PAGE}, Quantised files)",
    "input tensor a must be fp16": "convert what is not quantised to float16, or write the 4 bits "
    f"with QuantFormat.QDQ and is_symmetric=True ({_PAGE}, Quantised files)",
    "write a length of": "the external data of the model has to have lengths, see above",
    r"no type for (string|sequence|optional|map)": "TensorRT takes numbers alone: export the part "
    f"of the model after text and lists; {_ON_CPU}",
    r"no type for (u?int|float|complex|type)": "export inputs, outputs and weights as float32, "
    "float16, int32, int64, int8 or bool",
    r"from a dynamic shape|must be an initializer|is_weights\(\)|as an initializer": (
        f"TensorRT has to know this when it builds, and the graph computes it: {_FIXED}"
    ),
    r"graphscope\.cpp": "TensorRT failed in the body of an If or a Loop: "
    f"{_FIXED}, which removes an If that sizes decide; or export the model without it",
    "inputs with equal ranks": "both branches of an If have to return tensors of one rank: reshape "
    f"them to one, or, where sizes decide the branch, {_FIXED}",
    "irecurrencelayer": "what a Loop carries has to keep its shape: give it its largest size from "
    "the first turn, and keep the count of what is used beside it",
    "empty tensor|from an empty axis": "with these sizes a tensor inside of the model is empty: "
    "give sizes that the model is used with, in shapes= or dims= of trt_engine",
    "reshape changes volume|shape error": "these sizes of inputs may not fit the model: give those "
    "that it is used with, in shapes= or dims= of trt_engine (a batch of 1, for one sample)",
    "pre-opset|opset version": "convert the model to a newer opset: "
    "onnx.version_converter.convert_version(model, 17)",
    "cannot be parsed|modelproto|failed to parse": "the file is damaged, or no ONNX model: export "
    "it again, or fetch it again",
    "no runners that implement it": "TensorRT has no kernel for this operator: try the build where "
    "there is a GPU, if there is none here, or leave the operator out of the file and compute it "
    f"afterwards; {_ON_CPU}",
}
_LACKING = r"not supported by this tensorrt|op type \w+ is not supported|no importer registered"
_WITHOUT_OPERATORS = (
    "TensorRT lacks these operators: export the model without them (another opset, or pre- and "
    "post-processing outside), give a library that has them with plugins=[…], or measure it where "
    f"it runs: {_ON_CPU}"
)
_OTHERWISE = (
    f"nothing more is known of this here: try the file with fixed sizes ({_PAGE}, Fixed sizes), or "
    "run again with --trtperf-build-log=verbose, whose log ends where it failed"
)


def advised(said: Sequence[str]) -> list[str]:
    """The messages, and below them what to do.

    Args:
        said: what TensorRT says of the model.
    """
    text = "\n".join(said).lower()
    known = [what for sign, what in _KNOWN.items() if re.search(sign, text, re.DOTALL)]
    if not known:
        known = [_WITHOUT_OPERATORS if re.search(_LACKING, text) else _OTHERWISE]
    return [*said, *(f"what to do: {what}" for what in known)]
