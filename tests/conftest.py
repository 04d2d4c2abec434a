"""What all tests share: an environment without the plugin's variables, and small models."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pytest_trtperf.settings import Settings

pytest_plugins = ["pytester"]

WriteModel = Callable[..., Path]


@pytest.fixture(scope="session", autouse=True)
def _plain_environment() -> Iterator[None]:
    """The caller's TRTPERF_* variables configure this run, and none of the runs inside it."""
    with pytest.MonkeyPatch.context() as patch:
        for name in Settings.__dataclass_fields__:
            patch.delenv(f"TRTPERF_{name.upper()}", raising=False)
        patch.delenv("TRTPERF", raising=False)
        yield


@pytest.fixture(scope="session")
def write_model() -> WriteModel:
    """Writes `y = tanh(tanh(x @ w) @ w)…`: layers share one weight, the batch is dynamic."""
    onnx = pytest.importorskip("onnx")
    import numpy as np

    def write(path: Path, layers: int = 1, width: int = 256, batch: int | str = "n") -> Path:
        helper, kind = onnx.helper, onnx.TensorProto.FLOAT
        values = np.random.default_rng(7).normal(0, width**-0.5, (width, width))
        nodes = []
        for layer in range(layers):
            source = f"h{layer}" if layer else "x"
            target = f"h{layer + 1}" if layer + 1 < layers else "y"
            nodes.append(helper.make_node("MatMul", [source, "w"], [f"m{layer}"]))
            nodes.append(helper.make_node("Tanh", [f"m{layer}"], [target]))
        graph = helper.make_graph(
            nodes,
            "chain",
            [helper.make_tensor_value_info("x", kind, [batch, width])],
            [helper.make_tensor_value_info("y", kind, [batch, width])],
            [onnx.numpy_helper.from_array(values.astype(np.float32), "w")],
        )
        opset = [helper.make_opsetid("", 17)]
        onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
        return path

    return write
