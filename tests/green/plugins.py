"""Ways in which other plugins take part in a run."""

from __future__ import annotations

from tests.green.way import NOTHING, PASSED, PLAIN, USAGE, Way, strict
from tests.plugin.rerunning import RERUN

OTHERS = (
    PLAIN
    + """
    def test_other(trt_engine, trt_measure):
        trt_measure(trt_engine("model.onnx"), baseline=False)
"""
)
BLOCKED = ("*-p no:trtperf-*: a run with --trtperf needs this part of itself*",)

FLAKY = Way(
    """
    tries = []
    def test_it(trt_engine, trt_measure):
        perf = trt_measure(trt_engine("model.onnx"))
        tries.append(1)
        perf.assert_p99(ms=1e-6 if len(tries) == 1 else 1000)
    """, PASSED, ("*1 test failed first and passed when run again (test_it)*",),
    arguments=("--trtperf-tolerance=0.5",), recorded=PLAIN,
    files={"conftest.py": RERUN},
)  # fmt: skip

PLUGINS = {
    "no tests as a success": Way(
        status=NOTHING,
        words=("*nothing was measured*",),
        arguments=["-k", "nothing_such"],
        files={
            "conftest.py": """
    def pytest_sessionfinish(session):
        session.exitstatus = 0
    """
        },
    ),
    "no tests as a success, as asked": Way(
        status=PASSED,
        words=("*nothing was measured*",),
        arguments=["-k", "nothing_such", "--suppress-no-test-exit-code"],
        files={
            "conftest.py": """
    def pytest_addoption(parser):
        parser.addoption("--suppress-no-test-exit-code", action="store_true")
    def pytest_sessionfinish(session):
        if session.config.option.suppress_no_test_exit_code and session.exitstatus == 5:
            session.exitstatus = 0
    """
        },
    ),
    "tests that are reported as deselected without a path": Way(
        files={
            "conftest.py": """
    class Known:
        nodeid = "test_it"
    def pytest_collection_modifyitems(config):
        config.hook.pytest_deselected(items=[Known()])
    """
        },
    ),
    "tests chosen by Python code": Way(
        status=USAGE,
        words=("*--testmon leaves out*--trtperf-changed-only*",),
        arguments=["--testmon"],
        process=True,
        files={
            "conftest.py": """
    def pytest_addoption(parser):
        parser.addoption("--testmon", action="store_true")
    """
        },
    ),
    "the body run again for one report": Way(
        files={
            "conftest.py": """
    import pytest
    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(item, call):
        report = yield
        if call.when == "call" and report.failed:
            hook, other = item.ihook, pytest.Class.from_parent(item.session, name="other")
            hook.pytest_runtest_teardown(item=item, nextitem=other)
            item._initrequest()
            hook.pytest_runtest_setup(item=item)
            call = pytest.CallInfo.from_call(lambda: hook.pytest_runtest_call(item=item), "call")
            last = pytest.TestReport.from_item_and_call(item, call)
            report.outcome, report.longrepr = last.outcome, last.longrepr
        return report
    """
        },
    ),
    "run again until it passes": FLAKY,
    "run again until it passes, strict": strict(
        FLAKY, "*failed first and passed when run again (test_it): --trtperf-strict fails it*"
    ),
    "assertions that do not raise": Way(
        OTHERS,
        words=("*soft*", "*gpu_compute median regressed: *"),
        recorded=PLAIN,
        files={
            "conftest.py": """
    import pytest
    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(item, call):
        report = yield
        if call.when == "call" and item.name == "test_other":
            report.outcome, report.longrepr = "failed", "soft"
        return report
    """
        },
    ),
    **{
        f"-p no:trtperf-{part}": Way(
            status=USAGE, words=BLOCKED, process=True,
            arguments=["-p", f"no:trtperf-{part}"],
        )
        for part in ("items", "controller")
    },
}  # fmt: skip
