"""What TensorRT for RTX builds of the files that ONNX Runtime's quantiser writes.

A matrix product and a convolution, each with a bias, are quantised in the ways that the options of
`onnxruntime.quantization` allow, and built; no GPU is needed, but see `needs GPU`. Appends a JSON
line a file.

    python -m benchmarks.quantised.quantised RESULTS
"""

from __future__ import annotations

import argparse
import itertools
import json
import logging
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_dynamic,
    quantize_static,
)

from pytest_trtperf.backend.registry import builtin_backends, usable_backend
from pytest_trtperf.backend.tensorrt.isolated import isolated_plan
from pytest_trtperf.engine.spec import EngineSpec
from pytest_trtperf.errors import EngineBuildError, ShapeError

BACKEND = "tensorrt-rtx"
NETWORKS: Mapping[str, Any] = {
    "Gemm": ((4, 64), {"m": (64, 32), "c": (32,)}, {}),
    "MatMul": ((4, 64), {"m": (64, 32)}, {}),
    "Conv": ((4, 16, 16, 16), {"w": (32, 16, 3, 3), "b": (32,)}, {"pads": [1, 1, 1, 1]}),
}
"""By operator: the shape of its input, its weights and its attributes."""

_KINDS = {
    "u8": QuantType.QUInt8, "s8": QuantType.QInt8, "u16": QuantType.QUInt16,
    "s16": QuantType.QInt16, "f8": QuantType.QFLOAT8E4M3FN,
}  # fmt: skip
_NEEDS_GPU = "there is none: build it where there is one"


class Samples(CalibrationDataReader):  # type: ignore[misc]
    """A few inputs of a shape."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        values = np.random.default_rng(0).standard_normal((4, *shape)).astype(np.float32)
        self._rest = iter({"x": value} for value in values)

    def get_next(self) -> dict[str, np.ndarray] | None:
        """The next one."""
        return next(self._rest, None)


def main() -> int:
    """Prints and keeps what became of each file."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("results", type=Path)
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    probe = usable_backend([BACKEND], builtin_backends(), only_builds=True).probe
    about = {
        "tensorrt-rtx": probe.version, "onnxruntime": onnxruntime.__version__,
        "gpu": probe.gpus[0].name if probe.gpus else None,
    }  # fmt: skip
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder, arguments.results.open("a") as file:
        for operator, way in itertools.product(NETWORKS, ways()):
            row = {**about, "operator": operator, **way, **tried(Path(folder), operator, way)}
            file.write(f"{json.dumps(row)}\n")
            counts[row["outcome"]] += 1
            print(operator, *way.values(), row["outcome"], row["said"].count("\n"), flush=True)
    print(", ".join(f"{count} {outcome}" for outcome, count in counts.items()))
    return 0


def ways() -> Iterator[dict[str, Any]]:
    """The options of each file; None where a form has no such option."""
    names = ("form", "activation", "weight", "per_channel", "symmetric", "bias")
    yield from (dict(zip(names, way, strict=True)) for way in _ways())


def _ways() -> Iterator[tuple[Any, ...]]:
    yesno = (False, True)
    pairs = (("u8", "u8"), ("u8", "s8"), ("s8", "s8"))
    for pair, per_channel, symmetric, bias in itertools.product(pairs, yesno, yesno, yesno):
        yield "QDQ", *pair, per_channel, symmetric, bias
    for pair in (("s16", "s8"), ("u16", "u8"), ("f8", "f8")):
        yield "QDQ", *pair, False, True, False
    for pair, per_channel, symmetric in itertools.product(pairs, yesno, yesno):
        yield "QOperator", *pair, per_channel, symmetric, None
    for weight, per_channel in itertools.product(("u8", "s8"), yesno):
        yield "dynamic", "u8", weight, per_channel, None, None
    for per_channel in yesno:
        yield "weights", None, "s8", per_channel, True, None
    for form, symmetric in itertools.product(("4 bit QDQ", "4 bit QOperator"), yesno):
        yield form, None, "4 bit", None, symmetric, None


