"""The options of commands that judge a directory of nights, and what they make of it."""

from __future__ import annotations

import argparse
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

from pytest_trtperf.analysis.night_watch import LEAST
from pytest_trtperf.commands.common import parsed
from pytest_trtperf.judge.fleet import Fleet, judge_fleet
from pytest_trtperf.judge.missing import MISSING_NIGHTS
from pytest_trtperf.options.values import parse_count
from pytest_trtperf.record.acknowledged import FILE, read_acknowledged
from pytest_trtperf.record.history import History, read_history
from pytest_trtperf.record.night_of import tonight
from pytest_trtperf.record.watch_memory import WatchMemory
from pytest_trtperf.text import counted


def add_fleet_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options that `fleet_of` takes."""
    option = parser.add_argument
    option(
        "--least",
        type=_share,
        default=LEAST,
        metavar="SHARE",
        help="the smallest change to report, as a share (default: %(default)s)",
    )
    option("--branch", metavar="NAME", help="the branch to look at (default: main, else master)")
    option(
        "--timezone",
        type=_zone,
        default="UTC",
        metavar="ZONE",
        help="whose noon begins a night, such as Europe/Berlin (default: %(default)s)",
    )
    option(
        "--missing",
        type=parsed(parse_count(1)),
        default=MISSING_NIGHTS,
        metavar="NIGHTS",
        help="nights without a measurement after which a test is missing (default: %(default)s)",
    )
    option(
        "--acknowledged",
        type=Path,
        default=Path(FILE),
        metavar="FILE",
        help="the file of acknowledged alarms (default: %(default)s in the current directory)",
    )


def fleet_of(directory: Path, arguments: argparse.Namespace) -> tuple[History, Fleet]:
    """The nights of a directory, and what they say.

    Raises:
        BaselineError: there is no record of the branch, or a file cannot be read.
    """
    acknowledged = read_acknowledged(arguments.acknowledged)
    history = read_history(directory, arguments.timezone, arguments.branch)
    memory = WatchMemory(directory)
    fleet = judge_fleet(history, acknowledged, arguments.least, arguments.missing, memory)
    passed = (tonight(arguments.timezone) - date.fromisoformat(history.last_night)).days
    if passed >= arguments.missing:
        # Where nothing runs any more, nothing gets slower.
        fleet.notes.append(
            f"the last run is of {history.last_night}, {counted(passed, 'night')} ago"
        )
    return history, fleet


def _zone(text: str) -> ZoneInfo:
    try:
        return ZoneInfo(text)
    except (KeyError, ValueError, OSError) as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a known time zone") from error


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = 0.0
    if not 0 < share <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a share in (0, 1], such as 0.01")
    return share
