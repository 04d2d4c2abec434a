"""The process that collects results, writes files once and prints: the only one without xdist."""

from __future__ import annotations

import pytest

from pytest_trtperf.report.json_file import write_json
from pytest_trtperf.report.terminal import header, summary_lines
from pytest_trtperf.run import Run


class Controller:
    """Hooks of the controlling process."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def pytest_report_header(self) -> str:
        """https://docs.pytest.org/en/stable/reference/reference.html#std-hook-pytest_report_header"""
        target = self._run.target
        return header(target.probe.backend, target.device, target.probe.software)

    def pytest_deselected(self, items: list[pytest.Item]) -> None:
        """https://docs.pytest.org/en/stable/reference/reference.html#std-hook-pytest_deselected"""
        self._run.deselected.update(str(item.path) for item in items)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """https://docs.pytest.org/en/stable/reference/reference.html#std-hook-pytest_collection_finish"""
        self._run.note_collected([item.nodeid for item in session.items])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Takes the measurements that came with a report, from a worker or from here."""
        self._run.add(getattr(report, "trtperf", ()), passed=report.passed)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Writes baselines and JSON; a run that measured nothing is not green."""
        run = self._run
        complete = exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
        run.finish(complete=complete)
        if exitstatus == pytest.ExitCode.OK and not run.has_measured:
            session.exitstatus = pytest.ExitCode.NO_TESTS_COLLECTED
        if run.settings.json is not None:
            try:
                write_json(run.settings.json, run.record(int(session.exitstatus)))
            except OSError as error:
                run.errors.append(f"--trtperf-json: {run.settings.json}: {error.strerror}")
        if run.errors and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """https://docs.pytest.org/en/stable/reference/reference.html#std-hook-pytest_terminal_summary"""
        run = self._run
        lines = summary_lines(
            [record for record, _ in run.measured],
            [*run.max_qps, *run.pairs],
            missing=run.missing,
            written=run.written,
            stale=run.stale,
            removed=run.settings.update,
            errors=run.errors,
        )
        target = run.target
        terminalreporter.section(f"trtperf: {target.probe.backend} on {target.device}", sep="=")
        for line in lines:
            terminalreporter.write_line(line)
