"""`trtperf compare-trtexec`: the summary of trtexec's log beside a measurement of a record."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from pytest_trtperf.analysis.percent import signed_percent
from pytest_trtperf.analysis.summary import QUANTILES
from pytest_trtperf.commands.common import (
    ExitStatus,
    Parsers,
    add_command,
    note,
    parsed,
    say,
    say_json,
)
from pytest_trtperf.errors import BaselineError, TrtPerfError
from pytest_trtperf.options.values import parse_share
from pytest_trtperf.record.json_file import read_runs
from pytest_trtperf.record.model import MeasurementRecord
from pytest_trtperf.record.text import matches
from pytest_trtperf.report.tables import aligned
from pytest_trtperf.text import brief, counted
from pytest_trtperf.trtexec.measured_mode import mode_of_trtexec, origin, shapes_of_trtexec
from pytest_trtperf.trtexec.read_exports import read_export
from pytest_trtperf.trtexec.read_log import METRICS, LogSummary, read_log

_EXAMPLE = """\
  trtexec --loadEngine=resnet50.plan --useSpinWait > trtexec.log
  pytest --trtperf --trtperf-json=run.json -k test_resnet50
  trtperf compare-trtexec trtexec.log run.json
"""

_DETAILS = """\
A change is how much longer the measurement of the record took. trtexec has one run of a few
seconds, so nothing here is a verdict: `trtperf import-trtexec` makes a baseline of its
--exportTimes. Numbers of another mode, of other shapes or of another GPU differ for that reason
alone, and a note says so. With --tolerance the command exits with 1 if they differ by more.
"""

_JUDGED = (("throughput", ""), ("gpu_compute", "median"), ("latency", "P99"))


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One number of both; milliseconds, throughput in queries per second.

    `change` is how much longer the record's took, as a share of trtexec's; None without a record's.
    """

    metric: str
    figure: str
    trtexec: float
    record: float | None
    change: float | None


class Beside(msgspec.Struct, frozen=True, kw_only=True):
    """The result; `differences` are reasons why the numbers are not comparable."""

    key: str
    lines: list[Line]
    differences: list[str]


def add(commands: Parsers) -> None:
    """Adds the parser."""
    parser = add_command(
        commands,
        "compare-trtexec",
        _run,
        help="compare the summary in trtexec's log with a measurement of a record",
        example=_EXAMPLE,
        details=_DETAILS,
    )
    option = parser.add_argument
    option("log", metavar="LOG", type=Path, help="what trtexec 10 or 11 printed")
    option("record", metavar="RECORD.json", type=Path, help="a record of --trtperf-json")
    option(
        "--test",
        metavar="KEY",
        help="the measurement, where the record has several: test, with or without its file, and "
        "#NAME if it has name=; * and ? match as in a shell",
    )
    option(
        "--tolerance",
        type=parsed(parse_share),
        metavar="SHARE",
        help="exit with 1 if throughput, median of GPU compute or P99 of latency is worse than "
        "trtexec's by more than this share, or if the two are not comparable",
    )


def _run(arguments: argparse.Namespace) -> int:
    log = read_log(read_export(arguments.log), arguments.log)
    record = _measurement(arguments.record, arguments.test)
    found = Beside(key=record.key, lines=_lines(log, record), differences=_differences(log, record))
    if arguments.json:
        say_json(found)
    else:
        both = [one for one in found.lines if one.record is not None]
        say(record.key, *aligned(_rows(both), left=(0, 1)))
        if missing := [one.metric for one in found.lines if one.record is None]:
            metrics = ", ".join(dict.fromkeys(missing))
            say(f"left out: {counted(len(missing), 'figure')} that the record lacks ({metrics})")
        for difference in found.differences:
            note(f"note: not comparable: {difference}")
    if arguments.tolerance is None:
        return ExitStatus.OK
    worse = [one for one in found.lines if _is_worse(one, arguments.tolerance)]
    if worse and not arguments.json:
        listed = ", ".join(f"{one.metric} {one.figure}".rstrip() for one in worse)
        say(f"worse than trtexec's by more than {arguments.tolerance:.3g}: {listed}")
    return ExitStatus.FOUND if worse or found.differences else ExitStatus.OK


