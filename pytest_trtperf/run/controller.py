"""The process that collects results, writes files once and prints: the only one without xdist."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_trtperf.errors import ExtraMissing
from pytest_trtperf.record.json_file import write_json
from pytest_trtperf.record.traces import TraceFile
from pytest_trtperf.report import github
from pytest_trtperf.report.html.page import check_installed, write_html
from pytest_trtperf.report.markdown import markdown
from pytest_trtperf.report.terminal import header, summary_lines
from pytest_trtperf.run.run import Run


class Controller:
    """Hooks of the controlling process."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._traces: TraceFile | None = None

    def pytest_report_header(self) -> str:
        """https://docs.pytest.org/en/stable/reference/reference.html#std-hook-pytest_report_header"""
        target = self._run.target
        return header(target.probe.backend, target.device, target.probe.software)

    def pytest_sessionstart(self) -> None:
        """What would be missing or refused after the measurements is known at once."""
        if self._run.settings.html is not None:
            try:
                check_installed()
            except ExtraMissing as error:
                raise pytest.UsageError(f"--trtperf-html: {error}") from None
        path = self._run.settings.traces
        if path is not None:
            try:
                self._traces = TraceFile(path)
            except OSError as error:
                raise pytest.UsageError(f"--trtperf-traces: {path}: {error.strerror}") from None

    def pytest_deselected(self, items: list[pytest.Item]) -> None:
        """https://docs.pytest.org/en/stable/reference/reference.html#std-hook-pytest_deselected"""
        self._run.deselected.update(str(item.path) for item in items)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """https://docs.pytest.org/en/stable/reference/reference.html#std-hook-pytest_collection_finish"""
        self._run.note_collected([item.nodeid for item in session.items])

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Takes the measurements that came with a report, from a worker or from here."""
        data = getattr(report, "trtperf", ())
        # Raw times are large: other reporters need not see them.
        for key, packed in report.__dict__.pop("trtperf_traces", {}).items():
            if (place := self._keep(packed)) is not None:
                next(item for item in data if item["key"] == key)["traces"] = place
        self._run.add(data, passed=report.passed)
        self._run.waited_s += getattr(report, "trtperf_waited", 0.0)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Writes baselines and files; a run that measured nothing is not green."""
        run, settings = self._run, self._run.settings
        complete = exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
        run.finish(complete=complete)
        if exitstatus == pytest.ExitCode.OK and not run.has_measured:
            session.exitstatus = pytest.ExitCode.NO_TESTS_COLLECTED
        if self._traces is not None:
            self._write("--trtperf-traces", self._traces.close)
        if settings.github and (path := os.environ.get("GITHUB_STEP_SUMMARY")):
            text = markdown(run.title, run.everything, [*_told_missing(run), *run.errors])
            summary = Path(path)
            self._write("GITHUB_STEP_SUMMARY", lambda: github.append_summary(summary, text))
        self._fail_on_errors(session)
        record = run.record(int(session.exitstatus))
        if (json := settings.json) is not None:
            self._write("--trtperf-json", lambda: write_json(json, record))
        if (html := settings.html) is not None:
            self._write("--trtperf-html", lambda: write_html(html, [record]))
        self._fail_on_errors(session)

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
            against=run.settings.against,
            waited_s=run.waited_s,
            verbosity=terminalreporter.verbosity,
        )
        if run.settings.github and os.environ.get("GITHUB_ACTIONS") == "true":
            folder = github.folder_in_repository(run.rootdir, os.environ)
            lines += github.annotation_lines(run.everything, run.missing, run.errors, folder)
        if lines:
            terminalreporter.section(run.title, sep="=")
        for line in lines:
            terminalreporter.write_line(line)

    def _fail_on_errors(self, session: pytest.Session) -> None:
        if self._run.errors and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _keep(self, packed: bytes) -> str | None:
        """Adds raw times to their file; after an error there is none any more."""
        if self._traces is None:
            return None
        try:
            return self._traces.add(packed)
        except OSError as error:
            self._note("--trtperf-traces", error)
            self._traces.discard()
            self._traces = None
            return None

    def _write(self, source: str, write: Callable[[], object]) -> None:
        try:
            write()
        except (OSError, ValueError) as error:
            self._note(source, error)

    def _note(self, source: str, error: OSError | ValueError) -> None:
        told = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else str(error)
        self._run.errors.append(f"{source}: {told}")


def _told_missing(run: Run) -> list[str]:
    return [f"without a baseline, not compared: {key}" for key in run.missing]
