"""What a run reports about its engines and its cache; what needs plans is in `tests/gpu`."""

from __future__ import annotations

IDENTITY = """
    def test_model(trt_engine, trt_measure):
        identity = trt_engine("model.onnx").identity
        about = identity["about"]
        assert about["onnx"] == "model.onnx"
        assert about["backend"] == "fake"
        assert len(about["model"]) == 64
        assert identity["layers"] is None
        trt_measure(trt_engine("model.onnx"), shapes={"x": (64, 256)}).assert_p99(ms=10_000)
"""


def test_an_engine_shows_what_it_was_built_from(project):
    project.model()
    project.tests(IDENTITY)
    assert project.run().ret == 0


def test_a_size_that_is_none_is_wrong_usage(project):
    project.tests()
    result = project.run("--trtperf-cache-size=huge")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["*--trtperf-cache-size: expected a size such as 20GiB, or none*"])
