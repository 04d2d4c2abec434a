"""What a directory of nights says: the alarms, what is missing, and the state of each series."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

import msgspec

from pytest_trtperf.analysis.night_watch import LEAST
from pytest_trtperf.judge.acknowledging import Covering, parts_of
from pytest_trtperf.judge.alarms import Cause, Member, causes, typical_size
from pytest_trtperf.judge.missing import MISSING_NIGHTS, Missing, missing
from pytest_trtperf.judge.trend import (
    TOGETHER,
    State,
    Trend,
    WatchedRow,
    is_rate,
    trend_of,
    watch_series,
)
from pytest_trtperf.record.acknowledged import Acknowledged, Acknowledgements
from pytest_trtperf.record.history import History, Night, Series
from pytest_trtperf.record.watch_memory import WatchMemory
from pytest_trtperf.text import counted

_LISTED = timedelta(days=60)
"""For how long an alarm that is over is listed."""


class FleetAlarm(msgspec.Struct, frozen=True, kw_only=True):
    """Something that got slower, or that is measured no more: one alarm for one cause.

    `key` is what acknowledges it: the test, or `host:NAME` where many tests of a host changed
    together. `tests` is how many there are, `metrics` and `hosts` where it was seen. `change`,
    `lower` and `upper` are shares, those of the first metric.
    """

    state: str
    key: str
    hardware_class: str
    backend: str
    hosts: list[str | None]
    metrics: list[str]
    tests: int
    since: Night
    raised: str
    message: str
    change: float | None = None
    lower: float | None = None
    upper: float | None = None
    ended: str | None = None
    acknowledged: Acknowledged | None = None


@dataclass
class Fleet:
    """The answer. `series` are in the order of `trends`; `notes` are for people."""

    alarms: list[FleetAlarm] = field(default_factory=list)
    closed: list[FleetAlarm] = field(default_factory=list)
    trends: list[Trend] = field(default_factory=list)
    series: list[Series] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def is_red(self) -> bool:
        """Whether an alarm stands, or a test is missing."""
        return any(one.state in (State.ALARM, State.MISSING) for one in self.alarms)

    @property
    def standing(self) -> str:
        """How many alarms there are, such as `1 alarm, 0 missing, 2 acknowledged`."""
        count = Counter(one.state for one in self.alarms)
        return (
            f"{counted(count[State.ALARM], 'alarm')}, {count[State.MISSING]} missing, "
            f"{count[State.ACKNOWLEDGED]} acknowledged"
        )


def judge_fleet(
    history: History,
    acknowledgements: Acknowledgements | None = None,
    least: float = LEAST,
    missing_nights: int = MISSING_NIGHTS,
    memory: WatchMemory | None = None,
) -> Fleet:
    """Judges all series of a history.

    Args:
        least: the smallest change of interest (0.01 is 1 %).
        missing_nights: nights without a measurement after which a test is missing.
        memory: what was known before the last night.
    """
    judge = _Judge(history, acknowledgements or Acknowledgements())
    gone = missing(history, missing_nights)
    places: dict[tuple[str, str], list[Series]] = defaultdict(list)
    for one in history.series:
        places[one.hardware_class, one.backend].append(one)
    for series in places.values():
        rows = watch_series(series, least, memory)
        judge.add(rows, causes(rows), gone, least)
    judge.add_missing(gone)
    judge.note_useless()
    judge.fleet.notes[:0] = history.notes
    return judge.fleet


class _Judge:
    def __init__(self, history: History, acknowledgements: Acknowledgements) -> None:
        self.entries = acknowledgements.acknowledged
        self.night = date.fromisoformat(history.last_night)
        self.covering = Covering(self.entries, self.night)
        self.fleet = Fleet()

    def add(
        self,
        rows: Sequence[WatchedRow],
        found: Iterable[Cause],
        gone: Iterable[Missing],
        least: float,
    ) -> None:
        """Judges the rows of one hardware class and backend."""
        states: dict[int, State] = {}
        parts = (part for cause in found for part in parts_of(cause, self.covering.find))
        for cause, by in parts:
            alarm = self._alarm(cause, by)
            if alarm.ended is None:
                self.fleet.alarms.append(alarm)
                for member in cause.members:
                    number = member.of.number
                    if number is not None and states.get(number) != State.ALARM:
                        states[number] = State(alarm.state)
            elif date.fromisoformat(alarm.ended) >= self.night - _LISTED:
                self.fleet.closed.append(alarm)
        machine = _machine(rows)
        lost = {
            one.key: self._missing_state(one)[0]
            for one in gone
            if (one.hardware_class, one.backend) == machine
        }
        for row in rows:
            if row.row.number is None:
                continue
            state = states.get(row.row.number, State.QUIET)
            if row.row.key in lost and state is not State.ALARM:
                state = lost[row.row.key]
            self.fleet.trends.append(trend_of(row, state, least))
            self.fleet.series.append(row.row.series)

    def _alarm(self, cause: Cause, by: Acknowledged | None) -> FleetAlarm:
        shown = cause.shown
        series = shown.of.series
        if cause.is_of_host:
            size = typical_size(cause)
            _, lower, upper = _time_size(shown) if cause.common else (0.0, None, None)
        else:
            size, lower, upper = shown.row.size(shown.episode)
        return FleetAlarm(
            state=State.ACKNOWLEDGED if by else State.ALARM,
            key=cause.key,
            hardware_class=series.hardware_class,
            backend=series.backend,
            hosts=cause.hosts,
            metrics=_metrics(cause),
            tests=len(cause.tests),
            since=cause.night(),
            raised=series.nights[cause.raised].date,
            message="; ".join(cause.software()),
            change=size,
            lower=lower,
            upper=upper,
            ended=cause.over(),
            acknowledged=by,
        )

    def add_missing(self, gone: Iterable[Missing]) -> None:
        """Adds what is measured no more; of a hardware class that is gone not each test as well."""
        classes = {(one.hardware_class, one.backend) for one in gone if one.key is None}
        for one in gone:
            place = one.hardware_class, one.backend
            if one.key is not None and place in classes:
                continue
            state, by = self._missing_state(one)
            self.fleet.alarms.append(
                FleetAlarm(
                    state=state,
                    key=_missing_key(one),
                    hardware_class=one.hardware_class,
                    backend=one.backend,
                    hosts=[],
                    metrics=[],
                    tests=1 if one.key else 0,
                    since=Night("", "", None, one.since),
                    raised=one.since,
                    message=_missing_message(one),
                    acknowledged=by,
                )
            )

    def _missing_state(self, one: Missing) -> tuple[State, Acknowledged | None]:
        by = self.covering.find([_missing_key(one)], one.since, None)
        return State.ACKNOWLEDGED if by else State.MISSING, by

    def note_useless(self) -> None:
        """Notes acknowledgements that name nothing, and those that have expired."""
        for place, one in enumerate(self.entries):
            if one.is_expired(self.night):
                self.fleet.notes.append(
                    f"the acknowledgement of {one.key} has expired on {one.until}"
                )
            elif place not in self.covering.used:
                self.fleet.notes.append(
                    f"the acknowledgement of {one.key}@{one.since} is useless: the records have no "
                    "test or alarm of that name and night"
                )


def _machine(rows: Sequence[WatchedRow]) -> tuple[str, str]:
    series = rows[0].row.series
    return series.hardware_class, series.backend


def _metrics(cause: Cause) -> list[str]:
    """The numbers in which it is seen, that whose change is shown first."""
    shown = cause.shown.of
    names = {one.of.metric for one in cause.members if one.of.number is not None}
    if shown.number is None:
        return [TOGETHER, *sorted(names)]
    return [shown.metric, *sorted(names - {shown.metric})]


def _time_size(shown: Member) -> tuple[float, float, float]:
    assert not is_rate(shown.of)
    return shown.row.size(shown.episode)


def _missing_key(one: Missing) -> str:
    return one.key or f"hardware:{one.hardware_class}"


def _missing_message(one: Missing) -> str:
    last = f"last measured on {one.last}" if one.last else "never measured"
    why = f", then {one.outcome}" if one.outcome else ""
    reason = f": {one.reason}" if one.reason else ""
    return f"not measured for {counted(one.nights, 'night')}, {last}{why}{reason}"
