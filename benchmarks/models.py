"""Write the ONNX models of the parity figures.

    python -m benchmarks.models [DIR] [--only elementwise]

`resnet50.onnx` and `mobilenet_v2.onnx` are torchvision's with random weights and a dynamic batch
(input `input`), and need torch and torchvision. `elementwise.onnx` is one multiplication of a
1x3x224x224 tensor, `chain_<layers>_<size>.onnx` a chain of equal 3x3 convolutions of 32 channels on
size x size pixels, `chain_<layers>_<size>_<channels>_<batch>.onnx` one of another width and batch.
All need onnx.
"""

from __future__ import annotations

import argparse
import inspect
from itertools import pairwise
from pathlib import Path

import numpy as np

OPSET = 17
NETWORKS = ("resnet50", "mobilenet_v2")
ELEMENTWISE = "elementwise"
CHAINS = ("chain_16_56", "chain_8_28")
CHANNELS = 32


def write_network(name: str, path: Path) -> None:
    """Export torchvision's network `name` with random weights to `path`."""
    import torch
    import torchvision

    torch.manual_seed(0)
    network = torchvision.models.get_model(name, weights=None).eval()
    # Releases differ in which exporter is the default; the tracing one writes a single file.
    known = inspect.signature(torch.onnx.export).parameters
    tracing = {"dynamo": False} if "dynamo" in known else {}
    torch.onnx.export(
        network,
        (torch.zeros(2, 3, 224, 224),),
        str(path),
        input_names=["input"],
        output_names=["output"],
        dynamic_axes={"input": {0: "batch"}, "output": {0: "batch"}},
        opset_version=OPSET,
        **tracing,
    )


def write_elementwise(path: Path) -> None:
    """Write one multiplication of a 1x3x224x224 tensor by 1.5 to `path`."""
    from onnx import TensorProto, checker, helper, numpy_helper, save

    shape = [1, 3, 224, 224]
    graph = helper.make_graph(
        [helper.make_node("Mul", ["input", "factor"], ["output"], name="mul")],
        ELEMENTWISE,
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(np.array(1.5, np.float32), "factor")],
    )
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", OPSET)])
    checker.check_model(model, full_check=True)
    save(model, str(path))


def chain_dimensions(name: str) -> tuple[int, int, int, int]:
    """Layers, pixels a side, channels and batch of a chain, by its name."""
    layers, size, *rest = (int(word) for word in name.split("_")[1:])
    channels, batch = rest or (CHANNELS, 1)
    return layers, size, channels, batch


def write_chain(name: str, path: Path) -> None:
    """Write the chain of convolutions that `name` describes; its layers share one weight."""
    from onnx import TensorProto, checker, helper, numpy_helper, save

    layers, size, channels, batch = chain_dimensions(name)
    shape = [batch, channels, size, size]
    values = np.random.default_rng(0).normal(0, (9 * channels) ** -0.5, (channels, channels, 3, 3))
    tensors = ["input", *(f"t{layer}" for layer in range(1, layers)), "output"]
    nodes = [
        helper.make_node("Conv", [source, "weight"], [target], pads=[1, 1, 1, 1])
        for source, target in pairwise(tensors)
    ]
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(values.astype(np.float32), "weight")],
    )
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", OPSET)])
    checker.check_model(model, full_check=True)
    save(model, str(path))


def write_model(name: str, directory: Path) -> Path:
    """Write the model `name` into `directory` and return its path."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{name}.onnx"
    if name == ELEMENTWISE:
        write_elementwise(path)
    elif name.startswith("chain_"):
        write_chain(name, path)
    else:
        write_network(name, path)
    return path


def main() -> None:
    """Read the command line and write the models."""
    names = (*NETWORKS, ELEMENTWISE, *CHAINS)
    parser = argparse.ArgumentParser(description="Write the ONNX models of the parity figures.")
    parser.add_argument("directory", type=Path, nargs="?", default=Path(__file__).parent / "models")
    parser.add_argument("--only", choices=names, help="write this one alone")
    options = parser.parse_args()
    for name in [options.only] if options.only else names:
        path = write_model(name, options.directory)
        print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
