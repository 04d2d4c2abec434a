"""Write the networks of this benchmark as ONNX files, with random weights from a fixed seed.

    python -m benchmarks.networks.export [DIR]

resnet50, mobilenet_v2 and vit_b_16 are torchvision's, `encoder` is a transformer of BERT base's
size. Each comes as `<name>_fp32.onnx` and, with the same weights rounded, as `<name>_fp16.onnx`,
whose image input, weights and activations are all fp16. The batch is dynamic. Needs torch and
torchvision, and 1.4 GB of disk.
"""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torchvision
from torch import nn
from torchvision.models.mobilenetv2 import InvertedResidual
from torchvision.models.resnet import Bottleneck

OPSET = 17
SEED = 0
TRACED_BATCH = 2  # a batch of 1 would be taken for a constant

IMAGE = (3, 224, 224)
CALIBRATION_BATCH = 16
RESIDUAL_GAIN = 0.25
"""Of residual branches. At 1, fp16 changes resnet50's outputs by up to 11 % instead of 0.7 %."""

LAYERS = 12
WIDTH = 768
HEADS = 12
HIDDEN_OF_WIDTH = 4
VOCABULARY = 30522
TOKENS = 128


def images(batch: int) -> torch.Tensor:
    """Uniform in [-1, 1], as the values that the plugin generates."""
    return torch.rand(batch, *IMAGE) * 2 - 1


def token_ids(batch: int) -> torch.Tensor:
    """Any of the vocabulary."""
    return torch.randint(VOCABULARY, (batch, TOKENS))


class Encoder(nn.Module):  # type: ignore[misc]
    """Token ids (batch, 128) to hidden states (batch, 128, width); BERT base's size by default."""

    def __init__(self, layers: int = LAYERS, width: int = WIDTH, heads: int = HEADS) -> None:
        super().__init__()
        self.tokens = nn.Embedding(VOCABULARY, width)
        self.positions = nn.Parameter(torch.randn(TOKENS, width))
        self.norm = nn.LayerNorm(width)
        self.layers = nn.Sequential(
            *(
                nn.TransformerEncoderLayer(
                    width, heads, HIDDEN_OF_WIDTH * width, activation="gelu", batch_first=True
                )
                for _ in range(layers)
            )
        )

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """The last hidden state."""
        return self.layers(self.norm(self.tokens(ids) + self.positions))


def convolutional(name: str) -> nn.Module:
    """One of torchvision's, conditioned so that it computes something that rounding leaves alone.

    Its batch norms are set to what passes through them, and its residual branches are scaled down.
    """
    network = torchvision.models.get_model(name, weights=None)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None  # the mean over all batches
        elif isinstance(module, Bottleneck):
            nn.init.constant_(module.bn3.weight, RESIDUAL_GAIN)
        elif isinstance(module, InvertedResidual) and module.use_res_connect:
            nn.init.constant_(module.conv[-1].weight, RESIDUAL_GAIN)
    with torch.no_grad():
        network.train()(images(CALIBRATION_BATCH))
    return network


def vision_transformer() -> nn.Module:
    """torchvision's vit_b_16 with a random head in place of one that returns 0."""
    network = torchvision.models.get_model("vit_b_16", weights=None)
    nn.init.normal_(network.heads.head.weight, std=WIDTH**-0.5)
    return network


NETWORKS: dict[str, tuple[Callable[[], nn.Module], str, Callable[[int], torch.Tensor]]] = {
    "resnet50": (lambda: convolutional("resnet50"), "image", images),
    "mobilenet_v2": (lambda: convolutional("mobilenet_v2"), "image", images),
    "vit_b_16": (vision_transformer, "image", images),
    "encoder": (Encoder, "ids", token_ids),
}


def write(network: nn.Module, inputs: torch.Tensor, name: str, path: Path) -> None:
    """Export a network whose input is called `name`."""
    # Releases differ in which exporter is the default; the tracing one writes a single file.
    known = inspect.signature(torch.onnx.export).parameters
    tracing: dict[str, Any] = {"dynamo": False} if "dynamo" in known else {}
    torch.onnx.export(
        network,
        (inputs,),
        str(path),
        input_names=[name],
        output_names=["output"],
        dynamic_axes={name: {0: "batch"}, "output": {0: "batch"}},
        opset_version=OPSET,
        **tracing,
    )
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB", flush=True)


def main() -> None:
    """Read the command line and write all networks."""
    parser = argparse.ArgumentParser(description="Write the networks of this benchmark.")
    parser.add_argument("directory", type=Path, nargs="?", default=Path(__file__).parent / "models")
    directory: Path = parser.parse_args().directory
    directory.mkdir(parents=True, exist_ok=True)
    # The fused attention of the modules cannot be traced.
    torch.backends.mha.set_fastpath_enabled(False)
    for name, (make, input_name, example) in NETWORKS.items():
        torch.manual_seed(SEED)
        network = make().eval()
        inputs = example(TRACED_BATCH)
        write(network, inputs, input_name, directory / f"{name}_fp32.onnx")
        half = inputs.half() if inputs.is_floating_point() else inputs
        write(network.half(), half, input_name, directory / f"{name}_fp16.onnx")


if __name__ == "__main__":
    main()
