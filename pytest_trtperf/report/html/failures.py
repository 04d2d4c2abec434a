"""What failed, as a page lists it above its tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pytest_trtperf.judge.headline import headline
from pytest_trtperf.record.item import ItemRecord
from pytest_trtperf.record.model import Measured, MeasurementRecord, RunRecord
from pytest_trtperf.record.text import shortened
from pytest_trtperf.record.verdict import VerdictRecord
from pytest_trtperf.report.html.cells import MAX_NAME, Row
from pytest_trtperf.report.outcomes import broken, broken_line, outcome


@dataclass(frozen=True)
class Failure:
    """What failed; `anchor` is its row. A message has its numbers first."""

    anchor: str
    key: str
    messages: list[tuple[str, str]]
    differences: list[str]


def failures(found: Sequence[tuple[RunRecord, Measured]], rows: Sequence[Row]) -> list[Failure]:
    """Everything that failed, with what else changed; a message need not repeat the key."""
    return [
        Failure(
            row.anchor,
            shortened(one.key, MAX_NAME),
            [_message(one, verdict) for verdict in one.verdicts if verdict.failed],
            one.differences if isinstance(one, MeasurementRecord) else [],
        )
        for (_, one), row in zip(found, rows, strict=True)
        if outcome(one) == "fail"
    ]


def broken_tests(
    runs: Sequence[RunRecord], tests: Sequence[tuple[RunRecord, ItemRecord]], rows: Sequence[Row]
) -> list[Failure]:
    """The tests of all runs that failed and that no verdict explains.

    Args:
        tests: all of them, with their runs.
        rows: one for each of these.
    """
    anchors = {
        (id(run), test.test): row.anchor for (run, test), row in zip(tests, rows, strict=True)
    }
    return [
        Failure(
            anchors[id(run), test.test],
            shortened(test.key, MAX_NAME),
            [(broken_line(test), "")],
            [],
        )
        for run in runs
        for test in broken(run.tests, run.measured)
    ]


def _message(one: Measured, verdict: VerdictRecord) -> tuple[str, str]:
    """The numbers in a line, and all of it; the second is empty where the first says it."""
    whole = verdict.message.removeprefix(f"{one.key}: ")
    numbers = headline(verdict, one.key, one.device)
    return (whole, "") if numbers == verdict.message else (numbers, whole)
