"""What each series of nights says on its last night."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

import msgspec
import numpy as np

from pytest_trtperf.analysis.episodes import Episode, episodes
from pytest_trtperf.analysis.level_shift import LevelShift
from pytest_trtperf.analysis.night_noise import mean_variance
from pytest_trtperf.analysis.night_watch import Watched, watch
from pytest_trtperf.analysis.summary import FloatArray
from pytest_trtperf.record.history import Night, Series
from pytest_trtperf.record.watch_memory import WatchMemory
from pytest_trtperf.text import counted

TOGETHER = "all metrics"
"""A row with the mean of all numbers of a test: it is quieter than each of them."""

COMMON = "all tests"
"""A row with what the tests of a host have in common."""

_COMMON_TESTS = 10
"""Tests that a host needs before what they have in common is watched."""

_FIRST = 30
"""Measured nights that what tests have in common is counted from."""

_RECENT = 30
"""Nights for which an improvement is shown."""

_INTERVAL = 1.96


class State(str, Enum):
    """What a series says."""

    ALARM = "alarm"
    MISSING = "missing"
    ACKNOWLEDGED = "acknowledged"
    IMPROVED = "improved"
    QUIET = "quiet"
    NEW = "new"


class DatedChange(msgspec.Struct, frozen=True, kw_only=True):
    """A change of level; `night` is the first at the new one. `change` is a share."""

    night: Night
    before: float
    after: float
    change: float


class Trend(msgspec.Struct, frozen=True, kw_only=True):
    """A series with its state and its changes.

    `level` is the present one. `change`, `lower` and `upper` (95 %) are those of what stands since
    the night `since`, as shares of the level before it.
    """

    hardware_class: str
    backend: str
    host: str | None
    key: str
    metric: str
    unit: str
    measured: int
    state: str
    message: str
    level: float | None = None
    since: Night | None = None
    change: float | None = None
    lower: float | None = None
    upper: float | None = None
    changes: list[DatedChange] = []

    @property
    def is_alarm(self) -> bool:
        """Whether it got worse, and still is."""
        return self.state == State.ALARM


@dataclass(frozen=True)
class Row:
    """A row that is watched: a series, all numbers of a test, or all tests of a host."""

    metric: str
    host: str | None
    test: str
    key: str
    series: Series
    number: int | None = None  # of the series, where it is one


@dataclass(frozen=True)
class WatchedRow:
    """A row with what was found in it. `logs` are logarithms, more being worse."""

    row: Row
    logs: FloatArray
    changes: list[LevelShift]
    episodes: list[Episode]
    level: float
    sd: float
    phi: float

    def now(self, episode: Episode) -> tuple[float, float]:
        """The level of an episode as it is known by now, and the standard error of the change.

        On the night of the alarm the change is overstated, having been noticed for its size.
        """
        last = self.changes[-1]
        if episode.ended is not None or last.after != episode.after or math.isnan(self.level):
            return episode.after, episode.error
        nights = float(np.count_nonzero(~np.isnan(self.logs[last.since :])))
        new = float(mean_variance(np.array([nights]), np.array([self.phi]))[0])
        return self.level, math.hypot(last.error_before, self.sd * math.sqrt(new))

    def size(self, episode: Episode) -> tuple[float, float, float]:
        """The change of an episode as a share, with its interval: of a throughput, of that."""
        after, error = self.now(episode)
        sign = -1 if is_rate(self.row) else 1
        change = after - episode.before
        bounds = [sign * (change + side * _INTERVAL * error) for side in (-sign, sign)]
        value, lower, upper = (math.expm1(one) for one in (sign * change, *bounds))
        return value, lower, upper


def is_rate(row: Row) -> bool:
    """Whether more is better."""
    return row.number is not None and row.series.gate.kind == "throughput"


def watch_series(
    series: Sequence[Series], least: float, memory: WatchMemory | None = None
) -> list[WatchedRow]:
    """Watches the series of one hardware class and backend, which have the same nights.

    Args:
        least: the smallest change of interest (0.01 is 1 %).
        memory: what was known before.
    """
    place = series[0].hardware_class, series[0].backend
    rows = [
        Row(one.gate.name, one.host, one.test, one.key, one, number)
        for number, one in enumerate(series)
    ]
    logs = np.array([_logs(one) for one in series])
    parts = [logs]
    for alike in _by_test(series):
        rows += [_together(series[one[0]]) for one in alike]
        parts.append(logs[alike].mean(axis=1))
    for host, members in _by_host(series):
        rows.append(Row(COMMON, host, "", "", series[members[0]]))
        parts.append(_common(logs[members])[None])
    every = np.concatenate(parts)
    metrics = sorted({row.metric for row in rows})
    groups = np.array([metrics.index(row.metric) for row in rows], dtype=np.intp)
    found = watch(every, groups, least, memory.load(place) if memory else None)
    if memory:
        memory.save(place, found.memory)
    return _watched(rows, every, found, math.log1p(least))


def _watched(
    rows: Sequence[Row], logs: FloatArray, found: Watched, least: float
) -> list[WatchedRow]:
    changes: dict[int, list[LevelShift]] = defaultdict(list)
    for shift in found.shifts:
        changes[shift.series].append(shift)
    return [
        WatchedRow(
            row, logs[place], changes[place],
            episodes(changes[place], least, float(found.level[place])),
            float(found.level[place]), float(found.sd[place]), float(found.phi[place]),
        )
        for place, row in enumerate(rows)
    ]  # fmt: skip


def trend_of(row: WatchedRow, state: State, least: float) -> Trend:
    """A series as it is shown, in the state that its alarms have.

    `state` is what is known of it beside its own changes: alarm, acknowledged, missing or quiet.
    """
    series = row.row.series
    standing = [one for one in row.episodes if one.ended is None]
    shown = _shown(standing)
    measured = int(np.count_nonzero(~np.isnan(row.logs)))
    if state is State.QUIET:
        if math.isnan(row.level):
            state = State.NEW
        elif shown and not shown.is_regression and row.logs.size - shown.raised <= _RECENT:
            state = State.IMPROVED
    if shown and not shown.is_regression and state is not State.IMPROVED:
        shown = None
    size = row.size(shown) if shown else (None, None, None)
    sign = -1 if is_rate(row.row) else 1
    return Trend(
        hardware_class=series.hardware_class,
        backend=series.backend,
        host=series.host,
        key=series.key,
        metric=series.gate.name,
        unit=series.gate.unit,
        measured=measured,
        state=state.value,
        message=_message(state, shown, measured, least, is_cost=series.gate.is_cost),
        level=None if math.isnan(row.level) else math.exp(sign * row.level),
        since=series.nights[shown.since] if shown else None,
        change=size[0],
        lower=size[1],
        upper=size[2],
        changes=[
            DatedChange(
                night=series.nights[one.since],
                before=math.exp(sign * one.before),
                after=math.exp(sign * one.after),
                change=math.expm1(sign * (one.after - one.before)),
            )
            for one in row.changes
        ],
    )


def _shown(standing: Sequence[Episode]) -> Episode | None:
    """The first regression that stands, else the last improvement."""
    regressions = [one for one in standing if one.is_regression]
    return regressions[0] if regressions else (standing[-1] if standing else None)


def _message(
    state: State, shown: Episode | None, measured: int, least: float, *, is_cost: bool
) -> str:
    if state is State.NEW:
        return f"measured on {counted(measured, 'night')}, too few to see a change"
    if shown is None:
        return f"no change of {least:.1%} or more" if state is State.QUIET else state.value
    worse, better = ("more", "less") if is_cost else ("slower", "faster")
    if state is State.ACKNOWLEDGED:
        return f"{worse} than before, and acknowledged"
    return f"{worse if shown.is_regression else better} than before"


def _logs(series: Series) -> FloatArray:
    logs: FloatArray = np.log(series.values)
    return -logs if series.gate.kind == "throughput" else logs


def _together(one: Series) -> Row:
    return Row(TOGETHER, one.host, one.test, one.key, one)


def _by_test(series: Sequence[Series]) -> list[list[list[int]]]:
    """The places of the numbers of each test on each host, where there are several; by how many."""
    found: dict[tuple[str, str, str, str | None], list[int]] = defaultdict(list)
    for place, one in _of_queries(series):
        found[one.test, one.key, one.how, one.host].append(place)
    sizes = sorted({len(members) for members in found.values()} - {1})
    return [[one for one in found.values() if len(one) == size] for size in sizes]


def _of_queries(series: Sequence[Series]) -> Iterator[tuple[int, Series]]:
    """Series with their places, without costs, which have nothing in common with latencies."""
    return ((place, one) for place, one in enumerate(series) if not one.gate.is_cost)


def _by_host(series: Sequence[Series]) -> list[tuple[str | None, list[int]]]:
    """The places of the series of each host that has enough tests."""
    found: dict[str | None, list[int]] = defaultdict(list)
    tests: dict[str | None, set[str]] = defaultdict(set)
    for place, one in _of_queries(series):
        found[one.host].append(place)
        tests[one.host].add(one.key)
    return [(host, members) for host, members in found.items() if len(tests[host]) >= _COMMON_TESTS]


def _common(logs: FloatArray) -> FloatArray:
    """What series have in common: the median, each night, of what each is off its first nights."""
    first = np.cumsum(~np.isnan(logs), axis=1) <= _FIRST
    levels = _medians(np.where(first, logs, np.nan))
    off = logs - levels[:, None]
    count = np.count_nonzero(~np.isnan(off), axis=0)
    common = np.full(logs.shape[1], np.nan)
    enough = count >= _COMMON_TESTS
    if enough.any():
        common[enough] = _medians(off[:, enough].T)
    return common


def _medians(rows: FloatArray) -> FloatArray:
    """The median of each row without its NaN, of which not all may be."""
    ordered = np.sort(rows, axis=1)  # NaN come last
    count = np.count_nonzero(~np.isnan(rows), axis=1)
    place = np.arange(len(rows))
    medians: FloatArray = (ordered[place, (count - 1) // 2] + ordered[place, count // 2]) / 2
    return medians
