"""Tests that measure: two of one model, and one written from a few lines of its body."""

from __future__ import annotations

KEY = "test_perf.py::test_model"

TWO_TESTS = """
    def test_model(trt_engine, trt_measure):
        trt_measure(trt_engine("model.onnx"), shapes={"x": (64, 256)})

    def test_other(trt_engine, trt_measure):
        trt_measure(trt_engine("model.onnx"), shapes={"x": (32, 256)})
"""


def run_body(project, body, *options):
    """Runs a test of these lines; `engine` and `shapes` are there for them."""
    lines = "\n".join(f"    {line}" for line in body.strip().splitlines())
    project.model()
    project.tests(
        "import math\n"
        "import pytest\n\n"
        "def test_model(trt_engine, trt_measure):\n"
        "    engine = trt_engine('model.onnx')\n"
        "    shapes = {'x': (16, 256)}\n" + lines
    )
    return project.run("--trtperf-json=run.json", *options)
