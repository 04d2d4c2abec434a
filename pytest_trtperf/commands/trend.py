"""`trtperf trend`: finds what got slower over many nights, and since when."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence

import msgspec

from pytest_trtperf.analysis.percent import percent_interval, signed_percent
from pytest_trtperf.commands.common import (
    ExitStatus,
    Parsers,
    add_command,
    existing_directory,
    note,
    note_left_out,
    say,
    say_json,
)
from pytest_trtperf.commands.fleet_options import add_fleet_options, fleet_of
from pytest_trtperf.judge.fleet import Fleet, FleetAlarm
from pytest_trtperf.judge.trend import State, Trend
from pytest_trtperf.record.text import shortened
from pytest_trtperf.report.tables import aligned
from pytest_trtperf.text import counted

COLUMNS = ("state", "what", "metric", "hardware", "host", "change", "interval", "since", "record",
           "commit")  # fmt: skip
SERIES_COLUMNS = ("state", "test", "metric", "hardware", "host", "level", "nights")

_LEFT = (0, 1, 2, 3, 4, 7, 8, 9)

_MOST_HOSTS = 3

_LONGEST_WHAT = 1000

_EXAMPLE = """\
  pytest --trtperf --trtperf-json=nightly/$(hostname)-$(date +%F).json
  trtperf trend nightly --fail
  trtperf trend acknowledge "tests/test_perf.py::test_a" --by Ada --reason "worth it"
"""

_DETAILS = """\
A night is from noon to noon, and has the date of its beginning. A series is one metric of one test
on one host. An alarm stands until the level is back, or until somebody acknowledges it. What many
tests of a host do in the same night is one alarm. A test that was not measured for some nights on
any host is missing. A test in another mode or with other shapes starts a new series. What was read
is kept in hidden files beside the records (.trtperf-trend*), which can be removed.
"""


class Trends(msgspec.Struct, frozen=True, kw_only=True):
    """The result; `closed` are alarms that are over, `left_out` files that are not records."""

    records: int
    left_out: list[str]
    notes: list[str]
    alarms: list[FleetAlarm]
    closed: list[FleetAlarm]
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
    option(
        "--fail", action="store_true", help="exit with 1 when an alarm stands or a test is missing"
    )
    add_fleet_options(parser)
    option("--all", action="store_true", help="show every series, quiet and new ones too")


def _run(arguments: argparse.Namespace) -> int:
    history, fleet = fleet_of(arguments.directory, arguments)
    if arguments.json:
        say_json(
            Trends(
                records=history.records, left_out=history.left_out, notes=fleet.notes,
                alarms=fleet.alarms, closed=fleet.closed, trends=fleet.trends,
            )
        )  # fmt: skip
    else:
        say(*_lines(fleet, everything=arguments.all))
    for line in fleet.notes:
        note(line)
    note_left_out(history.left_out)
    return ExitStatus.FOUND if arguments.fail and fleet.is_red else ExitStatus.OK


def _lines(fleet: Fleet, *, everything: bool) -> Iterator[str]:
    order = list(State)
    alarms = sorted(fleet.alarms, key=lambda one: (order.index(State(one.state)), one.since.date))
    if alarms:
        yield from aligned([COLUMNS, *map(_row, alarms)], left=_LEFT)
        yield from _remarks(alarms)
        yield ""
    if fleet.closed:
        rows = [(*_row(one), str(one.ended)) for one in fleet.closed]
        yield from aligned([("over", *COLUMNS[1:], "until"), *rows], left=(*_LEFT, 10))
        yield ""
    shown = [one for one in fleet.trends if everything or one.state == State.IMPROVED]
    if shown:
        shown.sort(key=lambda one: (order.index(State(one.state)), one.key, one.metric))
        yield from aligned([SERIES_COLUMNS, *map(_series_row, shown)], left=(0, 1, 2, 3, 4))
        yield ""
    counts = Counter(one.state for one in fleet.trends)
    named = ", ".join(f"{counts[state.value]} {state.value}" for state in order)
    if fleet.is_red:
        yield "to accept one: trtperf trend acknowledge NAME --by YOU --reason WHY"
    yield f"{fleet.standing}; {len(fleet.trends)} series: {named}"


def _row(one: FleetAlarm) -> tuple[str, ...]:
    red = one.state in (State.ALARM, State.MISSING)
    return (
        "over" if one.ended else one.state.upper() if red else one.state,
        _whole(one.key) if one.tests <= 1 else f"{_whole(one.key)}: {counted(one.tests, 'test')}",
        one.metrics[0] + (f" +{len(one.metrics) - 1}" if len(one.metrics) > 1 else "")
        if one.metrics
        else "-",
        one.hardware_class,
        _hosts(one.hosts),
        "-" if one.change is None else signed_percent(one.change),
        "-" if one.lower is None else percent_interval(one.lower, one.upper),
        one.since.date,
        shortened(one.since.record) or "-",
        (one.since.commit or "-")[:12],
    )


def _whole(key: str) -> str:
    # It is copied to acknowledge the alarm.
    return shortened(key, _LONGEST_WHAT)


def _hosts(hosts: Sequence[str | None]) -> str:
    names = [shortened(host or "unknown", 40) for host in hosts]
    more = f" +{len(names) - _MOST_HOSTS}" if len(names) > _MOST_HOSTS else ""
    return ", ".join(names[:_MOST_HOSTS]) + more if names else "-"


def _remarks(alarms: Sequence[FleetAlarm]) -> Iterator[str]:
    """What is known of each alarm beside its numbers."""
    for one in alarms:
        if one.message:
            yield f"  {shortened(one.key)}: {one.message}"
        if by := one.acknowledged:
            until = f" until {by.until}" if by.until else ""
            yield f"  {shortened(one.key)}: acknowledged by {by.by}{until}: {by.reason}"


def _series_row(one: Trend) -> tuple[str, ...]:
    return (
        one.state,
        shortened(one.key),
        one.metric,
        one.hardware_class,
        shortened(one.host or "unknown", 40),
        "-" if one.level is None else f"{one.level:.5g} {one.unit}",
        str(one.measured),
    )
