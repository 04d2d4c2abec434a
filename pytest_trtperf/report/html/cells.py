"""What rows and cells of the page's tables have, of measurements and of nights alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_trtperf.record.text import shortened

if TYPE_CHECKING:
    from pytest_trtperf.report.html.changes import Change, Strip
    from pytest_trtperf.report.html.trend_rows import Spark

MAX_NAME = 160
NONE = "-"


@dataclass(frozen=True)
class Cell:
    """A text, what it sorts by (nothing sorts last), a second line in small, and a drawing.

    `url` makes the second line a link.
    """

    text: str
    sort: float | str = ""
    small: str = ""
    strip: Strip | None = None
    spark: Spark | None = None
    url: str | None = None


@dataclass(frozen=True)
class Row:
    """A line of a table; `place` is that of its details, `rank` what its state sorts by.

    `anchor` is what links name. `module` and `name` are short enough for a table, `key` is whole.
    `change` is None where nothing was compared.
    """

    place: int
    anchor: str
    state: str
    rank: int
    key: str
    module: str
    name: str
    tag: str
    cells: list[Cell]
    change: Change | None = None


def row_of(
    place: int,
    anchor: str,
    state: str,
    states: Sequence[str],
    key: str,
    tag: str,
    cells: list[Cell],
    change: Change | None = None,
) -> Row:
    """A line, with the names of the test as a table has them."""
    module, _, name = key.partition("::")
    if not name:
        module, name = "", key
    names = shortened(module, MAX_NAME), shortened(name, MAX_NAME)
    return Row(place, anchor, state, states.index(state), key, *names, tag, cells, change)


def counts(rows: Iterable[Row], states: Iterable[str]) -> dict[str, int]:
    """How many rows there are of each state that any is in."""
    found = [row.state for row in rows]
    return {state: found.count(state) for state in states if state in found}
