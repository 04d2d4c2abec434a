"""Where results go: each output is a plugin that implements the hooks of `hookspecs`.

All of them run before implementations of others do, see `hook_calls`. What cannot be written is
noted as an error of the run; what is known before the first test is a usage error.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec
import pytest

from pytest_trtperf.errors import ExtraMissing
from pytest_trtperf.options.undecided import DEPRECATED_ESTIMATE
from pytest_trtperf.record.json_file import write_json
from pytest_trtperf.record.model import Measured, RunRecord
from pytest_trtperf.record.traces import TraceFile
from pytest_trtperf.report import github
from pytest_trtperf.report.html.page import check_installed, write_html
from pytest_trtperf.report.junit import with_properties, without_properties
from pytest_trtperf.report.markdown import markdown
from pytest_trtperf.report.tables import Line
from pytest_trtperf.report.terminal import summary_lines
from pytest_trtperf.report.unchanged import unchanged_lines
from pytest_trtperf.run.json_lines import JsonLines
from pytest_trtperf.run.run import Run
from pytest_trtperf.text import many_lines, one_line, with_escapes

first = pytest.hookimpl(tryfirst=True)


def sinks_of(run: Run, environment: Mapping[str, str]) -> list[object]:
    """The outputs of the controlling process that options and `environment` ask for, in order.

    JSON and HTML come last: they hold the exit status, which an error of another output changes.
    """
    settings = run.settings
    sinks: list[object] = [TerminalTable(run)]
    if settings.traces is not None:
        sinks.append(Traces(run, settings.traces))
    if settings.github and (summary := environment.get("GITHUB_STEP_SUMMARY")):
        sinks.append(GitHubStepSummary(run, Path(summary)))
    if settings.github and environment.get("GITHUB_ACTIONS") == "true":
        folder = github.folder_in_repository(run.rootdir, environment)
        sinks.append(GitHubAnnotations(run, folder))
    if settings.json is not None:
        lines = JsonLines(run, settings.json)
        sinks += [lines, JsonFile(run, settings.json, lines)]
    if settings.html is not None:
        sinks.append(HtmlPage(run, settings.html))
    return sinks


class JUnitProperties:
    """Properties of test cases, which `--junitxml` and other reporters write."""

    @first
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Forgets those of an earlier attempt at a test: plugins may run it again."""
        item.user_properties[:] = without_properties(item.user_properties)

    @first
    def pytest_trtperf_measured(self, item: pytest.Item, record: Measured) -> None:
        """Adds the measurement to its test's properties."""
        item.user_properties[:] = with_properties(item.user_properties, record)


