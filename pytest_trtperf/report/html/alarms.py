"""The alarms that stand, as a page lists them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pytest_trtperf.analysis.percent import percent_interval, signed_percent
from pytest_trtperf.judge.fleet import FleetAlarm
from pytest_trtperf.judge.trend import State
from pytest_trtperf.record.text import shortened
from pytest_trtperf.report.html.cells import MAX_NAME, Row
from pytest_trtperf.text import counted

MOST_ALARMS = 100
_METRICS = 4


@dataclass(frozen=True)
class Standing:
    """An alarm in words; `anchor` is the row of its test, if it is one."""

    state: str
    key: str
    anchor: str | None
    says: str
    more: str


def alarms_of(alarms: Sequence[FleetAlarm], rows: Sequence[Row]) -> list[Standing]:
    """What stands, acknowledged or not."""
    places = {row.key: row.anchor for row in rows}
    return [
        Standing(
            State(one.state).value,
            shortened(one.key, MAX_NAME),
            places.get(one.key),
            _size(one),
            "; ".join(filter(None, [_where(one), one.message, _by(one)])),
        )
        for one in alarms[:MOST_ALARMS]
    ]


def _size(one: FleetAlarm) -> str:
    metrics = ", ".join(one.metrics[:_METRICS])
    since = f"since {one.since.date}"
    if one.change is None:
        return f"{metrics} {since}".strip()
    interval = percent_interval(one.lower, one.upper)
    return f"{signed_percent(one.change)} {interval} {since}, {metrics}"


def _where(one: FleetAlarm) -> str:
    hosts = ", ".join(host for host in one.hosts if host)
    tests = counted(one.tests, "test") if one.tests > 1 else ""
    place = f"{one.hardware_class}, {one.backend}"
    return ", ".join(filter(None, [tests, place, f"host {hosts}" if hosts else ""]))


def _by(one: FleetAlarm) -> str:
    known = one.acknowledged
    return f"acknowledged by {known.by}: {known.reason}" if known else ""
