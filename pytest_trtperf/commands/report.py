"""`trtperf report`: writes a record, or a directory of records, as an HTML page."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import msgspec

from pytest_trtperf.commands.common import (
    ExitStatus,
    Parsers,
    add_command,
    note,
    note_left_out,
    say,
    say_json,
)
from pytest_trtperf.commands.fleet_options import add_fleet_options, fleet_of
from pytest_trtperf.errors import BaselineError
from pytest_trtperf.judge.fleet import Fleet
from pytest_trtperf.record.history import History
from pytest_trtperf.record.json_file import read_runs
from pytest_trtperf.record.model import RunRecord
from pytest_trtperf.report.html.page import check_installed, write_html

_EXAMPLE = """\
  trtperf report performance.json -o performance.html
  trtperf report nightly -o nightly.html
"""

_DETAILS = """\
For a directory the page shows the trend of each series, as `trtperf trend` with the same options,
and the newest run on each hardware. The page needs no network. The command needs
pytest-trtperf[report].
"""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The result: what the page shows; `left_out` are files that are not records."""

    written: str
    bytes: int
    measurements: int
    series: int
    left_out: list[str]


def add(commands: Parsers) -> None:
    """Adds the parser."""
    parser = add_command(
        commands,
        "report",
        _run,
        help="write a record, or a directory of records, as an HTML page",
        example=_EXAMPLE,
        details=_DETAILS,
    )
    option = parser.add_argument
    option(
        "source",
        metavar="RECORD.json|DIR",
        type=Path,
        help="the record of a run, or a directory with one for each night",
    )
    option(
        "-o",
        "--output",
        metavar="FILE",
        type=Path,
        default=Path("trtperf.html"),
        help="the file to write (default: %(default)s)",
    )
    add_fleet_options(parser)


def _run(arguments: argparse.Namespace) -> int:
    check_installed()
    source: Path = arguments.source
    if source.is_dir():
        history, fleet = fleet_of(source, arguments)
        runs = _newest(source, history)
    else:
        history, fleet, runs = History(), Fleet(), read_runs(source)
    trends = list(zip(fleet.series, fleet.trends, strict=True))
    alarms = [f"{fleet.standing}: trtperf trend {source} names them"] if trends else []
    size = write_html(arguments.output, runs, trends, alarms, fleet.alarms)
    result = Report(
        written=str(arguments.output),
        bytes=size,
        measurements=sum(len(run.measurements) + len(run.max_qps) + len(run.pairs) for run in runs),
        series=len(trends),
        left_out=history.left_out,
    )
    for line in fleet.notes:
        note(line)
    note_left_out(history.left_out)
    if arguments.json:
        say_json(result)
    else:
        series = f", {result.series} series" if trends else ""
        say(f"{result.written}: {result.measurements} measured{series}, {size / 1e6:.1f} MB")
        say(*alarms)
    return ExitStatus.OK


def _newest(directory: Path, history: History) -> Sequence[RunRecord]:
    """The newest run of each hardware class and backend; notes those that only a trend can read."""
    found = []
    for place, night in history.newest.items():
        try:
            runs = read_runs(directory / night.record)
        except BaselineError as error:
            note(f"without the newest run of {place[1]} on {place[0]}: {error}")
            continue
        found += [
            run
            for run in runs
            if (run.hardware_class, run.backend, run.created) == (*place, night.created)
        ]
    return found
