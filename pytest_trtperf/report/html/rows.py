"""The rows of the table of measurements."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pytest_trtperf.analysis.percent import percent_interval, signed_percent
from pytest_trtperf.record.baseline_state import baseline_words
from pytest_trtperf.record.model import (
    MaxQpsRecord,
    Measured,
    MeasurementRecord,
    PairRecord,
    RunRecord,
)
from pytest_trtperf.report.html.cells import NONE, Cell, Row, row_of
from pytest_trtperf.report.html.changes import Change, Scale, change_of
from pytest_trtperf.report.html.links import anchors
from pytest_trtperf.report.outcomes import OUTCOMES, budget_words, decisive, outcome

LARGE = 10_000  # numbers that no reader wants decimals of

MEASURED_COLUMNS = ("P50 ms", "P99 ms", "QPS", "Budget ms", "Baseline", "Change")
TEXT_COLUMNS = frozenset({"Budget ms", "Nights", "Metric", "Hardware", "Since", "Record", "Why"})


def in_order(
    found: Iterable[tuple[RunRecord, Measured]],
) -> list[tuple[RunRecord, Measured]]:
    """What matters first: by outcome, then the slowest; else in the order of the run."""

    def rank(item: tuple[RunRecord, Measured]) -> tuple[int, float]:
        change = change_of(item[1])
        worse = math.inf if change is None else -change.worse
        return OUTCOMES.index(outcome(item[1])), worse

    return sorted(found, key=rank)


def measured_rows(found: Sequence[tuple[RunRecord, Measured]]) -> list[Row]:
    """A row for each, at least one; the hardware comes last where there are several."""
    one_place = len({(run.hardware_class, run.backend) for run, _ in found}) == 1
    changes = [change_of(one) for _, one in found]
    scale = Scale.of(filter(None, changes))
    lines = [_line_of(one) for _, one in found]
    columns = [
        _number_cells([line.median for line in lines]),
        _number_cells([line.p99 for line in lines]),
        _number_cells([line.rate for line in lines], max_places=2),
        [line.budget for line in lines],
        _number_cells([line.baseline for line in lines], [line.baseline_of for line in lines]),
        [_change_cell(change, scale) for change in changes],
    ]
    if not one_place:
        columns.append([Cell(run.hardware_class, run.hardware_class, run.backend)
                        for run, _ in found])  # fmt: skip
    names = anchors("test", [(one.key, run.hardware_class, run.backend) for run, one in found])
    return [
        row_of(place, names[place], outcome(one), OUTCOMES, one.key, _tag(one),
             [cells[place] for cells in columns], changes[place])
        for place, (_, one) in enumerate(found)
    ]  # fmt: skip


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
    return _Line(
        budget=Cell(budget or NONE, budget),
        baseline=ratio["reference"],
        baseline_of=f"reference {kind}",
    )


def _measurement_line(one: MeasurementRecord) -> _Line:
    judged, shown = one.summary[one.judged_metric], decisive(one)
    budget = budget_words(one).replace("<=", " ≤ ").replace(">=", "≥ ")
    compared = shown is not None and shown.baseline is not None
    return _Line(
        median=judged["median"],
        p99=judged["p99"],
        rate=one.throughput,
        budget=Cell(budget or NONE, budget),
        baseline=shown.baseline if shown else None,
        baseline_of=shown.metric if shown and compared else baseline_words(one),
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


def _change_cell(one: Change | None, scale: Scale) -> Cell:
    if one is None:
        return Cell(NONE)
    interval = percent_interval(one.lower, one.upper)
    of_machine = "" if one.shift is None else f" without {signed_percent(one.shift)} of the machine"
    text = signed_percent(one.share) + one.marks
    return Cell(text, one.worse, interval + of_machine, scale.strip(one))
