"""Which tests there are, as pytest collects them; none of them runs."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pytest_trtperf.baseline.locate import locate
from pytest_trtperf.commands.common import note
from pytest_trtperf.errors import BaselineError
from pytest_trtperf.run.pytest_options import settings_of_run


@dataclass(eq=False)
class CollectedTests:
    """Keys of tests, and the modules that were collected, for one baseline directory.

    Other plugins may leave out tests after they were collected: those count as collected.

    Attributes:
        modules: those that were collected whole.
        skipped: those that are skipped, or a class of them, and why.
    """

    directory: Path
    modules: set[str] = field(default_factory=set)
    skipped: dict[str, str] = field(default_factory=dict)
    tests: set[str] = field(default_factory=set)
    _started: dict[str, str] = field(default_factory=dict)
    _rootdir: Path = Path()
    _configured: Path | None = None

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Refuses what would collect only a part of a module."""
        self._rootdir = config.rootpath
        self._configured = settings_of_run(config).baseline_dir
        if parts := [word for word in config.args if "::" in word]:
            raise pytest.UsageError(
                f"{parts[0]}: name whole modules, or others of its tests would count as gone"
            )

    def pytest_collectstart(self, collector: pytest.Collector) -> None:
        """https://docs.pytest.org/en/stable/reference/reference.html#std-hook-pytest_collectstart"""
        within = collector.getparent(pytest.Module)
        if within and (module := self._module(within.path)):
            self._started[collector.nodeid] = module

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """https://docs.pytest.org/en/stable/reference/reference.html#std-hook-pytest_collectreport"""
        if not (module := self._started.get(report.nodeid)):
            return
        if report.outcome != "passed":
            self.skipped[module] = _why(report)
        self.modules.add(module)
        self.modules -= self.skipped.keys()

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        """https://docs.pytest.org/en/stable/reference/reference.html#std-hook-pytest_itemcollected"""
        if module := self._module(item.path):
            self.tests.add(f"{module}::{item.nodeid.partition('::')[2]}")

    def _module(self, path: Path) -> str | None:
        """The module's name in the baseline directory; None if its baselines are elsewhere."""
        where, name = locate(path, self._rootdir, self._configured)
        return name if where.resolve() == self.directory else None


def _why(report: pytest.CollectReport) -> str:
    """Why a module is skipped."""
    said = report.longrepr
    text = said[2] if isinstance(said, tuple) else report.longreprtext
    return text.removeprefix("Skipped: ")


def collect_tests(arguments: Sequence[str], directory: Path) -> CollectedTests:
    """Collects the tests that arguments of pytest name.

    Raises:
        BaselineError: not all modules could be collected; pytest's output is on standard error.
    """
    found = CollectedTests(directory.resolve())
    output = io.StringIO()
    # --lf and --ff of the project's configuration would leave out whole modules.
    # Rewriting asserts would warn of our modules, which are imported already.
    words = ["--collect-only", "-q", "-p", "no:cacheprovider", "--assert=plain", *arguments]
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        status = pytest.main(words, plugins=[found])
    if status not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        for line in output.getvalue().splitlines():
            note(line)
        raise BaselineError(
            f"pytest {' '.join(words)} could not collect all tests: no entry is removed"
        )
    if not (found.modules or found.skipped):
        raise BaselineError(
            f"pytest {' '.join(words)} collected no module whose baselines are in {directory}: "
            "name the folders of tests after --"
        )
    return found
