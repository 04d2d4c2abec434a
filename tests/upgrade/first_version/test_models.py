"""What the first version could measure: single measurements, marks, sweeps, open loads."""

import pytest


@pytest.mark.parametrize("model", ["small", "large"])
def test_latency(trt_engine, trt_measure, model):
    perf = trt_measure(trt_engine(f"{model}.onnx"))
    perf.assert_p99(ms=10.0)


@pytest.mark.trtperf(layers=True)
def test_layers(trt_engine, trt_measure):
    trt_measure(trt_engine("small.onnx"))


def test_two_of_one_test(trt_engine, trt_measure):
    engine = trt_engine("small.onnx")
    trt_measure(engine, name="graph", cuda_graph=True)
    trt_measure(engine, name="streams", streams=2)


def test_sweep(trt_engine, trt_measure):
    trt_measure.sweep(trt_engine("large.onnx"), batch_sizes=[1, 8])


def test_open_load(trt_engine, trt_measure):
    trt_measure(trt_engine("small.onnx"), request_rate=400.0)
