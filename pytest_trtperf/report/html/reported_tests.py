"""The tests of the runs as pytest reports them: each with its outcome, its time and its output."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

import msgspec

from pytest_trtperf.record.item import FAILED, AttemptRecord, ItemRecord, Outcome
from pytest_trtperf.record.model import Measured, RunRecord
from pytest_trtperf.record.text import shortened
from pytest_trtperf.report.html.cells import MAX_NAME, NONE, Cell, Row, row_of
from pytest_trtperf.report.html.links import anchors
from pytest_trtperf.text import counted

COLUMNS = ("Seconds", "Measured", "Why")

STATES = (
    *FAILED,
    *(state for state in get_args(Outcome) if state not in (*FAILED, "passed")),
    "passed",
)
"""What is red first, what passed last."""

Reported = tuple[RunRecord, ItemRecord]


class ReportedDetails(msgspec.Struct, frozen=True, kw_only=True, tag="test"):
    """A test; `measured` are the anchors and keys of the rows of its measurements."""

    key: str
    reason: str
    output: str
    attempts: list[AttemptRecord]
    failed_subtests: list[str]
    measured: list[tuple[str, str]]
    facts: dict[str, str]


def in_order(runs: Sequence[RunRecord]) -> list[Reported]:
    """What failed first, then the longest."""
    found = [(run, test) for run in runs for test in run.tests]
    found.sort(key=lambda pair: (STATES.index(pair[1].outcome), -_seconds(pair[1])))
    return found


def rows_of(found: Sequence[Reported]) -> list[Row]:
    """A row for each test."""
    names = anchors("item", [(one.key, run.hardware_class, run.backend) for run, one in found])
    return [
        row_of(place, names[place], one.outcome, STATES, one.key, "", _cells(run, one))
        for place, (run, one) in enumerate(found)
    ]


def _cells(run: RunRecord, one: ItemRecord) -> list[Cell]:
    seconds, count = _seconds(one), sum(measured.test == one.test for measured in run.measured)
    attempts = counted(len(one.attempts), "attempt") if one.attempts else ""
    return [
        Cell(f"{seconds:.2f}" if one.seconds else NONE, seconds, attempts),
        Cell(str(count), count),
        Cell(shortened(one.reason, MAX_NAME) or NONE, one.reason),
    ]


def details_of(
    found: Sequence[Reported],
    measured: Sequence[tuple[RunRecord, Measured]],
    rows: Sequence[Row],
) -> list[ReportedDetails]:
    """What a row shows once it is opened.

    Args:
        measured: all measurements.
        rows: one for each of these.
    """
    links: dict[tuple[int, str], list[tuple[str, str]]] = {}
    for (run, of), row in zip(measured, rows, strict=True):
        links.setdefault((id(run), of.test), []).append((row.anchor, of.key))
    return [
        ReportedDetails(
            key=one.key,
            reason=one.reason,
            output=one.output,
            attempts=one.attempts,
            failed_subtests=one.failed_subtests,
            measured=links.get((id(run), one.test), []),
            facts=_facts(one),
        )
        for run, one in found
    ]


def _facts(one: ItemRecord) -> dict[str, str]:
    """Where it is defined, who owns it and how long each part took."""
    file = one.test.partition("::")[0]
    facts = {"defined": f"{file}, line {one.line}"} if one.line is not None else {}
    facts |= {phase: f"{seconds:.3g} s" for phase, seconds in one.seconds.items()}
    return facts | ({"owner": one.owner} if one.owner else {}) | one.labels


def _seconds(one: ItemRecord) -> float:
    return sum(one.seconds.values())
