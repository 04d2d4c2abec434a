"""The forest plot: the change of every measurement with its interval, the slowest first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from pytest_trtperf.analysis.percent import percent_interval, signed_percent
from pytest_trtperf.report.html.cells import Row
from pytest_trtperf.report.html.changes import Scale, Strip

SHOWN = 30
"""Rows that are there at once; a click shows all others."""


@dataclass(frozen=True)
class ForestRow:
    """A measurement that was compared; `says` is its interval, after a metric that is not usual."""

    anchor: str
    state: str
    name: str
    change: str
    says: str
    strip: Strip


@dataclass(frozen=True)
class Forest:
    """The rows, those beyond the first few apart, and the ticks of their scale.

    `metric` is that of rows that name none.
    """

    first: Sequence[ForestRow]
    more: Sequence[ForestRow]
    ticks: Sequence[tuple[str, float]]
    metric: str
    is_raced: bool
    is_beyond: bool


def forest_of(rows: Sequence[Row]) -> Forest | None:
    """The changes of all that was compared; None where nothing was."""
    found = [(row.change, row) for row in rows if row.change is not None]
    if not found:
        return None
    usual = Counter(change.metric for change, _ in found).most_common(1)[0][0]
    scale = Scale.of(change for change, _ in found)
    found.sort(key=lambda pair: (-pair[0].worse, pair[1].key))
    lines = [
        ForestRow(
            anchor=row.anchor,
            state=row.state,
            name=f"{row.name} {row.tag}".rstrip(),
            change=signed_percent(change.share),
            says=("" if change.metric == usual else f"{change.metric} ")
            + percent_interval(change.lower, change.upper),
            strip=scale.strip(change),
        )
        for change, row in found
    ]
    return Forest(
        first=lines[:SHOWN],
        more=lines[SHOWN:],
        ticks=[(f"{100 * share:+.3g}%" if share else "0", at) for share, at in scale.ticks],
        metric=usual,
        is_raced=any(change.stored is not None for change, _ in found),
        is_beyond=any(line.strip.beyond for line in lines),
    )
