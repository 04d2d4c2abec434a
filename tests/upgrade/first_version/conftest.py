"""A repository whose device is simulated; every run draws other noise."""

import os
import time

from pytest_trtperf.testing import FakeBackend, FakeGpu, lognormal

SEED = int(os.environ.get("SEED", time.time_ns() % 2**32))
SPEEDS = {"small": 0.5, "large": 4.0}


def simulated(latency_ms=1.0):
    layers = {"conv": 0.4, "relu": 0.1}
    return FakeBackend(latency_ms, lognormal(0.004, 0.001), SEED, gpu=FakeGpu(), layers=layers)


class OneSpeedForEachModel(FakeBackend):
    def load_model(self, spec):
        return simulated(SPEEDS[spec.onnx.stem]).load_model(spec)


def pytest_trtperf_backends():
    yield OneSpeedForEachModel(gpu=FakeGpu())