class Traces:
    """`--trtperf-traces`: the raw times of all queries."""

    def __init__(self, run: Run, path: Path) -> None:
        self._run, self._path = run, path
        self._file: TraceFile | None = None

    @pytest.hookimpl(trylast=True)
    def pytest_sessionstart(self) -> None:
        """Opens the file, once nothing else refuses the run."""
        try:
            self._file = TraceFile(self._path)
        except OSError as error:
            source = f"--trtperf-traces: {self._path}"
            raise pytest.UsageError(f"{source}: {error.strerror}") from None

    @first
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Moves raw times from a report into the file, and names their place in the record."""
        for key, packed in report.__dict__.pop("trtperf_traces", {}).items():
            if (place := self._add(packed)) is not None:
                data: list[dict[str, object]] = report.trtperf
                next(one for one in data if one["key"] == key)["traces"] = place

    def _add(self, packed: bytes) -> str | None:
        """Adds raw times to their file; after an error there is none any more."""
        if self._file is None:
            return None
        try:
            return self._file.add(packed)
        except OSError as error:
            _note(self._run, "--trtperf-traces", error)
            self._file.discard()
            self._file = None
            return None

    @first
    def pytest_trtperf_run_finished(self) -> None:
        """Publishes the file."""
        if self._file is not None:
            _write(self._run, "--trtperf-traces", self._file.close)


class JsonFile:
    """`--trtperf-json`: the record.

    Args:
        lines: what is beside it until then.
    """

    def __init__(self, run: Run, path: Path, lines: JsonLines) -> None:
        self._run, self._path, self._lines = run, path, lines

    def pytest_sessionstart(self) -> None:
        """Refuses the run if the record could not be written."""
        _check_place("--trtperf-json", self._path)

    @first
    def pytest_trtperf_run_finished(self, record: RunRecord) -> None:
        """Writes the file."""
        whole = _with_errors(record, self._run)
        if _write(self._run, "--trtperf-json", lambda: write_json(self._path, whole)):
            self._lines.remove()


class HtmlPage:
    """`--trtperf-html`: the record as a page for a browser."""

    def __init__(self, run: Run, path: Path) -> None:
        self._run, self._path = run, path

    def pytest_sessionstart(self) -> None:
        """Refuses the run if what a page needs is not installed, or it could not be written."""
        _check_place("--trtperf-html", self._path)
        try:
            check_installed()
        except ExtraMissing as error:
            raise pytest.UsageError(f"--trtperf-html: {error}") from None

    @first
    def pytest_trtperf_run_finished(self, record: RunRecord) -> None:
        """Writes the page."""
        whole = _with_errors(record, self._run)
        _write(self._run, "--trtperf-html", lambda: write_html(self._path, [whole]))


def _check_place(option: str, path: Path) -> None:
    """Refuses the run if a file surely cannot be written once the tests have run.

    Raises:
        pytest.UsageError: says why.
    """
    folder = next(one for one in Path(os.path.abspath(path)).parents if os.path.lexists(one))  # noqa: PTH100
    if os.path.isdir(path):  # noqa: PTH112 - Path.is_dir raises where a name is too long
        reason = "is a directory: name a file"
    elif not folder.is_dir():
        reason = f"{folder} is not a directory"
    elif not os.access(folder, os.W_OK | os.X_OK):
        is_read_only = os.statvfs(folder).f_flag & os.ST_RDONLY
        why = os.strerror(errno.EROFS if is_read_only else errno.EACCES)
        reason = f"{folder} cannot be written: {why}"
    else:
        return
    raise pytest.UsageError(f"{option}: {path}: {reason}")


class GitHubStepSummary:
    """The table of results, appended to the summary of a step of GitHub Actions."""

    def __init__(self, run: Run, path: Path) -> None:
        self._run, self._path = run, path

    @first
    def pytest_trtperf_run_finished(self, record: RunRecord) -> None:
        """Appends the table."""
        missing = [f"without a baseline, not compared: {key}" for key in self._run.missing]
        lines = [*missing, *self._run.errors, *unchanged_lines(self._run.unchanged, {}, 0)]
        text = markdown(self._run.title, record.measured, lines, record.tests)
        _write(self._run, "GITHUB_STEP_SUMMARY", lambda: github.append_summary(self._path, text))


class GitHubAnnotations:
    """Annotations of GitHub Actions, for tests that failed and verdicts that are open."""

    def __init__(self, run: Run, folder: str) -> None:
        self._run, self._folder = run, folder

    @first
    def pytest_trtperf_summary(
        self, terminalreporter: pytest.TerminalReporter, record: RunRecord
    ) -> None:
        """Writes workflow commands, one a line."""
        run = self._run
        for line in github.annotation_lines(
            record.measured, run.missing, run.errors, self._folder, record.tests
        ):
            terminalreporter.write_line(with_escapes(line))


class TerminalTable:
    """The section of the terminal that a run ends with."""

    def __init__(self, run: Run) -> None:
        self._run = run

    @first
    def pytest_trtperf_summary(
        self, terminalreporter: pytest.TerminalReporter, record: RunRecord
    ) -> None:
        """Writes the section."""
        run = self._run
        lines = summary_lines(
            record.measurements,
            [*record.max_qps, *record.pairs],
            missing=run.missing,
            written=run.recorded.written,
            stale=run.recorded.stale,
            removed=run.settings.update,
            uncollected=run.recorded.uncollected,
            errors=run.errors,
            of_older_form=run.of_older_form,
            against=run.settings.against,
            against_ended=run.against_ended,
            waited_s=run.waited_s,
            without_time=run.without_time,
            deprecated=[DEPRECATED_ESTIMATE] if run.settings.inconclusive == "estimate" else (),
            tests=record.tests,
            verbosity=terminalreporter.verbosity,
            width=_width(terminalreporter),
        )
        lines += unchanged_lines(run.unchanged, run.changed, terminalreporter.verbosity)
        if lines:
            terminalreporter.write_sep("=", one_line(run.title))
        for line in lines:
            at, style = (line.at, line.style) if isinstance(line, Line) else (0, {})
            if at:
                terminalreporter.write(many_lines(line[:at]))
            terminalreporter.write_line(many_lines(line[at:]), **style)


def _width(terminalreporter: pytest.TerminalReporter) -> int | None:
    """The columns of the terminal; None where there is none, and nothing says how wide a log is."""
    if not (terminalreporter.isatty or os.environ.get("COLUMNS")):
        return None
    return terminalreporter.config.get_terminal_writer().fullwidth


def _with_errors(record: RunRecord, run: Run) -> RunRecord:
    """The record with the exit status as it is after what other outputs could not write."""
    status = run.exit_status(record.exit_status)
    return msgspec.structs.replace(record, exit_status=status, errors=run.errors)


def _write(run: Run, source: str, write: Callable[[], object]) -> bool:
    """Whether it could be written; if not, why is noted."""
    try:
        write()
    except (OSError, ValueError) as error:
        _note(run, source, error)
        return False
    return True


def _note(run: Run, source: str, error: OSError | ValueError) -> None:
    if isinstance(error, OSError):
        text = ": ".join(filter(None, (error.filename, error.strerror))) or repr(error)
    else:
        text = str(error)
    run.note_error(f"{source}: {text}")
