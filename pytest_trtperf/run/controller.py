"""The process that collects results and reports them once: the only one without xdist."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from typing import Any

import msgspec
import pytest

from pytest_trtperf.options.undecided import STRICT
from pytest_trtperf.record.item import FAILED
from pytest_trtperf.record.json_file import without_surrogates
from pytest_trtperf.record.model import Measured, RunRecord
from pytest_trtperf.report.overlooked import overlooked_lines, rerun_lines, unfinished_line
from pytest_trtperf.report.terminal import header
from pytest_trtperf.report.undecided import undecided_reason
from pytest_trtperf.run.hook_calls import call_built_in_first
from pytest_trtperf.run.items import plain_id
from pytest_trtperf.run.recording import record_baselines
from pytest_trtperf.run.run import Run
from pytest_trtperf.run.run_record import tests_of
from pytest_trtperf.run.time_plan import plan_line
from pytest_trtperf.text import many_lines, one_line


class Controller:
    """Hooks of the controlling process.

    Args:
        sinks: the built-in outputs, registered as plugins too.
    """

    def __init__(self, run: Run, sinks: Sequence[object] = ()) -> None:
        self._run, self._sinks = run, sinks
        self._pytest_session: pytest.Session | None = None
        self._record: RunRecord | None = None

    def pytest_report_header(self) -> str:
        """https://docs.pytest.org/en/stable/reference/reference.html#std-hook-pytest_report_header"""
        probe = self._run.target.probe
        lines = [header(probe.backend, self._run.target.device, probe.software)]
        if probe.warning:
            lines.append(f"trtperf: warning: {probe.warning}")
        return "\n".join(map(one_line, lines))

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        """Learns what is tested before the run changes files itself."""
        _ = self._run.origin

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self) -> Generator[None, Any, Any]:
        """Takes the time of collection, and of the tests."""
        began, seconds = time.monotonic(), self._run.seconds
        seconds["collection"] = began - self._run.started
        try:
            return (yield)
        finally:
            seconds["tests"] = time.monotonic() - began

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """https://docs.pytest.org/en/stable/reference/reference.html#std-hook-pytest_collection_finish"""
        self._run.note_collected([item.nodeid for item in session.items])

    def pytest_report_collectionfinish(self, items: list[pytest.Item]) -> str | list[str]:
        """https://docs.pytest.org/en/stable/reference/reference.html#std-hook-pytest_report_collectionfinish"""
        measuring = [item for item in items if item.get_closest_marker("trtperf")]
        named = [(one.path, plain_id(one).partition("::")[2]) for one in measuring]
        return plan_line(self._run, named) or []

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Takes the measurements that came with a report, from a worker or from here."""
        self._run.items.take(report)
        test = self._run.items.plain_id(report.nodeid)
        if report.when == "setup":
            self._run.forget(test)
        self._run.add(getattr(report, "trtperf", ()), passed=report.passed)
        self._run.waited_s += getattr(report, "trtperf_waited", 0.0)
        self._run.reported.add(report.nodeid)
        if getattr(report, "trtperf_unchanged", False):
            self._run.unchanged.append(test)
        if why := getattr(report, "trtperf_changed", None):
            self._run.changed[test] = why
        if getattr(report, "trtperf_without_time", False):
            self._run.without_time.append(report.nodeid)
        for error in getattr(report, "trtperf_errors", ()):
            self._run.note_error(error)

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(
        self, report: pytest.TestReport
    ) -> tuple[str, str, tuple[str, dict[str, bool]]] | None:
        """Says in the verbose line of a test that passed what was not decided."""
        found = getattr(report, "trtperf", ()) if report.passed and report.when == "call" else ()
        if not any(undecided_reason(msgspec.convert(one, Measured)) for one in found):
            return None
        return "passed", ".", ("PASSED (inconclusive)", {"yellow": True})

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Records baselines and reports the run; one that measured nothing is not green."""
        run, self._pytest_session = self._run, session
        complete = exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
        run.put_in_order()
        if complete:
            run.note_lost()
        run.note_outcomes()
        only_plans = any(
            session.config.getoption(name, False) for name in ("setuponly", "setupplan")
        )
        if not only_plans:
            _note_overlooked(run, exitstatus)
        began = time.monotonic()
        record_baselines(run, complete=complete)
        run.seconds["baselines"] = time.monotonic() - began
        is_empty = not (run.has_measured or run.unchanged or only_plans)
        # Another plugin may have made it a success that no test was left.
        if is_empty and session.exitstatus == pytest.ExitCode.OK and not _may_be_empty(session):
            session.exitstatus = pytest.ExitCode.NO_TESTS_COLLECTED
        self._record = without_surrogates(run.record(run.exit_status(session.exitstatus)))
        self._call("pytest_trtperf_run_finished", config=session.config)
        session.exitstatus = run.exit_status(session.exitstatus)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """https://docs.pytest.org/en/stable/reference/reference.html#std-hook-pytest_terminal_summary"""
        if self._pytest_session is None:
            return
        for error in self._call("pytest_trtperf_summary", terminalreporter=terminalreporter):
            terminalreporter.write_line(many_lines(f"ERROR: {error}"))
        self._pytest_session.exitstatus = self._run.exit_status(self._pytest_session.exitstatus)

    def _call(self, hook: str, **arguments: object) -> list[str]:
        """Calls a hook with the record; notes and returns the errors of its implementations."""
        assert self._pytest_session is not None
        arguments["record"] = self._record
        errors = call_built_in_first(self._pytest_session.config, hook, self._sinks, arguments)
        for error in errors:
            self._run.note_error(error)
        return errors


def _may_be_empty(session: pytest.Session) -> bool:
    """Whether an option of pytest-custom-exit-code asks for success where no test was left."""
    return bool(session.config.getoption("suppress_no_test_exit_code", False))


def _note_overlooked(run: Run, exit_status: int) -> None:
    """Fails a run that would be green although tests were left out, or overlooked something."""
    tests = tests_of(run)
    if exit_status == pytest.ExitCode.OK:
        if line := unfinished_line(tests):
            run.note_error(line)
        if any(one.outcome in FAILED for one in tests):
            run.note_error("tests failed, and pytest.exit ended the run as if none had")
    if run.settings.strict:
        again = rerun_lines(tests, by_verdict=True)
        for line in (*overlooked_lines(tests, run.measured), *again):
            run.note_error(f"{line}: {STRICT} fails it")
