"""The rows of the trend: one for each test, with what its most troubled number did at a glance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pytest_trtperf.analysis.percent import percent_interval, signed_percent
from pytest_trtperf.judge.trend import State, Trend
from pytest_trtperf.record.history import Series
from pytest_trtperf.record.text import shortened
from pytest_trtperf.report.html.cells import NONE, Cell, Row, row_of
from pytest_trtperf.report.html.links import anchors, commit_url
from pytest_trtperf.text import counted

Followed = tuple[Series, Trend]

STATES = [state.value for state in State]
COLUMNS = ("Nights", "Metric", "Hardware", "Level", "Change", "Since", "Record")

_POINTS = 60
"""Of a line that is 160 pixels wide."""
_HEIGHT = 24.0
_MOST_HOSTS = 6


@dataclass(frozen=True)
class Spark:
    """Lines in a box of 100 by 24, that of the shown host first; `since` is a place in it."""

    lines: list[str]
    since: float | None


def by_test(trends: Sequence[Followed]) -> list[list[Followed]]:
    """The series of each test and hardware, the most troubled first, here and among the tests."""
    groups: dict[tuple[str, str, str], list[Followed]] = {}
    for one in trends:
        trend = one[1]
        groups.setdefault((trend.hardware_class, trend.backend, trend.key), []).append(one)
    for group in groups.values():
        group.sort(key=_rank)
    return sorted(groups.values(), key=lambda group: _rank(group[0]))


def _rank(one: Followed) -> tuple[int, float]:
    trend = one[1]
    return STATES.index(trend.state), -abs(trend.change or 0.0)


def rows_of(groups: Sequence[Sequence[Followed]], job_url: str | None = None) -> list[Row]:
    """A row for each test.

    Args:
        job_url: of a job of the repository, whose pages show commits.
    """
    firsts = [group[0][1] for group in groups]
    names = anchors("trend", [(one.key, one.hardware_class, one.backend) for one in firsts])
    return [
        row_of(
            place,
            names[place],
            group[0][1].state,
            STATES,
            group[0][1].key,
            "",
            _cells(group, job_url),
        )
        for place, group in enumerate(groups)
    ]


def _cells(group: Sequence[Followed], job_url: str | None) -> list[Cell]:
    one = group[0][1]
    others = [trend for _, trend in group[1:] if trend.state == one.state]
    change = Cell(NONE)
    if one.change is not None:
        interval = percent_interval(one.lower, one.upper)
        change = Cell(signed_percent(one.change), one.change, interval)
    level = Cell(NONE)
    if one.level is not None:
        text = f"{one.level:#.4g}".rstrip(".")  # 1.030 and 1001, below each other
        level = Cell(f"{text} {one.unit}", one.level)
    night = one.since or (one.changes[-1].night if one.changes else None)
    record, commit = (shortened(night.record, 60), (night.commit or "")[:12]) if night else ("", "")
    page = commit_url(job_url, night.commit) if night else None
    place = ", ".join(filter(None, [one.backend, one.host]))
    nights = max(trend.measured for _, trend in group)
    return [
        Cell("", nights, counted(nights, "night"), spark=spark_of(group)),
        Cell(one.metric, one.metric, f"and {len(others)} more {one.state}" if others else ""),
        Cell(one.hardware_class, one.hardware_class, place),
        level,
        change,
        Cell(night.date, night.date, "" if one.since else "last change")
        if night
        else Cell(NONE),
        Cell(record or NONE, record, commit, url=page),
    ]  # fmt: skip


def spark_of(group: Sequence[Followed]) -> Spark:
    """The shown number on all hosts, each a line over the nights."""
    shown = group[0][1]
    alike = [one for one, trend in group if trend.metric == shown.metric][:_MOST_HOSTS]
    dates = sorted({night.date for one in alike for night in one.nights})
    place = {date: 100.0 * at / max(len(dates) - 1, 1) for at, date in enumerate(dates)}
    found = np.concatenate([one.values for one in alike])
    known = found[~np.isnan(found)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    since = shown.since
    return Spark(
        [_line(one, place, low, high) for one in alike],
        None if since is None else place.get(since.date),
    )


def _line(series: Series, place: dict[str, float], low: float, high: float) -> str:
    """A path that is broken where nothing was measured."""
    step = max(1, math.ceil(series.values.size / _POINTS))
    parts, pen = [], "M"
    for start in range(0, series.values.size, step):
        some = series.values[start : start + step]
        some = some[~np.isnan(some)]
        if not some.size:
            pen = "M"
            continue
        night = series.nights[start]
        y = _HEIGHT - 2 - (_HEIGHT - 4) * (float(np.median(some)) - low) / ((high - low) or 1.0)
        parts.append(f"{pen}{place[night.date]:.4g} {y:.3g}")
        pen = "L"
    return "".join(parts)
