"""What a series of nights says: whether an alarm stands, and when the level changed."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from pytest_trtperf.analysis.dating import change_points
from pytest_trtperf.analysis.reference_window import LEAST
from pytest_trtperf.analysis.series import Alarm, Size, State, alarm
from pytest_trtperf.record.history import Night, Series

ENDED = "ended"
"""The state of a series without a value in the last nights: its test is gone or measures anew."""

LAST_NIGHTS = 7


class DatedChange(msgspec.Struct, frozen=True, kw_only=True):
    """A change of level; `night` is the first at the new one. `change` is a share."""

    night: Night
    before: float
    after: float
    change: float
    p: float


class Trend(msgspec.Struct, frozen=True, kw_only=True):
    """A series with its alarm and its changes.

    `state` is that of `analysis.series.State`, or `ended`. `change`, `lower` and `upper` are those
    of what stands since the night `since`, as shares of the level before it.
    """

    hardware_class: str
    backend: str
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
        return self.state == State.ALARM.value


def trend_of(series: Series, least: float = LEAST) -> Trend:
    """The alarm of a series, and the dates of its changes where there ever was one.

    Args:
        least: the smallest change that is reported (0.01 is 1 %).
    """
    # Of a throughput the time for each query is looked at, where more is worse too.
    turned = series.gate.kind == "throughput"
    values = [_turned(value, turned=turned) for value in series.values]
    found = alarm(values, least=least)
    measured = [index for index, value in enumerate(values) if value is not None]
    ended = measured[-1] < len(values) - LAST_NIGHTS
    size = found.size
    lower, upper = _bounds(size, turned=turned) if size else (None, None)
    return Trend(
        hardware_class=series.hardware_class,
        backend=series.backend,
        key=series.key,
        metric=series.gate.name,
        unit=series.gate.unit,
        measured=len(measured),
        state=ENDED if ended else found.state.value,
        message=found.message,
        level=_turned(found.reference.level, turned=turned) if found.reference else None,
        since=None if found.since is None else series.nights[found.since],
        change=_change(size.ratio, turned=turned) if size else None,
        lower=lower,
        upper=upper,
        changes=list(_changes(series, values, least, turned=turned)) if _moved(found) else [],
    )


def _moved(found: Alarm) -> bool:
    """Whether the alarm ever noticed that the level moved."""
    return bool(found.episodes or found.steps)


def _changes(
    series: Series, values: list[float | None], least: float, *, turned: bool
) -> Iterator[DatedChange]:
    for change in change_points(values, least=least):
        before, after = (1 / v if turned else v for v in (change.before, change.after))
        yield DatedChange(
            night=series.nights[change.night],
            before=before,
            after=after,
            change=after / before - 1,
            p=change.p,
        )


def _turned(value: float | None, *, turned: bool) -> float | None:
    return 1 / value if turned and value is not None else value


def _change(ratio: float, *, turned: bool) -> float:
    return (1 / ratio if turned else ratio) - 1


def _bounds(size: Size, *, turned: bool) -> tuple[float, float]:
    bounds = [_change(ratio, turned=turned) for ratio in (size.lower, size.upper)]
    return min(bounds), max(bounds)
