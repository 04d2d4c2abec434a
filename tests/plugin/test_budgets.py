"""Budgets: their messages, one for each hardware, and values that cannot be one."""

from __future__ import annotations

import json

import pytest

from pytest_trtperf.measure import measurement

MEASURE = """
    def test_model(trt_engine, trt_measure):
        perf = trt_measure(trt_engine("model.onnx"), shapes={{"x": (64, 256)}})
        {check}
"""


# Only a host's processor has others to share it with.
ON_HOST = """
    from pytest_trtperf.testing import FakeBackend

    def pytest_trtperf_backends(config):
        return [FakeBackend(cpu=True)]
"""


@pytest.fixture
def check(project):
    """Runs one line on a measurement."""
    project.model()

    def run(line, *arguments):
        project.tests(MEASURE.format(check=line))
        return project.run(*arguments)

    return run


def test_kept_budgets_pass_and_stand_in_the_table(check):
    result = check("perf.assert_p99(ms=5000); perf.assert_qps(0.01)")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["test_perf.py::test_model *P99<=5000*>=0.01 qps*pass*"])


def test_missed_percentile_says_by_how_much_and_from_what(check):
    result = check("perf.assert_percentile(90, ms=1e-4)", "--trtperf-json=run.json")
    result.assert_outcomes(failed=1)
    result.stdout.re_match_lines(
        [r".*P90 of latency [\d.]+ ms misses its budget of 0\.0001 ms by .* \(\d+x\).*"]
    )
    result.stdout.re_match_lines([r"FAILED \S+ - P90 of latency [\d.]+ ms > 0.0001 ms"])
    result.stdout.re_match_lines(
        [r".*test_perf\.py::test_model: P90 .* \d+ queries in \d+ rounds on Fake GPU.*"]
    )
    result.stdout.fnmatch_lines(["test_perf.py::test_model *P90<=0.0001*FAIL P90 of latency"])


def test_missed_throughput_says_by_how_much(check):
    result = check("perf.assert_qps(1e9)")
    result.assert_outcomes(failed=1)
    result.stdout.re_match_lines(
        [r".*throughput [\d.]+ qps misses its budget of 1e\+09 qps by .* qps \(\d+\.\d ?%\).*"]
    )


def test_budget_of_the_first_matching_hardware_holds(check):
    line = "perf.assert_p99(ms={'NVIDIA H200*': 1e-4, 'Fake*': 5000, '*': 1e-4})"
    check(line).assert_outcomes(passed=1)


def test_no_budget_for_this_hardware_fails_and_lists_them(check):
    result = check("perf.assert_p99(ms={'NVIDIA H200*': 2.0, 'NVIDIA L4*': 9.0})")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*no entry for 'Fake GPU'*'NVIDIA H200[*]'*'NVIDIA L4[*]'*"])


@pytest.mark.parametrize("method", ["assert_p99", "assert_qps"])
def test_values_that_are_no_budget_are_refused(project, method):
    project.model()
    project.tests(
        f"""
        import math, pytest

        def test_model(trt_engine, trt_measure):
            perf = trt_measure(trt_engine("model.onnx"), shapes={{"x": (64, 256)}})
            for budget in (0, -1, math.nan, math.inf, True, {{"Fake*": 0, "*": 1.0}}):
                with pytest.raises(ValueError, match="must be a number above 0, got"):
                    perf.{method}(budget)
        """
    )
    project.run().assert_outcomes(passed=1)


def test_percentiles_and_metrics_that_do_not_exist_are_refused(project):
    project.model()
    project.tests(
        """
        import pytest

        def test_model(trt_engine, trt_measure):
            perf = trt_measure(trt_engine("model.onnx"), shapes={"x": (64, 256)})
            for p in (0, 100, -1, float("nan")):
                with pytest.raises(ValueError, match="between 0 and 100"):
                    perf.assert_percentile(p, ms=1)
            with pytest.raises(ValueError, match="lateness.*latency, enqueue, h2d, gpu_compute"):
                perf.assert_p99(ms=1, metric="lateness")
        """
    )
    project.run().assert_outcomes(passed=1)


def test_failed_budget_fails_again_in_the_same_words(project):
    project.model()
    project.tests(
        """
        import pytest

        def test_model(trt_engine, trt_measure):
            perf = trt_measure(trt_engine("model.onnx"), shapes={"x": (64, 256)})
            messages = []
            for _ in range(2):
                with pytest.raises(AssertionError) as caught:
                    perf.assert_p99(ms=1e-4)
                messages.append(str(caught.value))
            assert messages[0] == messages[1]
        """
    )
    project.run().assert_outcomes(passed=1)


def test_what_others_may_have_done_is_no_missed_budget(project, monkeypatch):
    monkeypatch.setattr(measurement, "contention", lambda before, after: 0.5)
    monkeypatch.setattr(measurement, "read_yardstick", lambda: None)
    project.options = ()
    project.pytester.makeconftest(ON_HOST)
    project.model()
    project.tests(
        """
        def test_model(trt_engine, trt_measure):
            perf = trt_measure(trt_engine("model.onnx"), shapes={"x": (64, 256)})
            perf.assert_percentile(50, ms=perf.percentile(50))
        """
    )
    result = project.run("--trtperf-json=run.json", "--trtperf-max-time=0.1")
    result.assert_outcomes(passed=1, warnings=0)
    (one,) = json.loads((project.path / "run.json").read_text())["measurements"]
    (verdict,) = one["verdicts"]
    assert (verdict["status"], verdict["reason"]) == ("inconclusive", "contended")
    assert "other processes took 50% of the time: free the machine" in verdict["message"]
