"""What was not decided: counted last, no Python warning, and failed where an option asks for it."""

from __future__ import annotations

import json

import pytest

CLOSE = "perf.assert_percentile(50, ms=perf.percentile(50))"
HEAD = """
    def test_model(trt_engine, trt_measure):
        engine = trt_engine("model.onnx")
        perf = trt_measure(engine, shapes={{"x": (64, 256)}}{options})
        {body}
"""


@pytest.fixture
def run(project):
    """Runs a test of which a close budget is never decided."""
    project.model()

    def test(body, *arguments, options=""):
        project.tests(HEAD.format(body=body, options=options))
        return project.run("--trtperf-json=run.json", "--trtperf-max-time=0.1", *arguments)

    return test


def test_is_counted_last_and_no_warning_even_where_warnings_are_errors(run):
    result = run(CLOSE, "-W", "error")
    result.assert_outcomes(passed=1, warnings=0)
    lines = [line for line in result.outlines if line.strip()]
    assert "1 of 1 measurement was not decided: 1 too close to the limit (test_model)" in lines[-3]
    assert lines[-2].startswith("  no test fails because of this, though it holds 1 budget: ")
    result.stdout.fnmatch_lines(["*test_model: P50 of latency *is too close to its budget of *"])
    run(CLOSE, "-v").stdout.fnmatch_lines(["*::test_model PASSED (inconclusive)*"])
    assert "PASSED (inconclusive)" not in str(run("pass", "-v").stdout)


@pytest.mark.parametrize("option", ["--trtperf-inconclusive=fail", "--trtperf-strict"])
def test_fails_where_an_option_says_so_and_names_it(run, option):
    result = run(CLOSE, option, options=", baseline=False")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"*P50 of latency *is too close to *; {option} fails it*"])
    assert "not decided" not in str(result.stdout)


def test_estimate_is_deprecated_and_means_warn(run):
    result = run(CLOSE, "--trtperf-inconclusive=estimate")
    result.assert_outcomes(passed=1, warnings=0)
    result.stdout.fnmatch_lines(["trtperf_inconclusive=estimate is deprecated and means warn:*"])
    (one,) = json.loads(run_file(run, "inconclusive='estimate'"))["measurements"]
    assert [verdict["status"] for verdict in one["verdicts"]] == ["inconclusive"]
    assert "deprecated and means warn" in one["notes"][0]


def run_file(run, option):
    """The record of a run with an option in the call."""
    run(CLOSE, options=f", {option}").assert_outcomes(passed=1)
    with open("run.json") as file:
        return file.read()


def test_comparison_that_could_not_decide_is_none_that_is_required(run):
    run("pass", "--trtperf-update").assert_outcomes(passed=1)
    run("pass").assert_outcomes(passed=1)
    options = ("--trtperf-require-baseline", "--trtperf-tolerance=1e-6", "--trtperf-race=never")
    result = run("pass", *options)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*is inconclusive*; --trtperf-require-baseline fails it*"])


CAUGHT = """try:
            perf.assert_p99(ms=1e-4)
        except AssertionError:
            pass"""


def test_strict_fails_what_a_test_caught(run):
    run(CAUGHT, options=", baseline=False").assert_outcomes(passed=1)
    result = run(CAUGHT, "--trtperf-strict", options=", baseline=False")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*P99 of latency*the test caught this failure and passed: --trtperf-strict fails it*"]
    )


def test_strict_fails_a_test_that_measures_nothing(project):
    project.tests(
        """
        import pytest

        def test_nothing(trt_measure):
            pass

        def test_skipped(trt_measure):
            pytest.skip("not here")

        def test_engine_alone(trt_engine):
            pass
        """
    )
    result = project.run("--trtperf-strict")
    result.assert_outcomes(passed=1, skipped=1, failed=1)
    result.stdout.fnmatch_lines(["*has trt_measure and measured nothing: --trtperf-strict fails*"])


def test_strict_leaves_a_run_that_only_builds_alone(project):
    project.model()
    project.tests()
    result = project.run("--trtperf-strict", "--trtperf-build-only")
    assert result.parseoutcomes().get("failed", 0) == 0
