"""Four networks in fp32 and fp16: built, cached, loaded, checked and measured, then compared.

    python3 -m pytest benchmarks/networks --trtperf --trtperf-json=networks.json

A second run takes the engines from the cache. The networks are exported on the spot, which needs
torch and torchvision; `summarize.py` makes a table of the record.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

HERE = Path(__file__).parent

BATCHES = (1, 8, 32)  # min, opt and max of the profile
BATCH = 8

RTOL = 0.05
"""What a value may be off by, as a share of itself and again of the root mean square of all.

The fp16 files, run by ONNX Runtime on the CPU, are off from fp32 by at most 0.3 % (vit_b_16), 0.5 %
(encoder), 0.7 % (resnet50) and 1.3 % (mobilenet_v2). Where a convolution or linear layer returns
zeros, the largest error is 27 % or more.
"""


@dataclass(frozen=True)
class Network:
    """The input of a network: its name, its shape without the batch, and given values if any."""

    input: str
    shape: tuple[int, ...]
    values: np.ndarray | None = None

    @property
    def profile(self) -> dict[str, list[tuple[int, ...]]]:
        """What its engines are built for."""
        return {self.input: [(batch, *self.shape) for batch in BATCHES]}

    @property
    def feed(self) -> dict[str, Any]:
        """The shapes and inputs of a measurement."""
        given = None if self.values is None else {self.input: self.values}
        return {"shapes": {self.input: (BATCH, *self.shape)}, "inputs": given}


IMAGES = Network("image", (3, 224, 224))
NETWORKS = {
    "resnet50": IMAGES,
    "mobilenet_v2": IMAGES,
    "vit_b_16": IMAGES,
    "encoder": Network(
        "ids", (128,), np.random.default_rng(0).integers(30522, size=(BATCH, 128), dtype=np.int64)
    ),
}
PRECISIONS = ("fp32", "fp16")

each_network = pytest.mark.parametrize("name", NETWORKS)
each_precision = pytest.mark.parametrize("precision", PRECISIONS)


@pytest.fixture(scope="session")
def models() -> Path:
    """The directory of the ONNX files, which are written first where one is missing."""
    directory = HERE / "models"
    files = [
        directory / f"{name}_{precision}.onnx" for name in NETWORKS for precision in PRECISIONS
    ]
    if not all(file.exists() for file in files):
        subprocess.run([sys.executable, str(HERE / "export.py"), str(directory)], check=True)
    return directory


@each_precision
@each_network
def test_outputs(trt_engine: Any, models: Path, name: str, precision: str) -> None:
    """The reference is fp32 for both, since ONNX Runtime rounds in fp16 too."""
    network = NETWORKS[name]
    engine = trt_engine(models / f"{name}_{precision}.onnx", shapes=network.profile)
    engine.assert_close(models / f"{name}_fp32.onnx", **network.feed, rtol=RTOL)


@each_precision
@each_network
def test_performance(
    trt_engine: Any, trt_measure: Any, models: Path, name: str, precision: str
) -> None:
    """Figures for the record; nothing is judged."""
    network = NETWORKS[name]
    engine = trt_engine(models / f"{name}_{precision}.onnx", shapes=network.profile)
    trt_measure(engine, **network.feed, cuda_graph=True, baseline=False)


@each_network
def test_fp16_is_not_slower(trt_engine: Any, trt_compare: Any, models: Path, name: str) -> None:
    """Measured in turns; the record has the ratio and its interval."""
    network = NETWORKS[name]
    half, single = (
        trt_engine(models / f"{name}_{precision}.onnx", shapes=network.profile)
        for precision in ("fp16", "fp32")
    )
    trt_compare(half, single, **network.feed, cuda_graph=True).assert_not_slower()
