"""Engines whose inputs and outputs are packed return what ONNX Runtime returns."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_trtperf.backend.probe import Probe
from pytest_trtperf.backend.tensorrt import apply_options
from pytest_trtperf.backend.tensorrt.build import build_plan
from pytest_trtperf.backend.tensorrt.engine import TensorRTEngine
from pytest_trtperf.backend.tensorrt.isolated import isolated_engine
from pytest_trtperf.engine.spec import EngineSpec
from pytest_trtperf.errors import EngineLoadError
from pytest_trtperf.fixtures.accuracy import Side, assert_close, reference_of


@pytest.mark.parametrize("channels", [5, 32, 40])
@pytest.mark.parametrize(
    ("dtype", "image", "result"),
    [
        # What TensorRT for RTX 1.4 builds of a convolution.
        ("float16", "chw2", "linear"),
        ("float16", "chw32", "chw2"),
        ("float16", "linear", "hwc8"),
        ("float16", "linear", "hwc16"),
        ("float32", "chw32", "chw32"),
        ("float32", "hwc", "hwc"),
        ("float16 3d", "cdhw32", "cdhw32"),
        ("float16 3d", "linear", "dhwc8"),
        ("float32 3d", "dhwc", "dhwc"),
    ],
)
def test_values_are_packed_and_unpacked(
    probe: Probe,
    write_image_model: Callable[..., Path],
    tmp_path: Path,
    dtype: str,
    image: str,
    result: str,
    channels: int,
) -> None:
    pytest.importorskip("onnxruntime")
    name, _, depth = dtype.partition(" ")
    shape = (1, channels, 4, 8, 6) if depth else (1, channels, 8, 6)
    model = write_image_model(tmp_path / "image.onnx", dtype=name, shape=shape)
    spec = EngineSpec(model, (), {"allowed_formats": {"image": image, "y": result}})
    engine = isolated_engine(probe.backend, build_plan(spec, probe.backend))
    try:
        assert_close(Side("engine", engine), reference_of(model, "onnxruntime"), shapes={})
    finally:
        engine.close()


def test_a_layout_that_no_document_describes_is_refused(
    probe: Probe,
    write_image_model: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = write_image_model(tmp_path / "image.onnx", dtype="float16")
    monkeypatch.setattr(apply_options, "has_unknown_layout", lambda *_: False)
    plan = build_plan(EngineSpec(model, (), {"allowed_formats": {"y": "chw4"}}), probe.backend)
    with pytest.raises(EngineLoadError, match="'y' has the format CHW4, and where"):
        TensorRTEngine(probe.backend, plan)
