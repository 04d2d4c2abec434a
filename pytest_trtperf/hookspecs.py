"""The hooks that other plugins and a repository's conftest.py may implement.

They are provisional: until version 1.0 a release may change them, and the record too; the changelog
names such a change. docs/extending.md shows how to use them. An implementation that is to do no
harm where pytest-trtperf is not installed says `@pytest.hookimpl(optionalhook=True)`.

None of them is called without --trtperf.
"""

from __future__ import annotations

from operator import methodcaller
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_trtperf.backend.protocols import Backend
    from pytest_trtperf.record.model import Measured, RunRecord


def __dir__() -> list[str]:
    """The hooks alone, since pytest inspects each name that it finds here (PEP 562)."""
    return [*filter(methodcaller("startswith", "pytest_"), globals())]


@pytest.hookspec()
def pytest_trtperf_backends(config: pytest.Config) -> Sequence[Backend]:  # type: ignore[empty-body]
    """Adds backends, which --trtperf-backend then knows by their names.

    Called in each process that measures, and on the controller of pytest-xdist, before any test
    runs. An error here is a usage error: no test runs.
    """


@pytest.hookspec()
def pytest_trtperf_measured(item: pytest.Item, record: Measured) -> None:
    """Takes a measurement, a search for the highest rate or a pair, once its test has been judged.

    Called in the process that measured, for each record of a test, when the report of its call
    phase is made; a test that a plugin runs again reports again. What is appended to
    `item.user_properties` is in the report. `record.outcome` is what pytest says by then; a
    teardown that fails makes an error of it. An error here fails the run, not the test.
    """


@pytest.hookspec()
def pytest_trtperf_run_finished(config: pytest.Config, record: RunRecord) -> None:
    """Takes the record of a whole run, as --trtperf-json writes it.

    Called once, on the controller of pytest-xdist or in the only process, after all tests and
    before pytest exits, even if the run was interrupted; files of the built-in options are written
    by then. An error here is an error line of the summary and fails the run.
    """


@pytest.hookspec()
def pytest_trtperf_summary(terminalreporter: pytest.TerminalReporter, record: RunRecord) -> None:
    """Adds lines to the end of the terminal's summary, below the table of measurements.

    Called once, where `pytest_trtperf_run_finished` is, and after that. An error here is an error
    line of the summary and fails the run.
    """
