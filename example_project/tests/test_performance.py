"""The latency and throughput that this project promises.

Budgets are per hardware: the first pattern that fits the device applies, and a device that no
pattern fits is a failure. Only the H200's are tight: the others show that the models run.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_trtperf import TrtCompare, TrtEngine, TrtMeasure


def test_conv_net(trt_engine: TrtEngine, trt_measure: TrtMeasure, models: Path) -> None:
    engine = trt_engine(
        models / "conv_net.onnx", shapes={"image": ("1x3x32x32", "128x3x32x32", "256x3x32x32")}
    )
    batch = 1 if engine.backend == "onnxruntime" else 128
    perf = trt_measure(engine, shapes={"image": (batch, 3, 32, 32)})
    perf.assert_p99(ms={"NVIDIA H200*": 1.2, "NVIDIA *": 20.0, "cpu:*": 250.0})
    perf.assert_qps({"NVIDIA H200*": 900.0, "NVIDIA *": 50.0, "cpu:*": 5.0})


def test_transformer(trt_engine: TrtEngine, trt_measure: TrtMeasure, models: Path) -> None:
    engine = trt_engine(
        models / "transformer.onnx", shapes={"tokens": ("1x64x64", "32x64x64", "64x64x64")}
    )
    batch = 1 if engine.backend == "onnxruntime" else 32
    perf = trt_measure(engine, shapes={"tokens": (batch, 64, 64)})
    perf.assert_p99(ms={"NVIDIA H200*": 1.0, "NVIDIA *": 30.0, "cpu:*": 250.0})
    perf.assert_qps({"NVIDIA H200*": 1100.0, "NVIDIA *": 30.0, "cpu:*": 5.0})


def test_half_precision_is_not_slower(
    trt_engine: TrtEngine, trt_compare: TrtCompare, models: Path
) -> None:
    profile = {"image": ("1x3x32x32", "128x3x32x32", "256x3x32x32")}
    half, single = (
        trt_engine(models / f"{name}.onnx", shapes=profile)
        for name in ("conv_net_fp16", "conv_net")
    )
    if half.backend == "onnxruntime":
        pytest.skip("half precision is made for GPUs")
    pair = trt_compare(half, single, shapes={"image": (128, 3, 32, 32)}, cuda_graph=True)
    pair.assert_not_slower(tolerance=0.01)
