"""Write the ONNX models of this project, from fixed seeds.

    python models.py                         all models, into ./models
    python models.py --slower conv 0.10      the convolutional net with 10 % more layers
    python models.py                         the normal models again

All layers of a model use the same weights, so the files stay small while the GPU has real work.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import checker, helper, numpy_helper

OPSET = 17
IR_VERSION = 8

CONV_LAYERS = 40
CHANNELS = 64
IMAGE = (3, 32, 32)

TRANSFORMER_LAYERS = 20
WIDTH = 64
HEADS = 4
HIDDEN = 256
TOKENS = 64

Array = NDArray[Any]


class Graph:
    """An ONNX graph under construction: nodes in order, each weight stored once.

    Args:
        seed: Seed of the weights.
        dtype: Of the weights, the input and the output.
    """

    def __init__(self, seed: int, dtype: type[np.floating[Any]] = np.float32) -> None:
        self._random, self._dtype = np.random.default_rng(seed), dtype
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def weight(self, name: str, *shape: int, std: float) -> str:
        """Add a random weight of standard deviation `std`; return its name."""
        bound = std * 3**0.5
        return self.constant(name, self._random.uniform(-bound, bound, shape).astype(self._dtype))

    def constant(self, name: str, value: Array) -> str:
        """Add `value` under `name`; return the name."""
        self._constants.append(numpy_helper.from_array(value, name))
        return name

    def node(self, op: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        """Add one node; return the name of its output, which is `name` where that is given."""
        output = name or f"{op.lower()}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(op, list(inputs), [output], name=output, **attributes))
        return output

    def model(
        self, name: str, source: tuple[str, list[int | str]], sink: tuple[str, list[int | str]]
    ) -> bytes:
        """Return the checked model as bytes; `source` and `sink` are its input and output."""
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(self._dtype))
        graph = helper.make_graph(
            self._nodes,
            name,
            [helper.make_tensor_value_info(source[0], kind, source[1])],
            [helper.make_tensor_value_info(sink[0], kind, sink[1])],
            self._constants,
        )
        model = helper.make_model(
            graph,
            producer_name="example_project",
            ir_version=IR_VERSION,
            opset_imports=[helper.make_opsetid("", OPSET)],
        )
        checker.check_model(model, full_check=True)
        return bytes(model.SerializeToString(deterministic=True))


def conv_net(layers: int = CONV_LAYERS, dtype: type[np.floating[Any]] = np.float32) -> bytes:
    """Build a residual convolutional net.

    `image` (batch, 3, 32, 32) goes through a stem and `layers` equal 3x3 convolutions of 64
    channels at 8x8 pixels, to `scores` (batch, 10). Residual branches are scaled down, so that
    values stay near one at any depth.
    """
    graph = Graph(seed=1, dtype=dtype)
    stem = graph.weight("stem.weight", CHANNELS, 3, 4, 4, std=0.2)
    kernel = graph.weight(
        "block.weight", CHANNELS, CHANNELS, 3, 3, std=0.05 / (CHANNELS * 9) ** 0.5
    )
    bias = graph.weight("block.bias", CHANNELS, std=0.01)
    head = graph.weight("head.weight", CHANNELS, 10, std=CHANNELS**-0.5)
    values = graph.node(
        "Relu", graph.node("Conv", "image", stem, kernel_shape=[4, 4], strides=[4, 4])
    )
    for layer in range(layers):
        branch = graph.node(
            "Conv",
            values,
            kernel,
            bias,
            name=f"block{layer}.conv",
            kernel_shape=[3, 3],
            pads=[1, 1, 1, 1],
        )
        values = graph.node("Relu", graph.node("Add", values, branch), name=f"block{layer}.out")
    pooled = graph.node("Flatten", graph.node("GlobalAveragePool", values))
    graph.node("MatMul", pooled, head, name="scores")
    return graph.model("conv_net", ("image", ["batch", *IMAGE]), ("scores", ["batch", 10]))


def conv_net_fp16(layers: int = CONV_LAYERS) -> bytes:
    """Build `conv_net` with the same weights in half precision."""
    return conv_net(layers, np.float16)


def transformer(layers: int = TRANSFORMER_LAYERS) -> bytes:
    """Build a transformer encoder.

    `tokens` (batch, 64, 64) go through `layers` equal pre-norm blocks (4 heads, hidden width 256)
    to `features` of the same shape. The norms keep each block's contribution near one.
    """
    graph = Graph(seed=2)
    one = graph.constant("norm.scale", np.ones(WIDTH, np.float32))
    zero = graph.constant("norm.bias", np.zeros(WIDTH, np.float32))
    projections = {
        part: graph.weight(f"attention.{part}", WIDTH, WIDTH, std=WIDTH**-0.5)
        for part in ("query", "key", "value", "out")
    }
    up = graph.weight("mlp.up", WIDTH, HIDDEN, std=WIDTH**-0.5)
    down = graph.weight("mlp.down", HIDDEN, WIDTH, std=HIDDEN**-0.5)
    split = graph.constant("heads.split", np.array([0, 0, HEADS, WIDTH // HEADS], np.int64))
    merge = graph.constant("heads.merge", np.array([0, 0, WIDTH], np.int64))
    scale = graph.constant("attention.scale", np.array((WIDTH // HEADS) ** -0.5, np.float32))

    def heads(values: str, part: str, perm: list[int]) -> str:
        projected = graph.node("MatMul", values, projections[part])
        return graph.node("Transpose", graph.node("Reshape", projected, split), perm=perm)

    def norm(values: str, name: str = "") -> str:
        return graph.node("LayerNormalization", values, one, zero, name=name, axis=-1)

    values = "tokens"
    for layer in range(layers):
        normed = norm(values)
        query = graph.node("Mul", heads(normed, "query", [0, 2, 1, 3]), scale)
        key = heads(normed, "key", [0, 2, 3, 1])
        attention = graph.node("Softmax", graph.node("MatMul", query, key), axis=-1)
        context = graph.node("MatMul", attention, heads(normed, "value", [0, 2, 1, 3]))
        joined = graph.node("Reshape", graph.node("Transpose", context, perm=[0, 2, 1, 3]), merge)
        mixed = graph.node("MatMul", joined, projections["out"])
        values = graph.node("Add", values, mixed, name=f"block{layer}.attention")
        hidden = graph.node("Relu", graph.node("MatMul", norm(values), up))
        contribution = graph.node("MatMul", hidden, down)
        values = graph.node("Add", values, contribution, name=f"block{layer}.out")
    norm(values, name="features")
    shape: list[int | str] = ["batch", TOKENS, WIDTH]
    return graph.model("transformer", ("tokens", shape), ("features", shape))


MODELS = {
    "conv": ("conv_net.onnx", conv_net, CONV_LAYERS),
    "conv_fp16": ("conv_net_fp16.onnx", conv_net_fp16, CONV_LAYERS),
    "transformer": ("transformer.onnx", transformer, TRANSFORMER_LAYERS),
}


def write_models(directory: Path, slower: tuple[str, float] | None = None) -> list[Path]:
    """Write all models into `directory` and return their paths.

    Args:
        directory: Made where it does not exist.
        slower: A name of `MODELS`, and the share of layers to add to that model (at least one).
    """
    directory.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, (file_name, build, layers) in MODELS.items():
        extra = max(1, round(layers * slower[1])) if slower and slower[0] == name else 0
        path = directory / file_name
        # Parallel test workers may write at the same time, and each must read a whole file.
        temporary = path.with_suffix(f".{os.getpid()}.tmp")
        temporary.write_bytes(build(layers + extra))
        temporary.replace(path)
        paths.append(path)
        note = f" ({extra} of them added)" if extra else ""
        print(f"{path}: {layers + extra} layers{note}, {path.stat().st_size / 1000:.0f} kB")
    return paths


def main() -> None:
    """Read the command line and write the models."""
    parser = argparse.ArgumentParser(description="Write the ONNX models of this project.")
    parser.add_argument("directory", type=Path, nargs="?", default=Path(__file__).parent / "models")
    parser.add_argument(
        "--slower",
        nargs=2,
        metavar=("MODEL", "SHARE"),
        help=f"add this share of layers (0.10 is 10 %%) to one of: {', '.join(MODELS)}",
    )
    options = parser.parse_args()
    slower = None
    if options.slower:
        name, text = options.slower
        try:
            share = float(text)
        except ValueError:
            share = 0.0
        if name not in MODELS or not 0 < share <= 10:
            parser.error(
                f"--slower takes one of {', '.join(MODELS)} and a share in (0, 10], "
                f"not {name!r} and {text!r}"
            )
        slower = (name, share)
    write_models(options.directory, slower)


if __name__ == "__main__":
    main()
