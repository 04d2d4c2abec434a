"""The reference that outputs are compared with, whatever backend is in use: ONNX Runtime."""

from __future__ import annotations

from pathlib import Path

from pytest_trtperf.backend.protocols import LoadedEngine

REFERENCE = "onnxruntime"
"""What a test names it by."""


def load_reference(onnx: Path) -> LoadedEngine:
    """The model as its file says it, without optimisations.

    Optimised, some releases end the process on float16 transformers.

    Raises:
        BackendUnavailable: onnxruntime is not installed.
        EngineBuildError: ONNX Runtime refuses the model.
    """
    from pytest_trtperf.backend.onnxruntime.engine import OnnxRuntimeEngine

    return OnnxRuntimeEngine(onnx, optimizes=False)
