"""How the process of a session loads a plan; see `LoaderModule`."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from pytest_trtperf.backend.tensorrt.bindings import import_tensorrt
from pytest_trtperf.backend.tensorrt.cuda import cudart
from pytest_trtperf.backend.tensorrt.engine import TensorRTEngine
from pytest_trtperf.backend.tensorrt.load_options import LoadOptions
from pytest_trtperf.errors import BackendUnavailable


def prepare(backend: str) -> None:
    """Imports TensorRT and the CUDA runtime."""
    with suppress(BackendUnavailable):
        import_tensorrt(backend)
        cudart()


def load(
    backend: str,
    *,
    plan: bytes | memoryview,
    runtime_cache: bytes | memoryview,
    load_options: Mapping[str, Any],
) -> TensorRTEngine:
    """See `TensorRTEngine`."""
    return TensorRTEngine(backend, plan, runtime_cache, LoadOptions(**load_options))
