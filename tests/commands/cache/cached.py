"""What the tests of `trtperf cache` know of the plans in their cache."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pytest_trtperf.engine.identity import EngineIdentity

Run = Callable[..., tuple[int, Any, str]]
MB = 1_000_000
ABOUT = EngineIdentity(
    onnx="resnet50.onnx", backend="tensorrt-rtx", backend_version="1.0", device="NVIDIA H200 9.0"
)


def key(letter: str) -> str:
    return letter * 64


def plans(directory: Path) -> str:
    return "".join(sorted(path.name[0] for path in directory.glob("*.plan")))
