"""What the controller takes from reports and does at the end, without a run of pytest."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from pytest_trtperf import hookspecs
from pytest_trtperf.run.controller import Controller
from tests.run.fakes import fake


class Sink:
    """Keeps what the hooks are given."""

    def __init__(self):
        self.calls = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_trtperf_run_finished(self, record):
        self.calls.append(("finished", record.exit_status))

    @pytest.hookimpl(tryfirst=True)
    def pytest_trtperf_summary(self, record):
        self.calls.append(("summary", record.exit_status))


class Raises:
    """Of somebody else, who wants to be first."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_trtperf_run_finished(self):
        raise RuntimeError("no such server")

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_trtperf_summary(self):
        row: dict[str, list[object]] = {}
        yield from row["column"]


@pytest.fixture
def session():
    manager = pytest.PytestPluginManager()
    manager.add_hookspecs(hookspecs)
    return fake(
        config=fake(pluginmanager=manager, getoption=lambda name, default: default), exitstatus=0
    )


@pytest.fixture
def finish(begin, measured, session):
    """Ends a run of one measurement; returns what its sink was given."""

    def finish(*plugins, exitstatus=0, measures=True):
        run, sink = begin(), Sink()
        controller = Controller(run, [sink])
        for plugin in (sink, *plugins):
            session.config.pluginmanager.register(plugin)
        if measures:
            report = fake(trtperf=[measured()], passed=True, trtperf_waited=1.5)
            controller.pytest_runtest_logreport(report)
        session.exitstatus = exitstatus
        controller.pytest_sessionfinish(session, exitstatus)
        lines: list[str] = []
        controller.pytest_terminal_summary(fake(write_line=lines.append))
        return run, sink.calls, lines

    return finish


def test_a_run_is_reported_once(finish, session):
    run, calls, lines = finish()
    assert calls == [("finished", 0), ("summary", 0)]
    assert (lines, run.errors, run.waited_s, session.exitstatus) == ([], [], 1.5, 0)


@pytest.mark.parametrize(("exitstatus", "reported"), [(0, 5), (1, 1), (2, 2)])
def test_a_run_that_measured_nothing_is_not_green(finish, session, exitstatus, reported):
    _, calls, _ = finish(exitstatus=exitstatus, measures=False)
    assert calls[0] == ("finished", reported)
    assert session.exitstatus == reported


@pytest.mark.parametrize(("exitstatus", "reported"), [(0, 1), (2, 2)])
def test_an_error_of_a_plugin_fails_the_run_after_the_built_in_ones(
    finish, session, exitstatus, reported
):
    run, calls, lines = finish(Raises(), exitstatus=exitstatus)
    assert calls == [("finished", exitstatus), ("summary", exitstatus)]
    finished, summary = run.errors
    assert finished.startswith(f"pytest_trtperf_run_finished at {__file__}:")
    assert finished.endswith(": RuntimeError: no such server")
    assert summary.endswith(": KeyError: 'column'")
    assert lines == [f"ERROR: {summary}"]
    assert session.exitstatus == reported


def test_errors_of_a_worker_come_with_its_reports(begin):
    run = begin()
    report = fake(trtperf_errors=["pytest_trtperf_measured: E: x"], passed=True)
    for _ in range(2):
        Controller(run).pytest_runtest_logreport(report)
    assert run.errors == ["pytest_trtperf_measured: E: x"]


def test_reports_of_tests_that_do_not_measure_change_nothing(begin):
    run = begin()
    Controller(run).pytest_runtest_logreport(fake(passed=True))
    assert (run.measured, run.errors, run.waited_s) == ([], [], 0.0)


def test_nothing_is_summed_up_before_the_end(begin):
    controller = Controller(begin(), [Sink()])
    controller.pytest_terminal_summary(fake(write_line=pytest.fail))


def test_the_header_names_backend_device_and_versions(begin):
    header = Controller(begin()).pytest_report_header()
    assert header == "trtperf: tensorrt on NVIDIA H200 (driver 580.1)"


def test_the_header_says_that_a_gpu_is_not_suited(begin):
    run = begin()
    run.target = replace(run.target, probe=replace(run.target.probe, warning="may refuse"))
    _, warning = Controller(run).pytest_report_header().splitlines()
    assert warning == "trtperf: warning: may refuse"


def test_tests_are_known_from_collection(begin, tmp_path):
    run = begin()
    controller = Controller(run)
    controller.pytest_collection_finish(fake(items=[fake(nodeid="test_x.py::test_a")]))
    assert run.collected == {str(tmp_path / "test_x.py"): {"test_x.py::test_a"}}


@pytest.fixture
def end(begin, measured, session):
    """Ends a run whose tests came in another order than they were collected."""

    def end(exitstatus, collected=("test_a", "test_b"), passed=(True, True), **options):
        run = begin(**options)
        run.note_collected(f"test_x.py::{name}" for name in collected)
        controller = Controller(run)
        for name, outcome in zip(("test_b", "test_a"), passed, strict=True):
            if name in collected:
                data = measured(f"test_x.py::{name}", module="test_x.py")
                controller.pytest_runtest_logreport(fake(trtperf=[data], passed=outcome))
        session.exitstatus = exitstatus
        controller.pytest_sessionfinish(session, exitstatus)
        return run

    return end


def test_what_was_measured_is_put_in_order(end):
    run = end(0)
    assert [record.key for record, _ in run.measurements] == [
        "test_x.py::test_a",
        "test_x.py::test_b",
    ]


def test_baselines_are_written_for_tests_that_passed(end, tmp_path):
    run = end(1, passed=(False, True), update=True)
    path = tmp_path / "perf-baselines" / "nvidia-h200" / "tensorrt" / "test_x.json"
    assert run.recorded.written == [path]
    assert list(json.loads(path.read_text())["entries"]) == ["test_x.py::test_a"]


@pytest.mark.parametrize(("exitstatus", "complete"), [(0, True), (1, True), (2, False), (3, False)])
def test_a_run_that_was_cut_short_leaves_entries_of_tests_it_did_not_reach(
    end, exitstatus, complete
):
    end(0, update=True)
    run = end(exitstatus, collected=("test_a",))
    assert run.recorded.uncollected == (["test_x.py::test_b"] if complete else [])
    assert run.recorded.stale == []


def test_a_run_with_an_error_is_reported_as_failed_and_fails(begin, measured, session):
    run, sink = begin(), Sink()
    session.config.pluginmanager.register(sink)
    controller = Controller(run, [sink])
    report = fake(trtperf=[measured()], passed=True, trtperf_errors=["x.json: no space"])
    controller.pytest_runtest_logreport(report)
    controller.pytest_sessionfinish(session, 0)
    assert sink.calls == [("finished", 1)]
    assert session.exitstatus == 1


def test_waits_of_all_reports_add_up(begin):
    run = begin()
    for waited in (1.5, 0.25):
        Controller(run).pytest_runtest_logreport(fake(trtperf_waited=waited, passed=True))
    assert run.waited_s == 1.75
