"""Text in columns for the terminal: as wide as it is, and in colours where that has them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from pytest_trtperf.text import one_line, without_middle

LEAST_NAME = 24
"""The characters that the first column keeps at least."""


class Line(str):
    """A line whose end is marked.

    Attributes:
        at: where the marked part begins.
        style: pytest's names, such as ``{"red": True}``; empty for none.
    """

    at: int
    style: Mapping[str, bool]

    def __new__(  # noqa: PYI034  # Python 3.10 has no typing.Self
        cls, text: str, style: Mapping[str, bool] | None = None, at: int = 0
    ) -> Line:
        """The line."""
        line = super().__new__(cls, text)
        line.at, line.style = at, style or {}
        return line


def aligned(rows: Sequence[Sequence[str]], left: Collection[int] = (0,)) -> list[str]:
    """Rows as lines of equal columns; the columns in `left` are flushed left, the others right."""
    rows = [list(map(one_line, row)) for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if column in left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def on_the_point(cells: Sequence[str]) -> list[str]:
    """Numbers with blanks behind them: right-justified, they have their points below each other.

    So a reader sees which is ten times as large. What is no number stays as it is.
    """
    behind = [len(cell) - len(cell.partition(".")[0]) for cell in cells]
    most = max(behind, default=0)
    return [
        cell + " " * (most - taken) if cell[-1:].isdigit() else cell
        for cell, taken in zip(cells, behind, strict=True)
    ]


def fitted(
    rows: Sequence[Sequence[str]], width: int | None, dropped: Sequence[int], left: Collection[int]
) -> list[str]:
    """As `aligned`, in lines of at most `width` characters as far as that is possible.

    Columns are left out, and names in the first column lose the file that all have in common, which
    then is its title, or their middle.

    Args:
        width: None for no limit.
        dropped: columns that may be left out, in this order; not the first one.
    """
    if width is None:
        return aligned(rows, left)
    kept = list(range(len(rows[0])))

    def lines(longest_name: int) -> list[str]:
        chosen = [
            [without_middle(one_line(row[0]), longest_name), *(row[place] for place in kept[1:])]
            for row in rows
        ]
        return aligned(chosen, [place for place, column in enumerate(kept) if column in left])

    def needed() -> int:
        return max(map(len, lines(LEAST_NAME)))

    for column in dropped:
        if column in kept and needed() > width:
            kept.remove(column)
    longest_name = LEAST_NAME + max(0, width - needed())
    if any(len(one_line(row[0])) > longest_name for row in rows):
        rows = _under_their_file(rows)
    return lines(longest_name)


def _under_their_file(rows: Sequence[Sequence[str]]) -> Sequence[Sequence[str]]:
    titles, *others = rows
    files = {row[0].partition("::")[0] for row in others}
    if len(files) != 1 or not all("::" in row[0] for row in others):
        return rows
    (file,) = files
    return [(file, *titles[1:]), *((row[0].removeprefix(f"{file}::"), *row[1:]) for row in others)]
