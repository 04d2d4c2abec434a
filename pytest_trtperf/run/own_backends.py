"""The backends of this package, as a plugin that a run with options has."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from pytest_trtperf.backend.protocols import Backend
from pytest_trtperf.backend.registry import builtin_backends


@pytest.hookimpl(trylast=True)
def pytest_trtperf_backends() -> Sequence[Backend]:
    """The TensorRT family, and ONNX Runtime on the CPU."""
    return builtin_backends()
