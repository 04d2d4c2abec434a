"""Tests that a plugin runs again: all attempts are known, and the last one counts."""

from __future__ import annotations

import pytest

from tests.plugin.outputs import WORKERS, junit, read
from tests.plugin.rerunning import RERUN

RETRY = """
    import pytest

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(item, call):
        # As pytest-retry does: the first report gets the outcome of the last attempt.
        report = yield
        if call.when == "call" and report.failed:
            hook, other = item.ihook, pytest.Class.from_parent(item.session, name="other")
            report.outcome = "retried"
            hook.pytest_runtest_logreport(report=report)
            for attempt in range(2):
                if call.excinfo is None:
                    break
                hook.pytest_runtest_teardown(item=item, nextitem=other)
                item._initrequest()
                hook.pytest_runtest_setup(item=item)
                again = lambda: hook.pytest_runtest_call(item=item)
                call = pytest.CallInfo.from_call(again, "call")
            last = pytest.TestReport.from_item_and_call(item, call)
            report.outcome, report.longrepr = last.outcome, last.longrepr
        return report
"""


@pytest.mark.parametrize("plugin", [RERUN, RETRY], ids=["rerun", "retry"])
@WORKERS
def test_of_several_attempts_all_are_known_and_the_last_counts(project, workers, plugin):
    project.model()
    project.tests(
        """
        tries = []

        def test_flaky(trt_engine, trt_measure, record_property):
            record_property("try", len(tries))
            perf = trt_measure(trt_engine("model.onnx"), shapes={"x": (16, 256)})
            tries.append(1)
            if len(tries) == 1:
                trt_measure(trt_engine("model.onnx"), shapes={"x": (8, 256)}, name="first")
            perf.assert_p99(ms=1e-6 if len(tries) < 3 else 1000)
        """
    )
    project.pytester.makeconftest(plugin)
    options = ("--trtperf-json=run.json", "--junitxml=run.xml", "-p", "no:rerunfailures")
    result = project.run(*options, *workers)
    assert result.ret == 0
    result.stdout.fnmatch_lines(["1 test failed first and passed when run again (test_flaky)"])
    (test,) = read(project)["tests"]
    assert test["outcome"] == "passed"
    assert [one["outcome"] for one in test["attempts"]] == ["failed", "failed", "passed"]
    assert " ms > 1e-06 ms" in test["attempts"][0]["reason"]
    assert [one["by_verdict"] for one in test["attempts"]] == [True, True, False]
    assert test["labels"] == {"try": "2"}
    (found,) = junit(project).values()
    ours = [(name, value) for name, value in found if name.startswith("trtperf")]
    assert len(dict(ours)) == len(ours)
    assert dict(ours)["trtperf.verdict"] == "pass"
    assert not any(name.startswith("trtperf[first]") for name, _ in ours)


@pytest.mark.parametrize("plugin", [RERUN, RETRY], ids=["rerun", "retry"])
@pytest.mark.parametrize(("failure", "status"), [("perf.assert_p99(ms=1e-6)", 1), ("1 / 0", 0)])
@WORKERS
def test_strict_fails_what_passed_again_after_a_verdict_had_failed_it(
    project, plugin, failure, status, workers
):
    project.model()
    project.tests(
        f"""
        tries = []

        def test_flaky(trt_engine, trt_measure):
            perf = trt_measure(trt_engine("model.onnx"), baseline=False)
            tries.append(1)
            if len(tries) == 1:
                {failure}
        """
    )
    project.pytester.makeconftest(plugin)
    options = ("--trtperf-strict", "-p", "no:rerunfailures")
    result = project.run(*options, *workers)
    assert result.ret == status
    again = "1 test failed first and passed when run again (test_flaky)"
    result.stdout.fnmatch_lines([again])
    if status:
        result.stdout.fnmatch_lines([f"*ERROR: {again}: --trtperf-strict fails it"])
