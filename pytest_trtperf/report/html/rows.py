"""The rows of the page's tables: texts, what each column sorts by, and a state in one word."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pytest_trtperf.analysis.percent import percent_interval, signed_percent
from pytest_trtperf.judge.trend import State, Trend
from pytest_trtperf.record.baseline_state import baseline_words
from pytest_trtperf.record.model import (
    MaxQpsRecord,
    Measured,
    MeasurementRecord,
    PairRecord,
    RunRecord,
)
from pytest_trtperf.record.text import shortened
from pytest_trtperf.record.verdict import VerdictRecord
from pytest_trtperf.report.outcomes import (
    COLUMNS,
    OUTCOMES,
    broken,
    broken_line,
    decisive,
    outcome,
)
from pytest_trtperf.report.outcomes import row as cells_of

TREND_STATES = {state.value: state.value for state in State}

MAX_NAME = 160
LARGE = 10_000  # numbers that no reader wants decimals of
NONE = "-"


@dataclass(frozen=True)
class Cell:
    """A text, what it sorts by (nothing sorts last), and a second line in small."""

    text: str
    sort: float | str = ""
    small: str = ""


@dataclass(frozen=True)
class Row:
    """A line of a table; `place` is that of its details, `rank` what its state sorts by.

    `module` and `name` are short enough for a table, `key` is whole.
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
    """What failed, in full; a test without a measurement has no place in the table."""

    place: int | None
    key: str
    messages: list[str]
    differences: list[str]


MEASURED_COLUMNS = ("P50 ms", "P99 ms", "QPS", "Budget ms", "Baseline", "Change")
TREND_COLUMNS = ("Metric", "Hardware", "Level", "Change", "Since", "Record", "Nights")
TEXT_COLUMNS = frozenset({"Budget ms", "Metric", "Hardware", "Since", "Record"})


def measured_rows(found: Sequence[tuple[RunRecord, Measured]]) -> list[Row]:
    """A row for each, at least one; the hardware comes last where there are several."""
    one_place = len({(run.hardware_class, run.backend) for run, _ in found}) == 1
    lines = [_line_of(one) for _, one in found]
    columns = [
        _number_cells([line.median for line in lines]),
        _number_cells([line.p99 for line in lines]),
        _number_cells([line.rate for line in lines], max_places=2),
        [line.budget for line in lines],
        _number_cells([line.baseline for line in lines], [line.baseline_of for line in lines]),
        [line.change for line in lines],
    ]
    if not one_place:
        columns.append([Cell(run.hardware_class, run.hardware_class, run.backend)
                        for run, _ in found])  # fmt: skip
    return [
        _row(place, outcome(one), OUTCOMES, one.key, _tag(one), [cells[place] for cells in columns])
        for place, (_, one) in enumerate(found)
    ]


def trend_rows(trends: Sequence[Trend]) -> list[Row]:
    """A row for each series."""
    states = list(TREND_STATES.values())
    return [
        _row(place, TREND_STATES[one.state], states, one.key, "", _trend_cells(one))
        for place, one in enumerate(trends)
    ]


def failures(found: Sequence[tuple[RunRecord, Measured]]) -> list[Failure]:
    """Everything that failed, with what else changed; a message need not repeat the key."""
    return [
        Failure(
            place,
            shortened(one.key, MAX_NAME),
            [v.message.removeprefix(f"{one.key}: ") for v in one.verdicts if v.failed],
            one.differences if isinstance(one, MeasurementRecord) else [],
        )
        for place, (_, one) in enumerate(found)
        if outcome(one) == "fail"
    ]


def broken_tests(runs: Sequence[RunRecord]) -> list[Failure]:
    """The tests of all runs that failed and that no verdict explains."""
    return [
        Failure(None, shortened(test.key, MAX_NAME), [broken_line(test)], [])
        for run in runs
        for test in broken(run.tests, run.measured)
    ]


def _row(
    place: int, state: str, states: Sequence[str], key: str, tag: str, cells: list[Cell]
) -> Row:
    module, _, name = key.partition("::")
    if not name:
        module, name = "", key
    names = shortened(module, MAX_NAME), shortened(name, MAX_NAME)
    return Row(place, state, states.index(state), key, *names, tag, cells)


