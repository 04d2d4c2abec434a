"""What a type checker says of tests that use the public names; `mypy` reads it, nobody runs it.

An error that is expected and missing is an error itself: `warn_unused_ignores` is part of strict.
"""

from __future__ import annotations

from typing_extensions import assert_type

from pytest_trtperf import (
    Engine,
    Layer,
    MaxQps,
    Pair,
    Perf,
    Round,
    Summary,
    Sweep,
    TrtCompare,
    TrtEngine,
    TrtMeasure,
)


def types(trt_engine: TrtEngine, trt_measure: TrtMeasure, trt_compare: TrtCompare) -> None:
    """The fixtures give what they say."""
    engine = trt_engine("model.onnx", shapes={"x": ("1x3", "8x3", "32x3")}, fp16=True)
    assert_type(engine, Engine)
    perf = trt_measure(engine, shapes={"x": (8, 3)}, cuda_graph=True, tolerance={"p99": 0.1})
    assert_type(perf, Perf)
    assert_type(trt_measure.from_trtexec(engine, "--streams=2", version=11, seed=1), Perf)
    assert_type(perf.rounds, tuple[Round, ...])
    assert_type(perf.layers(), list[Layer])
    assert_type(perf.summary("gpu_compute"), Summary)
    assert_type(trt_measure.sweep(engine, batch_sizes=(1, 8)), Sweep)
    assert_type(trt_measure.max_qps(engine, p99_ms=5.0, arrivals="constant"), MaxQps)
    assert_type(trt_compare(engine, engine, streams=2), Pair)


def wrong_names(trt_engine: TrtEngine, trt_measure: TrtMeasure, trt_compare: TrtCompare) -> None:
    """An option that does not exist is an error before anything runs."""
    engine = trt_engine("model.onnx", fp61=True)  # type: ignore[call-arg]
    trt_engine.from_trtexec("--onnx=model.onnx", fp61=True)  # type: ignore[call-arg]
    trt_measure.from_trtexec(engine, "", cuda_graphs=True)  # type: ignore[call-arg]
    trt_measure(engine, tolerence=0.1)  # type: ignore[call-arg]
    trt_measure.sweep(engine, batch_size=(1, 8))  # type: ignore[call-arg]
    trt_compare(engine, engine, cuda_graphs=True)  # type: ignore[call-arg]


def wrong_values(trt_measure: TrtMeasure, engine: Engine) -> None:
    """So is a value of another type."""
    trt_measure(engine, streams="2")  # type: ignore[arg-type]
    trt_measure(engine, arrivals="uniform")  # type: ignore[arg-type]
    trt_measure("model.onnx")  # type: ignore[arg-type]
