"""The rows of the page's tables: texts, what each column sorts by, and a state in one word."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pytest_trtperf.analysis.series import State
from pytest_trtperf.report.record import (
    CapacityRecord,
    MeasurementRecord,
    PairRecord,
    RunRecord,
    VerdictRecord,
)
from pytest_trtperf.report.trend import ENDED, Trend
from pytest_trtperf.report.words import most_telling, outcome, shortened
from pytest_trtperf.report.words import row as words_of

Measured = MeasurementRecord | CapacityRecord | PairRecord

OUTCOMES = ("fail", "inconclusive", "pass", "measured")
TREND_STATES = {
    State.ALARM.value: "alarm",
    State.IMPROVED.value: "improved",
    State.QUIET.value: "quiet",
    State.TOO_SHORT.value: "too short",
    ENDED: "ended",
}

LONGEST_NAME = 160
NONE = "–"


@dataclass(frozen=True)
class Cell:
    """A text, what it sorts by (nothing sorts last), and a second line in small."""

    text: str
    sort: float | str = ""
    small: str = ""


@dataclass(frozen=True)
class Row:
    """A line of a table; `place` is that of its details.

    `name` is short enough for a table, `key` whole.
    """

    place: int
    state: str
    rank: int
    key: str
    module: str
    name: str
    tag: str
    cells: list[Cell]


@dataclass(frozen=True)
class Failure:
    """What failed, told in full."""

    place: int
    key: str
    messages: list[str]
    differences: list[str]


MEASURED_COLUMNS = ("P50 ms", "P99 ms", "QPS", "Budget", "Baseline", "Change")
TREND_COLUMNS = ("Metric", "Hardware", "Level", "Change", "Since", "Record", "Nights")
TEXT_COLUMNS = frozenset({"Budget", "Metric", "Hardware", "Since", "Record"})


def measured_rows(found: Sequence[tuple[RunRecord, Measured]]) -> list[Row]:
    """A row for each, at least one; the hardware comes last where there are several."""
    one_place = len({(run.hardware_class, run.backend) for run, _ in found}) == 1
    medians, p99s, rates = zip(*(_numbers(one) for _, one in found), strict=True)
    columns = [_number_cells(medians, 4), _number_cells(p99s, 4), _number_cells(rates, 2)]
    rows = []
    for place, (run, one) in enumerate(found):
        state = outcome(one)
        cells = [column[place] for column in columns] + _compared_cells(one)
        if not one_place:
            cells.append(Cell(run.hardware_class, run.hardware_class, run.backend))
        rows.append(_row(place, state, OUTCOMES.index(state), one.key, _tag(one), cells))
    return rows


def trend_rows(trends: Sequence[Trend]) -> list[Row]:
    """A row for each series."""
    states = list(TREND_STATES)
    return [
        _row(
            place, TREND_STATES.get(one.state, one.state), states.index(one.state), one.key, "",
            _trend_cells(one),
        )
        for place, one in enumerate(trends)
    ]  # fmt: skip


def failures(found: Sequence[tuple[RunRecord, Measured]]) -> list[Failure]:
    """Everything that failed, with what else changed; a message need not repeat the key."""
    return [
        Failure(
            place,
            shortened(one.key, LONGEST_NAME),
            [v.message.removeprefix(f"{one.key}: ") for v in one.verdicts if v.failed],
            one.differences if isinstance(one, MeasurementRecord) else [],
        )
        for place, (_, one) in enumerate(found)
        if outcome(one) == "fail"
    ]


def _row(place: int, state: str, rank: int, key: str, tag: str, cells: list[Cell]) -> Row:
    module, _, name = key.partition("::")
    if not name:
        module, name = "", key
    names = shortened(module, LONGEST_NAME), shortened(name, LONGEST_NAME)
    return Row(place, state, rank, key, *names, tag, cells)


def _tag(one: Measured) -> str:
    if isinstance(one, CapacityRecord):
        return "highest rate"
    if isinstance(one, PairRecord):
        return "pair"
    return f"{one.sweep.variable.replace('_', ' ')} {one.sweep.value:g}" if one.sweep else ""


def _numbers(one: Measured) -> tuple[float | None, float | None, float | None]:
    """Median, P99 and rate."""
    if isinstance(one, MeasurementRecord):
        judged = one.summary[one.judged_metric]
        return judged["median"], judged["p99"], one.throughput
    return (None, None, one.rate) if isinstance(one, CapacityRecord) else (None, None, None)


def _number_cells(numbers: Sequence[float | None], most: int) -> list[Cell]:
    """Texts with as many decimals as the smallest needs for three digits, all alike."""
    known = [abs(number) for number in numbers if number]
    digits = 2 - math.floor(math.log10(min(known))) if known else 0
    places = max(0, min(most, digits))
    return [Cell(NONE) if n is None else Cell(f"{n:,.{places}f}", n) for n in numbers]


def _compared_cells(one: Measured) -> list[Cell]:
    """Budget, baseline and change."""
    if isinstance(one, MeasurementRecord):
        budget, baseline = words_of(one)[4:6]
        shown = most_telling(one)
        state = one.baseline if shown is None or shown.baseline is None else ""
        return [
            _budget_cell("" if budget == "-" else budget),
            Cell(state) if state else _baseline_cell(shown, baseline),
            _change_cell(shown),
        ]
    limits = [v for v in one.verdicts if v.limit is not None]
    if isinstance(one, CapacityRecord):
        budget = ", ".join(f">={verdict.limit:.4g} qps" for verdict in limits)
        keeps = f"P99 ≤ {one.limit_ms:g} ms"
        return [_budget_cell(budget, keeps), Cell(NONE), Cell(NONE)]
    kind, ratio = next(iter(one.ratios.items()))
    change = ratio["value"] - 1
    interval = f"[{ratio['lower'] - 1:+.1%}, {ratio['upper'] - 1:+.1%}]"
    budget = ", ".join(f"{verdict.metric} {verdict.limit:+.1%}" for verdict in limits)
    reference = Cell(f"{ratio['reference']:.4g}", ratio["reference"], f"reference {kind}")
    return [_budget_cell(budget), reference, Cell(f"{change:+.1%}", change, interval)]


def _budget_cell(text: str, small: str = "") -> Cell:
    return Cell(text.replace("<=", " ≤ ").replace(">=", "≥ ") or NONE, text, small)


def _baseline_cell(shown: VerdictRecord | None, text: str) -> Cell:
    if shown is None or shown.baseline is None:
        return Cell(text)
    return Cell(f"{shown.baseline:.4g}", shown.baseline, shown.metric)


def _change_cell(shown: VerdictRecord | None) -> Cell:
    if shown is None or shown.change is None:
        return Cell(NONE)
    upper = "" if shown.upper is None else f"{shown.upper:+.1%}"
    lower = "" if shown.lower is None else f"{shown.lower:+.1%}"
    return Cell(f"{shown.change:+.1%}", shown.change, f"[{lower}, {upper}]")


def _trend_cells(one: Trend) -> list[Cell]:
    change = Cell(NONE)
    if one.change is not None:
        interval = f"[{one.lower:+.1%}, {one.upper:+.1%}]"
        change = Cell(f"{one.change:+.1%}", one.change, interval)
    level = Cell(NONE)
    if one.level is not None:
        level = Cell(f"{one.level:.4g} {one.unit}", one.level)
    night = one.since or (one.changes[-1].night if one.changes else None)
    record, commit = (shortened(night.record, 60), (night.commit or "")[:12]) if night else ("", "")
    return [
        Cell(one.metric, one.metric),
        Cell(one.hardware_class, one.hardware_class, one.backend),
        level,
        change,
        Cell(night.created[:10], night.created, "" if one.since else "last change")
        if night
        else Cell(NONE),
        Cell(record or NONE, record, commit),
        Cell(str(one.measured), one.measured),
    ]


def counts(rows: Iterable[Row], states: Iterable[str]) -> dict[str, int]:
    """How many rows there are of each state that any is in."""
    found = [row.state for row in rows]
    return {state: found.count(state) for state in states if state in found}