def _measurement(path: Path, pattern: str | None) -> MeasurementRecord:
    """The measurement of a record whose key, or test's name, matches.

    Raises:
        BaselineError: there is none, or there are several.
    """
    found = {one.key: one for run in read_runs(path) for one in run.measurements}
    if not found:
        raise BaselineError(f"{path} has no measurement: measure with --trtperf-json={path}")
    wanted = "*" if pattern is None else pattern
    keys = (
        [wanted]
        if wanted in found
        else [key for key, one in found.items() if _is_named(one, wanted)]
    )
    if len(keys) == 1:
        return found[keys[0]]
    of = "" if pattern is None else f" {brief(pattern)}"
    why = f"has several measurements{of}" if keys else f"has no measurement{of}"
    listed = "".join(f"\n  {one}" for one in sorted(keys or found))
    remedy = "choose one with --test" if pattern is None else "give --test the name of one"
    raise BaselineError(f"{path} {why}: {remedy}. It has:{listed}")


def _is_named(one: MeasurementRecord, pattern: str) -> bool:
    names = (one.key, one.test)
    short = (name.partition("::")[2] for name in names)
    return any(matches(pattern, name) for name in (*names, *short))


def _lines(log: LogSummary, record: MeasurementRecord) -> list[Line]:
    lines = [_line("throughput", "", log.throughput, record.throughput)]
    for metric in METRICS.values():
        figures = dict(log.figures[metric])
        highest = figures.pop("max")
        percentiles = {f"P{share:g}": ms for share, ms in log.percentiles[metric].items()}
        for figure, theirs in {**figures, **percentiles, "max": highest}.items():
            lines.append(_line(metric, figure, theirs, _recorded(record, metric, figure)))
    return lines


def _line(metric: str, figure: str, theirs: float, ours: float | None) -> Line:
    change = None
    if ours and theirs:
        change = theirs / ours - 1 if metric == "throughput" else ours / theirs - 1
    return Line(metric=metric, figure=figure, trtexec=theirs, record=ours, change=change)


def _recorded(record: MeasurementRecord, metric: str, figure: str) -> float | None:
    """The record's figure, ms; None where its backend has no such metric."""
    summary = record.summary.get(metric)
    if summary is None:
        return None
    if not figure.startswith("P"):
        return summary[figure]
    if figure.lower() in summary:
        return summary[figure.lower()]
    return _percentile(record, metric, float(figure[1:]) / 100)


def _percentile(record: MeasurementRecord, metric: str, share: float) -> float:
    """Of all rounds together, interpolated between the quantiles that a record has of each, ms."""
    rounds = record.rounds
    at = np.unique([ms for round in rounds for ms in round.quantiles[metric]])
    below = sum(
        round.queries * np.interp(at, round.quantiles[metric], QUANTILES) for round in rounds
    )
    wanted = share * sum(round.queries for round in rounds)
    return float(np.interp(wanted, below, at))


def _differences(log: LogSummary, record: MeasurementRecord) -> list[str]:
    """Why the numbers are not comparable, as far as the log says."""
    found = []
    if log.device and log.device != record.device:
        found.append(f"trtexec ran on {log.device}, the record is of {record.device}")
    if not log.command:
        return found
    try:
        mode: Mapping[str, Any] = mode_of_trtexec(log.command, log.defaults)
        shapes = shapes_of_trtexec(log.command)
    except TrtPerfError as error:
        return [*found, str(error)]
    for name, value in mode.items():
        if name in record.mode and record.mode[name] != value:
            why = origin(name, value, log.defaults)
            theirs = f"{name}={value}" + (f" ({why})" if why else "")
            ours = record.mode[name]
            found.append(f"trtexec measured with {theirs}, the record is of {name}={ours}")
    for name, shape in shapes.items():
        if name in record.shapes and record.shapes[name] != shape:
            found.append(f"{name} was {_shown(shape)}, and is {_shown(record.shapes[name])}")
    return found


def _shown(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape)) or "a scalar"


def _is_worse(line: Line, tolerance: float) -> bool:
    return (line.metric, line.figure) in _JUDGED and (line.change or 0.0) > tolerance


def _rows(lines: Sequence[Line]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [("metric", "figure", "trtexec", "record", "change")]
    for one in lines:
        unit = "qps" if one.metric == "throughput" else f"{one.figure} ms"
        change = "-" if one.change is None else signed_percent(one.change)
        rows.append((one.metric, unit, f"{one.trtexec:.5g}", f"{one.record:.5g}", change))
    return rows
