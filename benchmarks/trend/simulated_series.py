"""Series of nights, drawn at random, and what an alarm or a date of each is asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import signal

from pytest_trtperf.analysis.dating import change_points, date_change
from pytest_trtperf.analysis.reference_window import (
    WINDOW,
    NightlyValues,
)
from pytest_trtperf.analysis.series import Direction, alarm
from pytest_trtperf.analysis.summary import FloatArray

NOISE = 0.01
STEP = 0.03
NIGHTS = 60


@dataclass(frozen=True)
class Case:
    """A kind of series; `first` and `last` bound the night of the step, drawn for each series."""

    nights: int = NIGHTS
    phi: float = 0.0
    noise: float = NOISE
    step: float = 0.0
    first: int = WINDOW
    last: int = WINDOW
    outliers: int = 0
    missing: float = 0.0
    old_step: int | None = None
    lasts: int | None = None

    def draw(self, random: np.random.Generator) -> tuple[FloatArray, int]:
        """A series in ms and the night of its step."""
        logs = self.noise * autocorrelated(random, (1, self.nights), self.phi)[0]
        night = int(random.integers(self.first, self.last + 1))
        logs[night:] += np.log1p(self.step)
        if self.lasts is not None:
            logs[night + self.lasts :] -= np.log1p(self.step)
        if self.old_step is not None:
            logs[self.old_step :] += np.log1p(STEP)
        logs[random.choice(self.nights, self.outliers, replace=False)] += np.log(1.3)
        values = np.exp(logs)
        values[random.random(self.nights) < self.missing] = np.nan
        return values, night


Judge = Callable[[FloatArray, int], bool | None]


def autocorrelated(random: np.random.Generator, shape: tuple[int, int], phi: float) -> FloatArray:
    """Rows of stationary normal values of variance 1."""
    shocks = random.normal(size=shape)
    shocks[:, 1:] *= np.sqrt(1 - phi**2)
    rows: FloatArray = signal.lfilter([1.0], [1.0, -phi], shocks, axis=1)
    return rows


def raised(values: NightlyValues) -> list[tuple[int, int]]:
    """When each regression was raised, and the night it was dated to."""
    return [
        (one.raised, one.since)
        for one in alarm(values).episodes
        if one.direction is Direction.REGRESSION
    ]


def flagged(values: FloatArray, _night: int) -> bool:
    """Whether any alarm was raised."""
    return bool(raised(values))


def alarmed_in_time(values: FloatArray, night: int) -> bool:
    """Whether the first alarm is one of the seven nights from the step on."""
    found = raised(values)
    return bool(found) and night <= found[0][0] < night + 7


def alarm_dated(values: FloatArray, night: int) -> bool:
    """Whether there is an alarm, and the first is dated to within two nights of the step."""
    found = raised(values)
    return bool(found) and abs(found[0][1] - night) <= 2


def alarmed_last(values: FloatArray, night: int) -> bool:
    """Whether the first alarm since some nights before the step is in its first seven nights."""
    late = [when for when, _ in raised(values) if when >= night - 20]
    return bool(late) and night <= late[0] < night + 7


def size_covered(values: FloatArray, _night: int) -> bool | None:
    """Whether the interval of what stands on the last night holds the step; None if nothing."""
    size = alarm(values).size
    return None if size is None else size.lower <= 1 + STEP <= size.upper


def given_up(values: FloatArray, _night: int) -> bool:
    """Whether a reference window is given up."""
    return bool(alarm(values).steps)


def given_up_there(values: FloatArray, night: int) -> bool:
    """Whether the reference begins anew within two nights of the step."""
    return any(abs(step - night) <= 2 for step in alarm(values).steps)


def changed(values: FloatArray, _night: int) -> bool:
    """Whether a change is dated at all."""
    return date_change(values) is not None


def dated(values: FloatArray, night: int) -> bool:
    """Whether a change is found, and dated to within two nights."""
    change = date_change(values)
    return change is not None and abs(change.night - night) <= 2


def any_points(values: FloatArray, _night: int) -> bool:
    """Whether binary segmentation finds anything."""
    return bool(change_points(values))


def one_point_dated(values: FloatArray, night: int) -> bool:
    """Whether binary segmentation finds one change, within two nights."""
    found = change_points(values)
    return len(found) == 1 and abs(found[0].night - night) <= 2


def bump_dated(values: FloatArray, night: int) -> bool:
    """Whether binary segmentation finds two changes, the first within two nights of the step."""
    found = change_points(values)
    return len(found) == 2 and abs(found[0].night - night) <= 2
