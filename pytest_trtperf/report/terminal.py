"""What a person reads in the terminal: a header line, one table, and what needs attention."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pytest_trtperf.analysis.percent import share_words
from pytest_trtperf.analysis.verdict import Status
from pytest_trtperf.record.item import ItemRecord
from pytest_trtperf.record.model import MaxQpsRecord, MeasurementRecord, PairRecord
from pytest_trtperf.report.environment import environment_lines
from pytest_trtperf.report.findings import finding_lines
from pytest_trtperf.report.outcomes import (
    COLUMNS,
    MAX_NAMES,
    broken,
    broken_line,
    cost_words,
    listed,
    marks_explained,
    outcome,
    row,
)
from pytest_trtperf.report.overlooked import overlooked_lines, rerun_lines
from pytest_trtperf.report.tables import Line, fitted, on_the_point
from pytest_trtperf.report.undecided import undecided_advice, undecided_line
from pytest_trtperf.text import counted

SHOWN_WAIT_S = 1.0
"""Waits for a device that add up to less are not shown."""


def header(backend: str, device: str, software: Mapping[str, str]) -> str:
    """One line: backend, device, driver and versions."""
    versions = ", ".join(f"{name} {version}" for name, version in sorted(software.items()))
    return f"trtperf: {backend} on {device} ({versions})"


def summary_lines(
    measurements: Sequence[MeasurementRecord],
    others: Sequence[MaxQpsRecord | PairRecord] = (),
    *,
    missing: Sequence[str],
    written: Sequence[Path],
    stale: Sequence[str],
    removed: bool,
    uncollected: Sequence[str] = (),
    errors: Sequence[str],
    of_older_form: int = 0,
    against: Path | None = None,
    against_ended: bool = True,
    waited_s: float = 0.0,
    without_time: Sequence[str] = (),
    deprecated: Sequence[str] = (),
    tests: Sequence[ItemRecord] = (),
    verbosity: int = 0,
    width: int | None = None,
) -> list[str]:
    """The section that a run ends with.

    Args:
        of_older_form: how many baselines know of no sessions.
        against: the record in the place of baselines, where there is one.
        against_ended: whether its run did.
        waited_s: seconds that tests waited for other processes.
        uncollected: baseline entries of tests that were not collected.
        without_time: tests that the time limit left out.
        deprecated: lines on options that were given and are deprecated.
        tests: all that measure.
        verbosity: pytest's; below 0 what passed is left out, above 0 each verdict is explained
            and each finding is a line, else each kind of finding is.
        width: columns of the terminal, which the table fits into; None for no limit.
    """
    if not (measurements or others):
        lines = ["nothing was measured"]
    else:
        lines = _measured_lines(measurements, others, verbosity, width)
    lines += _broken_lines(broken(tests, [*measurements, *others]))
    if not against_ended:
        lines.append(f"{against}: THIS RUN DID NOT END, what it had not measured is not compared")
    if missing:
        lines += _missing_lines(missing, len(measurements) + len(others), verbosity)
        lines.append(
            f"  measure it in {against}, too"
            if against
            else "  record one with --trtperf-update-new and commit it (--trtperf-update: all anew)"
        )
    if of_older_form:
        baselines = "baseline" if of_older_form == 1 else "baselines"
        lines.append(
            f"{of_older_form} {baselines} of the older form, without sessions: record anew with "
            "--trtperf-update"
        )
    lines += [f"baseline written: {path}" for path in written]
    if stale:
        done = "removed" if removed else "--trtperf-update removes them"
        lines.append(f"stale baseline entries ({done}): {', '.join(stale)}")
    if uncollected:
        lines.append(
            f"baseline entries of tests that were not collected ({len(uncollected)}; trtperf "
            f"baseline prune --not-collected removes those that are gone): {listed(uncollected)}"
        )
    if waited_s > SHOWN_WAIT_S:
        lines.append(f"waited {waited_s:.0f} s in all for devices and builds of other processes")
    lines += [*deprecated, *(f"ERROR: {error}" for error in errors)]
    if without_time:
        count = f"{len(without_time)} test{'s were' if len(without_time) > 1 else ' was'}"
        lines.append(f"{count} not measured, since no time was left: {', '.join(without_time)}")
    lines += overlooked_lines(tests, [*measurements, *others])
    lines += rerun_lines(tests)
    lines += environment_lines([*measurements, *others])
    every = [*measurements, *others]
    return [*lines, *filter(None, [undecided_line(every), undecided_advice(every)])]


def _missing_lines(missing: Sequence[str], measured: int, verbosity: int) -> list[str]:
    """What has no baseline; many names that are the whole table are not said again."""
    if len(missing) == measured > MAX_NAMES and verbosity <= 0:
        return [f"WITHOUT A BASELINE, nothing was compared (all {measured}):"]
    most = len(missing) if verbosity > 0 else MAX_NAMES
    more = [f"  and {len(missing) - most} more, which -v lists"] if len(missing) > most else []
    title = f"WITHOUT A BASELINE, nothing was compared ({len(missing)}):"
    return [title, *(f"  {key}" for key in missing[:most]), *more]


def _broken_lines(tests: Sequence[ItemRecord]) -> list[str]:
    if not tests:
        return []
    lines = [f"FAILED WITHOUT A VERDICT ({len(tests)}):"]
    lines += [f"  {broken_line(test)}" for test in tests[:MAX_NAMES]]
    more = len(tests) - MAX_NAMES
    return [*lines, f"  and {more} more"] if more > 0 else lines


def _measured_lines(
    measurements: Sequence[MeasurementRecord],
    others: Sequence[MaxQpsRecord | PairRecord],
    verbosity: int,
    width: int | None,
) -> list[str]:
    if verbosity < 0:
        measurements = [record for record in measurements if outcome(record) == "fail"]
        others = [record for record in others if outcome(record) == "fail"]
    lines = [*_table(measurements, width), *marks_explained(measurements)] if measurements else []
    for found in others:
        lines.append(found.message)
        lines += [f"{verdict.status.upper()} {verdict.message}" for verdict in found.verdicts]
    if verbosity > 0:
        for record in measurements:
            lines.append(f"{record.key}: {_extent(record)}")
            lines += [f"{record.key}: {figures}" for figures in _figures(record)]
            if costs := cost_words(record):
                lines.append(f"{record.key}: {', '.join(costs.values())}")
            lines += [v.message for v in record.verdicts]
    else:
        lines += _open_lines(measurements)
    for record in measurements:
        if outcome(record) == "swallowed":
            caught = [v.message for v in record.verdicts if v.failed]
            lines += [f"swallowed by the test: {message}" for message in caught]
    return lines + finding_lines([*others, *measurements], each=verbosity > 0)


def _table(measurements: Sequence[MeasurementRecord], width: int | None) -> list[str]:
    """A row for each measurement, its verdict marked as pytest marks outcomes."""
    columns = [*zip(*map(row, measurements), strict=True)]
    for at in _NUMBERS:
        columns[at] = tuple(on_the_point(columns[at]))
    rows = [COLUMNS, *zip(*columns, strict=True)]
    empty = [at for at, column in enumerate(zip(*rows[1:], strict=True)) if {*column} == {"-"}]
    titles, *lines = fitted(rows, width, [*empty, *_DROPPED], (0, len(COLUMNS) - 1))
    at = titles.rindex(COLUMNS[-1])
    styles = [_STYLES.get(outcome(record)) for record in measurements]
    return [titles, *(Line(line, style, at) for line, style in zip(lines, styles, strict=True))]


_NUMBERS = tuple(COLUMNS.index(name) for name in ("P50 ms", "P99 ms", "QPS"))
_DROPPED = tuple(COLUMNS.index(name) for name in ("QPS", "P50 ms", "baseline", "budget"))
_FIGURES = {"min": "minimum", "mean": "mean", "p90": "P90", "p95": "P95", "max": "maximum"}
_STYLES = {
    "fail": {"red": True, "bold": True},
    "swallowed": {"red": True},
    "inconclusive": {"yellow": True},
    "xfail": {"yellow": True},
    "pass": {"green": True},
}


def _open_lines(measurements: Sequence[MeasurementRecord]) -> list[str]:
    """Why the first few verdicts are open; the last line of the section counts them all."""
    messages = [
        verdict.message
        for record in measurements
        for verdict in record.verdicts
        if verdict.status == Status.INCONCLUSIVE.value
    ]
    more = len(messages) - MAX_NAMES
    rest = [f"and {counted(more, 'more open verdict')}, which -v explains"] if more > 0 else []
    return [*messages[:MAX_NAMES], *rest]


def _extent(record: MeasurementRecord) -> str:
    """How much was measured."""
    queries = sum(round.queries for round in record.rounds)
    again = (
        f", {counted(len(record.set_aside), 'disturbed one')} set aside" if record.set_aside else ""
    )
    first = record.sessions[0].warm_up
    warm_up = f", after {first['seconds']:.2g} s of warm-up" if first else ""
    rounds = counted(len(record.rounds), "round")
    return f"{counted(queries, 'query')} in {rounds}{_sessions(record)}{again}{warm_up}"


def _figures(record: MeasurementRecord) -> Iterator[str]:
    """The distribution of the judged metric, of which the table has two numbers."""
    judged = record.summary[record.judged_metric]
    known = [f"{_FIGURES[name]} {judged[name]:.4g}" for name in _FIGURES if name in judged]
    if known:
        cov = [f"CoV {share_words(judged['cov'])}"] if "cov" in judged else []
        yield f"{record.judged_metric}, ms: {', '.join([*known, *cov])}"


def _sessions(record: MeasurementRecord) -> str:
    medians = record.session_medians
    if len(medians) < 2:
        return ""
    apart = max(medians) / min(medians) - 1
    return f" of {len(medians)} sessions, whose medians are {apart:.2%} apart"
