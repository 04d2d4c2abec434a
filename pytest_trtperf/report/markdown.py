"""A run in Markdown, as GitHub shows it: a table, what failed, and what is missing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from pytest_trtperf.record.item import ItemRecord
from pytest_trtperf.record.model import Measured, MeasurementRecord
from pytest_trtperf.report.environment import environment_lines
from pytest_trtperf.report.outcomes import (
    COLUMNS,
    OUTCOMES,
    broken,
    broken_line,
    marks_explained,
    outcome,
    row,
    tests_line,
)
from pytest_trtperf.report.undecided import undecided_line
from pytest_trtperf.text import with_escapes, without_middle

MAX_ROWS = 500
"""Of a table: nobody reads more."""

MAX_CHARACTERS = 1000


def escaped(text: str) -> str:
    """A text that Markdown shows as it is, on one line."""
    line = with_escapes(" ".join(text.split()))
    return re.sub(r"([\\`*_\[\]<>|~&#])", r"\\\1", line)


def markdown_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a table, its first column flushed left."""
    head = [":--", *("--:" for _ in columns[1:])]
    cells = [columns, *(list(map(escaped, row)) for row in rows)]
    lines = [f"| {' | '.join(line)} |" for line in cells]
    return [lines[0], f"|{'|'.join(head)}|", *lines[1:]]


def markdown(
    title: str,
    measured: Sequence[Measured],
    problems: Sequence[str] = (),
    tests: Sequence[ItemRecord] = (),
) -> str:
    """The whole section; what failed comes first.

    Args:
        tests: all that measure.
        problems: lines about what is missing or could not be written.
    """
    found = sorted(measured, key=lambda one: OUTCOMES.index(outcome(one)))
    rows = [row(one) for one in found if isinstance(one, MeasurementRecord)]
    lines = [f"### {escaped(title)}", ""]
    if counts := tests_line(tests):
        lines += [escaped(counts), ""]
    if rows:
        lines += [*markdown_table(COLUMNS, rows[:MAX_ROWS]), ""]
        lines += _items(marks_explained(found[:MAX_ROWS]))
    if len(rows) > MAX_ROWS:
        lines += [f"{len(rows) - MAX_ROWS} more are in the record.", ""]
    lines += _items(broken_line(one) for one in broken(tests, measured)[:MAX_ROWS])
    others = [one for one in found if not isinstance(one, MeasurementRecord)]
    lines += _items(one.message for one in others[:MAX_ROWS])
    lines += _items(
        line
        for one in found[:MAX_ROWS]
        if outcome(one) == "fail"
        for line in (
            *(verdict.message for verdict in one.verdicts if verdict.failed),
            *(one.differences if isinstance(one, MeasurementRecord) else ()),
        )
    )
    undecided = undecided_line(measured)
    lines += _items([*environment_lines(measured), *problems, *([undecided] if undecided else [])])
    if not measured:
        lines.append("nothing was measured")
    return "\n".join(lines).rstrip() + "\n"


def _items(texts: Iterable[str]) -> list[str]:
    items = [f"- {escaped(without_middle(text, MAX_CHARACTERS))}" for text in texts]
    return [*items, ""] if items else []
