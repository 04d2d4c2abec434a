"""The lines beside the file of `--trtperf-json`, while the run goes on."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from pytest_trtperf.record.baseline_state import NOT_RECORDED, RECORDED
from pytest_trtperf.record.json_lines import (
    CollectedLine,
    TestLine,
    append,
    begin,
    lines_path,
)
from pytest_trtperf.run.run import Run
from pytest_trtperf.run.run_record import begun_record
from pytest_trtperf.utc import utc_now

_NOT_ENDED = "the run did not end"


class JsonLines:
    """Writes what each test measured and how it ended, as soon as this is known.

    What cannot be written is lost only if the run is killed, too: the file at its end says why.
    """

    def __init__(self, run: Run, path: Path) -> None:
        self._run, self._path = run, path
        self._lines = lines_path(path)
        self._collected = 0

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self) -> None:
        """Begins the file, and removes what a killed run left."""
        with contextlib.suppress(OSError, ValueError):
            begin(self._path, begun_record(self._run))
        self._note_collected()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Appends what a report brought; the controller has taken it by now."""
        self._note_collected()
        if found := getattr(report, "trtperf", ()):
            self._append(_not_recorded_yet(one) for one in found)
        if report.when in ("setup", "call"):
            return
        items = self._run.items
        if item := items.record(items.plain_id(report.nodeid)):
            self._append([TestLine(item=item, ended=utc_now())], sync=True)

    def remove(self) -> None:
        """Removes the lines: the file of the whole run is there."""
        with contextlib.suppress(OSError):
            self._lines.unlink(missing_ok=True)

    def _note_collected(self) -> None:
        """Writes which tests there are; with pytest-xdist the first report brings them."""
        items = self._run.items.collected
        if len(items) > self._collected:
            new, self._collected = items[self._collected :], len(items)
            self._append([CollectedLine(items=items)])
            # A worker may crash before the first report.
            ended = [item for one in new if (item := self._run.items.record(one.test))]
            crashed = [one for one in ended if one.outcome == "failed"]
            self._append((TestLine(item=one, ended=utc_now()) for one in crashed), sync=True)

    def _append(self, records: Iterable[Any], *, sync: bool = False) -> None:
        with contextlib.suppress(OSError, ValueError):
            append(self._lines, records, sync=sync)


def _not_recorded_yet(measured: dict[str, Any]) -> dict[str, Any]:
    """A measurement as it is in the lines, which are left only if nothing was recorded."""
    if measured.get("baseline") != RECORDED:
        return measured
    return {**measured, "baseline": NOT_RECORDED, "baseline_why": _NOT_ENDED}
