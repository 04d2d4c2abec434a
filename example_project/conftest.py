"""Fixtures shared by the performance tests."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def models() -> Path:
    """The directory of the ONNX models, which are written first where they are missing."""
    directory = HERE / "models"
    if not all((directory / name).exists() for name in ("conv_net.onnx", "transformer.onnx")):
        subprocess.run([sys.executable, str(HERE / "models.py"), str(directory)], check=True)
    return directory
