"""`pytest --trtperf-profile=N`: a run for a profiler is no gate."""

from __future__ import annotations

TEST = """
    def test_model(trt_engine, trt_measure):
        trt_measure(trt_engine("model.onnx"), shapes={"x": (4, 256)}).assert_p99(ms=1e-9)
"""


def test_a_profile_is_skipped_and_measures_nothing(project):
    project.model()
    project.tests(TEST)
    result = project.run("--trtperf-profile=20", "-rs")
    result.assert_outcomes(skipped=1)
    assert result.ret == 5
    result.stdout.fnmatch_lines(
        [
            "nothing was measured",
            "SKIPPED * trtperf profile: queries ran for a profiler, not measured",
        ]
    )
    project.run("--trtperf-profile=20", "--trtperf-update").assert_outcomes(skipped=1)
    assert project.baseline_files() == []


def test_a_count_of_none_is_refused(project):
    project.tests(TEST)
    result = project.run("--trtperf-profile=0")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["*trtperf-profile*at least 1*"])
