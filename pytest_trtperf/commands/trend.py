"""`trtperf trend`: finds what got slower over many nights, and since when."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence

import msgspec

from pytest_trtperf.analysis.percent import percent_interval, signed_percent
from pytest_trtperf.analysis.reference_window import LEAST
from pytest_trtperf.analysis.series import State
from pytest_trtperf.commands.common import (
    ExitStatus,
    Parsers,
    add_command,
    existing_directory,
    note_left_out,
    say,
    say_json,
)
from pytest_trtperf.judge.trend import ENDED, Trend, trend_of
from pytest_trtperf.record.history import Night, read_history
from pytest_trtperf.record.text import shortened
from pytest_trtperf.report.tables import aligned

COLUMNS = ("state", "test", "metric", "hardware", "change", "interval", "since", "record", "commit")
CHANGE_COLUMNS = ("changed", "test", "metric", "hardware", "before", "after", "change", "record")

_ORDER = (State.ALARM, State.IMPROVED, State.QUIET, State.TOO_SHORT, ENDED)

_EXAMPLE = """\
  pytest --trtperf --trtperf-json=nightly/$(date +%F).json
  trtperf trend nightly --fail
"""

_DETAILS = """\
Each run counts as a night, in order of time. An alarm compares with 30 earlier nights, and stands
until the old level is back or the new one has lasted for 30 more nights. Earlier changes are
listed below with their dates. A test in another mode or with other shapes starts a new series.
"""


class Trends(msgspec.Struct, frozen=True, kw_only=True):
    """The result; `left_out` are files that are not records."""

    records: int
    left_out: list[str]
    trends: list[Trend]


def add(commands: Parsers) -> None:
    """Adds the parser."""
    parser = add_command(
        commands,
        "trend",
        _run,
        help="find what got slower over many nights, and since when",
        example=_EXAMPLE,
        details=_DETAILS,
    )
    option = parser.add_argument
    option(
        "directory",
        metavar="DIR",
        type=existing_directory,
        help="the directory with a record of each night",
    )
    option("--fail", action="store_true", help="exit with 1 when an alarm stands")
    option(
        "--least",
        type=_share,
        default=LEAST,
        metavar="SHARE",
        help="the smallest change to report, as a share (default: %(default)s)",
    )
    option(
        "--all",
        action="store_true",
        help="show quiet, too short and ended series, too",
    )


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = 0.0
    if not 0 < share <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a share in (0, 1], such as 0.01")
    return share


def _run(arguments: argparse.Namespace) -> int:
    history = read_history(arguments.directory)
    trends = [trend_of(series, arguments.least) for series in history.series]
    trends.sort(key=lambda one: (_ORDER.index(one.state), one.key, one.metric, one.hardware_class))
    if arguments.json:
        say_json(Trends(records=history.records, left_out=history.left_out, trends=trends))
    else:
        say(*_lines(trends, everything=arguments.all))
    note_left_out(history.left_out)
    alarmed = any(trend.is_alarm for trend in trends)
    return ExitStatus.FOUND if arguments.fail and alarmed else ExitStatus.OK


def _lines(trends: Sequence[Trend], *, everything: bool) -> Iterator[str]:
    shown = (State.ALARM.value, State.IMPROVED.value)
    rows = [_row(one) for one in trends if everything or one.state in shown]
    if rows:
        yield from aligned([COLUMNS, *rows], left=(0, 1, 2, 3, 6, 7, 8))
    dated = [
        (
            change.night.created[:10],
            shortened(one.key),
            one.metric,
            one.hardware_class,
            f"{change.before:.5g}",
            f"{change.after:.5g}",
            signed_percent(change.change),
            shortened(change.night.record),
        )
        for one in trends
        for change in one.changes
    ]
    if dated:
        yield from ("", *aligned([CHANGE_COLUMNS, *sorted(dated)], left=(0, 1, 2, 3, 7)))
    alarm, improved, quiet, too_short, ended = (
        sum(one.state == state for one in trends) for state in _ORDER
    )
    yield (
        f"{len(trends)} series: {alarm} in alarm, {improved} improved, {quiet} quiet, "
        f"{too_short} too short, {ended} ended"
    )


def _row(one: Trend) -> tuple[str, ...]:
    return (
        one.state.upper() if one.is_alarm else one.state,
        shortened(one.key),
        one.metric,
        one.hardware_class,
        *_standing_change(one),
        *(_night(one.since) if one.since else ("-", "-", "-")),
    )


def _standing_change(one: Trend) -> tuple[str, str]:
    if one.change is None:
        return "-", "-"
    return signed_percent(one.change), percent_interval(one.lower, one.upper)


def _night(night: Night) -> tuple[str, str, str]:
    return night.created[:10], shortened(night.record), (night.commit or "-")[:12]
