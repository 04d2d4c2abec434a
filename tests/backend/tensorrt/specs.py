"""What the tests of builds ask for: TensorRT for RTX, which needs no GPU for them."""

from __future__ import annotations

from pytest_trtperf.engine.shapes import parse_profiles
from pytest_trtperf.engine.spec import EngineSpec

RTX = "tensorrt-rtx"
RANGE = {"x": ("1x4", "2x4", "8x4")}


def spec_of(onnx, shapes=None, **options):
    return EngineSpec(onnx, parse_profiles(shapes), options)
