"""A plugin for `-p`: a GPU whose models take a tenth of a millisecond for each layer.

Runs do not resemble each other more than those on a device do: each has other noise.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from pytest_trtperf.backend.protocols import Backend
from pytest_trtperf.engine.shapes import TensorInfo
from pytest_trtperf.onnx_file.outline import outline
from pytest_trtperf.testing import FakeBackend, FakeGpu, lognormal

LAYER_MS = 0.1
ROWS = TensorInfo("x", (None, 256), "float32")


def pytest_trtperf_backends(config: pytest.Config) -> Sequence[Backend]:
    """The fake GPU."""
    worker = getattr(config, "workerinput", {}).get("workerid", "gw0").removeprefix("gw")
    noise = lognormal(0.01, round_sd=0.0005)
    seed = 100 * int(os.environ["FAKE_GPU_SEED"]) + int(worker)
    return [
        FakeBackend(noise=noise, seed=seed, latency_of=_latency_ms, gpu=FakeGpu(), inputs=[ROWS])
    ]


def _latency_ms(model: Path) -> float:
    return LAYER_MS * list(outline(model).operators.values()).count("Tanh")