def _tag(one: Measured) -> str:
    if isinstance(one, MaxQpsRecord):
        return "highest rate"
    if isinstance(one, PairRecord):
        return "pair"
    return f"{one.sweep.variable.replace('_', ' ')} {one.sweep.value:g}" if one.sweep else ""


@dataclass(frozen=True)
class _Line:
    """The numbers of a row, formatted by column; `baseline_of` names the baseline's metric."""

    median: float | None = None
    p99: float | None = None
    rate: float | None = None
    budget: Cell = Cell(NONE)
    baseline: float | None = None
    baseline_of: str = ""
    change: Cell = Cell(NONE)


def _line_of(one: Measured) -> _Line:
    if isinstance(one, MeasurementRecord):
        return _measurement_line(one)
    limits = [(verdict, verdict.limit) for verdict in one.verdicts if verdict.limit is not None]
    if isinstance(one, MaxQpsRecord):
        budget = ", ".join(f"≥ {limit:.4g} qps" for _, limit in limits)
        return _Line(rate=one.rate, budget=Cell(budget or NONE, budget, _keeps(one)))
    budget = ", ".join(f"{verdict.metric} {signed_percent(limit)}" for verdict, limit in limits)
    kind, ratio = next(iter(one.ratios.items()), ("", None))
    if ratio is None:
        return _Line(budget=Cell(budget or NONE, budget))
    value, lower, upper = (ratio[name] - 1 for name in ("value", "lower", "upper"))
    return _Line(
        budget=Cell(budget or NONE, budget),
        baseline=ratio["reference"],
        baseline_of=f"reference {kind}",
        change=Cell(signed_percent(value), value, percent_interval(lower, upper)),
    )


def _measurement_line(one: MeasurementRecord) -> _Line:
    judged, shown = one.summary[one.judged_metric], decisive(one)
    budget = dict(zip(COLUMNS, cells_of(one), strict=True))["budget"]
    shown_budget = budget.replace("<=", " ≤ ").replace(">=", "≥ ")
    compared = shown is not None and shown.baseline is not None
    return _Line(
        median=judged["median"],
        p99=judged["p99"],
        rate=one.throughput,
        budget=Cell(NONE) if budget == "-" else Cell(shown_budget, shown_budget),
        baseline=shown.baseline if shown else None,
        baseline_of=shown.metric if shown and compared else baseline_words(one),
        change=_change_cell(shown),
    )


def _keeps(one: MaxQpsRecord) -> str:
    return f"P99 ≤ {one.limit_ms:g} ms"


def _number_cells(
    numbers: Sequence[float | None], small: Sequence[str] = (), max_places: int = 4
) -> list[Cell]:
    """Texts with equal decimals: as many as the smallest number needs for three digits."""
    known = [abs(number) for number in numbers if number]
    digits = 2 - math.floor(math.log10(min(known))) if known else 0
    places = max(0, min(max_places, digits))
    return [
        Cell(NONE, "", below) if number is None else Cell(_grouped(number, places), number, below)
        for number, below in zip(numbers, small or [""] * len(numbers), strict=True)
    ]


def _grouped(number: float, places: int) -> str:
    return f"{number:,.{places if abs(number) < LARGE else 0}f}"


def _change_cell(shown: VerdictRecord | None) -> Cell:
    if shown is None or shown.change is None:
        return Cell(NONE)
    return Cell(
        signed_percent(shown.change), shown.change, percent_interval(shown.lower, shown.upper)
    )


def _trend_cells(one: Trend) -> list[Cell]:
    change = Cell(NONE)
    if one.change is not None:
        interval = percent_interval(one.lower, one.upper)
        change = Cell(signed_percent(one.change), one.change, interval)
    level = Cell(NONE)
    if one.level is not None:
        text = f"{one.level:#.4g}".rstrip(".")  # 1.030 and 1001, below each other
        level = Cell(f"{text} {one.unit}", one.level)
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
