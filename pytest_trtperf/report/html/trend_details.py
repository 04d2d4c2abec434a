"""What the page shows of a test over the nights: numbers and texts, from which it draws charts."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from pytest_trtperf.baseline.software import changed_versions
from pytest_trtperf.judge.trend import Trend
from pytest_trtperf.record.base import Number
from pytest_trtperf.record.history import Series
from pytest_trtperf.report.html.details import five_digits
from pytest_trtperf.report.html.trend_rows import Followed


class SeriesDetails(msgspec.Struct, frozen=True, kw_only=True):
    """One number on one host; `nights` is the place of its nights in `Nights.of`."""

    trend: Trend
    values: list[Number]
    nights: int


class TrendDetails(msgspec.Struct, frozen=True, kw_only=True, tag="trend"):
    """A test on one hardware, its most troubled number first."""

    key: str
    hardware_class: str
    backend: str
    series: list[SeriesDetails]


class HostNights(msgspec.Struct, frozen=True):
    """Date, record and commit of each night of a host, and at which place its software changed."""

    nights: list[tuple[str, str, str | None]]
    software: list[tuple[int, list[str]]]


class Nights:
    """The nights of each host once, although hundreds of series share them."""

    def __init__(self) -> None:
        self._places: dict[int, int] = {}
        self.of: list[HostNights] = []

    def place(self, series: Series) -> int:
        """Where the nights of a series are; series of one history share the list itself."""
        known = id(series.nights)
        if known not in self._places:
            self._places[known] = len(self.of)
            self.of.append(
                HostNights(
                    [(one.date, one.record, one.commit) for one in series.nights],
                    _software(series),
                )
            )
        return self._places[known]


def trend_details(group: Sequence[Followed], nights: Nights) -> TrendDetails:
    """What is shown of the series of a test."""
    first = group[0][1]
    return TrendDetails(
        key=first.key,
        hardware_class=first.hardware_class,
        backend=first.backend,
        series=[
            SeriesDetails(trend=trend, values=_values(series), nights=nights.place(series))
            for series, trend in group
        ],
    )


def _values(series: Series) -> list[Number]:
    values = series.values.tolist()
    return [None if np.isnan(one) else five_digits(one) for one in values]


def _software(series: Series) -> list[tuple[int, list[str]]]:
    """Each night whose software is not that of the one before it with a record."""
    found = []
    before: dict[str, str] = {}
    for place, night in enumerate(series.nights):
        if not night.software:
            continue
        if changed := changed_versions(before, night.software):
            found.append((place, [f"{name} {then} → {now}" for name, then, now in changed]))
        before = night.software
    return found
