"""A run that builds engines and measures nothing, as its controlling process sees it."""

from __future__ import annotations

import pytest

from pytest_trtperf.report.terminal import header
from pytest_trtperf.run.run import Run
from pytest_trtperf.text import one_line


class BuildController:
    """Reports which engines there are; there is nothing to record or to write."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def pytest_report_header(self) -> str:
        """https://docs.pytest.org/en/stable/reference/reference.html#std-hook-pytest_report_header"""
        probe = self._run.target.probe
        return one_line(header(probe.backend, self._run.target.device, probe.software))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """A run that no test asks for an engine is not green."""
        if exitstatus == pytest.ExitCode.OK and not self._run.engines:
            session.exitstatus = pytest.ExitCode.NO_TESTS_COLLECTED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """https://docs.pytest.org/en/stable/reference/reference.html#std-hook-pytest_terminal_summary"""
        engines = self._run.engines
        built = sum(engines.values())
        terminalreporter.write_sep("=", one_line(self._run.title))
        ready = f"engines ready: {len(engines)}, built by this run: {built}"
        line = f"{ready}; nothing was measured"
        if self._run.settings.smoke:
            line = (
                f"{ready}, queries run: {self._run.queries}; nothing was measured, "
                "no budget and no baseline was judged"
            )
        terminalreporter.write_line(one_line(line))
        if self._run.target.probe.only_builds and engines:
            terminalreporter.write_line(
                "built without a GPU, and not loaded: this shows what builds; a machine with a "
                "GPU builds its own engines"
            )
