"""How the process of a session loads a model; see `LoaderModule`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from pytest_trtperf.backend.onnxruntime.engine import OnnxRuntimeEngine
from pytest_trtperf.backend.onnxruntime.model_source import Stamp, check_unchanged
from pytest_trtperf.engine.shapes import Profile


def prepare(_backend: str) -> None:
    """Imports ONNX Runtime."""
    with suppress(ImportError):
        import onnxruntime  # noqa: F401


def leave_device(_backend: str) -> None:
    """There is none."""


def load(
    _backend: str,
    *,
    path: str,
    name: str,
    model: bytes | memoryview,
    stamps: Sequence[Stamp],
    profiles: Mapping[str, Mapping[str, Sequence[int]]],
) -> OnnxRuntimeEngine:
    """See `OnnxRuntimeEngine`.

    Args:
        name: what messages call the model.
        model: its bytes; empty where it is read from `path`, with external data.
        stamps: see `check_unchanged`.
    """
    ranges = {
        tensor: Profile(**{end: tuple(shape) for end, shape in profile.items()})
        for tensor, profile in profiles.items()
    }
    engine = OnnxRuntimeEngine(Path(name), ranges, source=model or Path(path))
    check_unchanged(Path(name), stamps)
    return engine