def network(operator: str) -> onnx.ModelProto:
    """One operator."""
    shape, weights, attributes = NETWORKS[operator]
    draw = np.random.default_rng(1).standard_normal
    node = helper.make_node(operator, ["x", *weights], ["y"], operator.lower(), **attributes)
    graph = helper.make_graph(
        [node], "network",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(draw(size).astype(np.float32), name)
         for name, size in weights.items()],
    )  # fmt: skip
    return helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 21)])


def tried(folder: Path, operator: str, way: Mapping[str, Any]) -> dict[str, Any]:
    """Whether it builds, or the message of the refusal."""
    path, start = folder / "quantised.onnx", time.perf_counter()
    path.unlink(missing_ok=True)
    try:
        quantise(operator, path, way)
    except Exception as error:  # noqa: BLE001  # onnxruntime's exceptions share no base class
        return {"outcome": "not quantised", "said": f"{type(error).__name__}: {error}"}
    if way["form"] != "QDQ" and not _is_quantised(path):
        return {"outcome": "not quantised", "said": "the quantiser leaves this operator as it is"}
    try:
        isolated_plan(EngineSpec(path), BACKEND)
        found = {"outcome": "built", "said": ""}
    except (EngineBuildError, ShapeError) as error:
        said = str(error).replace(str(path), path.name)
        outcome = "needs GPU" if _NEEDS_GPU in said else "refused"
        found = {"outcome": outcome, "said": said}
    return {**found, "seconds": round(time.perf_counter() - start, 2)}


def _is_quantised(path: Path) -> bool:
    return any(node.op_type not in NETWORKS for node in onnx.load(path).graph.node)


def quantise(operator: str, path: Path, way: Mapping[str, Any]) -> None:
    """Writes the quantised file, with the options of `ways`."""
    form, model = way["form"], network(operator)
    if form.startswith("4 bit"):
        # It takes onnx-ir and sympy, which nothing else here does.
        from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

        quantiser = MatMulNBitsQuantizer(
            model, block_size=32, is_symmetric=way["symmetric"],
            quant_format=QuantFormat[form.removeprefix("4 bit ")],
        )  # fmt: skip
        quantiser.process()
        quantiser.model.save_model_to_file(str(path))
        return
    if form == "weights":
        onnx.save(with_dequantised_weights(model, operator, per_channel=way["per_channel"]), path)
        return
    source = path.with_name("float.onnx")
    onnx.save(model, source)
    common = {"weight_type": _KINDS[way["weight"]], "per_channel": way["per_channel"]}
    if form == "dynamic":
        quantize_dynamic(source, path, **common)
        return
    is_f8 = way["activation"] == "f8"
    method = CalibrationMethod.Distribution if is_f8 else CalibrationMethod.MinMax
    quantize_static(
        source, path, Samples(NETWORKS[operator][0]), calibrate_method=method,
        quant_format=QuantFormat[form],
        activation_type=_KINDS[way["activation"]],
        extra_options={"ActivationSymmetric": way["symmetric"],
                       "QuantizeBias": way["bias"] is not False},
        **common,
    )  # fmt: skip


def with_dequantised_weights(
    model: onnx.ModelProto, operator: str, *, per_channel: bool
) -> onnx.ModelProto:
    """The network with int8 weights that are dequantised before use, and floats for the rest."""
    graph = model.graph
    weight = next(one for one in graph.initializer if len(one.dims) > 1)
    values, name = numpy_helper.to_array(weight), weight.name
    axis = 0 if operator == "Conv" else 1
    others = tuple(one for one in range(values.ndim) if one != axis or not per_channel)
    scale = np.abs(values).max(axis=others, keepdims=True) / 127
    graph.initializer.remove(weight)
    graph.initializer.extend(
        [
            numpy_helper.from_array(np.round(values / scale).astype(np.int8), f"{name}_q"),
            numpy_helper.from_array(scale.reshape(-1) if per_channel else scale.reshape(()), "s"),
        ]
    )
    attributes = {"axis": axis} if per_channel else {}
    node = helper.make_node("DequantizeLinear", [f"{name}_q", "s"], [name], **attributes)
    graph.node.insert(0, node)
    return model


if __name__ == "__main__":
    sys.exit(main())
