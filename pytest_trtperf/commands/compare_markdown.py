"""A comparison of two records in Markdown, for a comment that a job writes anew each time."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_trtperf.commands.compare_text import (
    COLUMNS,
    INCOMPLETE,
    costs_of,
    remaining,
    rows_of,
    summary,
)
from pytest_trtperf.commands.compared_costs import cost_counts, cost_rows
from pytest_trtperf.commands.compared_records import Comparisons
from pytest_trtperf.record.text import shortened
from pytest_trtperf.report.markdown import MAX_CHARACTERS, escaped, markdown_table

MAX_COMMENT = 60_000
"""Characters: a comment on GitHub has at most 65 536."""


def markdown_text(found: Comparisons, marker: str, *, everything: bool) -> str:
    """The whole comment; what does not fit into one is left out.

    Args:
        marker: what the first line names, a comment of HTML that readers do not see.
        everything: whether unchanged measurements are shown too.
    """
    lines = [f"<!-- {marker} -->", *_lines(found, everything=everything)]
    size = 0
    for number, line in enumerate(lines):
        size += len(line) + 1
        if size > MAX_COMMENT:
            return "\n".join([*lines[:number], "", "The rest is in the records."])
    return "\n".join(lines)


def _lines(found: Comparisons, *, everything: bool) -> Iterator[str]:
    shown = [one for one in found.compared if everything or one.is_worth_a_word]
    shown.sort(key=lambda one: (not one.failed, bool(one.expected)))
    yield from (f"### trtperf: {summary(found)}", "")
    places = {(one.identity.backend, one.identity.hardware_class) for one in found.compared}
    yield from (", ".join(f"{backend} on {name}" for backend, name in sorted(places)), "")
    yield from (f"**{INCOMPLETE}**", "") if found.incomplete else ()
    rows = [row for one in shown for row in rows_of(one)]
    costs = costs_of(found)
    rows += cost_rows(costs, everything=everything)
    yield from (*markdown_table(COLUMNS, rows), "") if rows else ()
    # Below the table they speak of: after another list they would be items of that.
    notes = [
        _item(f"{shortened(one.identity.key)}: {text}")
        for one in shown
        for text in (*one.notes, *one.differences)
    ]
    yield from (*notes, "") if notes else ()
    if counts := cost_counts(costs, everything=everything):
        yield from (escaped(counts), "")
    for name, those in remaining(found):
        yield from (f"**{name} ({len(those)})**", "", *map(_item, those), "")


def _item(text: str) -> str:
    return f"- {escaped(shortened(text, MAX_CHARACTERS))}"
