"""Whether the numbers of a session are steady, so that its warm-up may end."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pytest_trtperf.analysis.diagnosis import drifting
from pytest_trtperf.analysis.summary import FloatArray
from pytest_trtperf.backend.trace import Trace
from pytest_trtperf.measure.rounds import Round

WINDOW_MS = 25.0
GROUP = 4
TOLERANCE = 0.01

TIME_CONSTANTS_S = np.array([4.0, 2.0, 1.0, 0.5])
"""Of the trends that are looked for."""

MOST_EXPONENT, ROUNDING = 100.0, 1e-24

STILL_TO_COME = 0.005
"""The share by which queries may still change when a session is called steady."""

EVIDENT = 4.0
"""Standard errors from which a slope is more than noise."""

ROUND_WINDOWS = 8
LEAST_SPAN_S = 0.5
"""Rounds that are shorter in all show no trend of seconds."""


def trend(medians: Sequence[float]) -> float:
    """Change of the last `GROUP` windows against the `GROUP` before, as a share.

    The medians of the two groups are compared, so that one disturbed window has no effect.
    """
    groups = np.asarray(medians[-2 * GROUP :]).reshape(2, GROUP)
    earlier, later = np.median(groups, axis=1)
    return float(later / earlier - 1)


def is_steady(medians: Sequence[float]) -> bool:
    """Whether two successive groups of windows agree.

    They agree if they differ by less than 1 %, or by less than twice the standard error of the
    difference of their means: a noisy session without a trend is steady.
    """
    if len(medians) < 2 * GROUP:
        return False
    groups = np.asarray(medians[-2 * GROUP :]).reshape(2, GROUP)
    noise = 2 * float(np.sqrt(groups.var(axis=1, ddof=1).sum() / GROUP) / groups.mean())
    # Noise may hide a drift of a few percent, never the jump from a fallback kernel.
    return abs(trend(medians)) < max(TOLERANCE, min(noise, 5 * TOLERANCE))


def unsteady_by(seconds: npt.ArrayLike, medians: npt.ArrayLike) -> float:
    """The share by which windows just changed or will still change; 0.0 where it may be noise.

    Windows are taken to approach a level exponentially, or to have reached it in a single step. Of
    the time constants that fit, the longest counts, so that the change to come is rather too large.
    It counts from `EVIDENT` standard errors on. Neighbours resemble each other: the variance of an
    estimate grows by (1 + r) / (1 - r) for a correlation r of successive residuals (Bartlett 1935).

    Args:
        seconds: when each window was, in ascending order.
        medians: milliseconds of each window, as many.
    """
    levels, times = np.asarray(medians, np.float64), np.asarray(seconds, np.float64)
    windows = levels.size
    if windows < 2 * GROUP:
        return 0.0
    levels = levels / np.median(levels)
    levels -= levels.mean()
    ago = times[-1] - times
    steps = np.arange(2 * GROUP, windows - 2 * GROUP + 1)
    trends = np.exp(np.minimum(ago / TIME_CONSTANTS_S[:, None], MOST_EXPONENT))
    shapes = np.vstack([trends, np.arange(windows) < steps[:, None]])
    shapes -= shapes.mean(axis=1, keepdims=True)
    squares = (shapes**2).sum(axis=1)
    changes = shapes @ levels / squares
    residuals = levels - changes[:, None] * shapes
    noises = (residuals**2).sum(axis=1)
    best = int(np.argmin(noises))
    growth = _growth(residuals[best])
    # The longest is first; by its likelihood it is not evidently worse than the best.
    worst = noises[best] * (1 + EVIDENT**2 * growth / windows)
    chosen = int(np.argmax(noises <= worst + ROUNDING))
    change = float(changes[chosen])
    error = math.sqrt(noises[chosen] / (windows - 2) / squares[chosen] * growth)
    return -change if abs(change) > EVIDENT * error else 0.0


def _growth(residuals: FloatArray) -> float:
    """By how much their correlation raises the variance of an estimate."""
    noise = float(residuals @ residuals)
    together = max(0.0, float(residuals[1:] @ residuals[:-1]) / noise) if noise else 0.0
    return (1 + together) / (1 - together)


class Windows:
    """The windows of one session in the order of time: of its warm-up, then of its rounds."""

    def __init__(self) -> None:
        self.medians: list[float] = []
        self._seconds: list[float] = []

    @property
    def trend(self) -> float | None:
        """See `trend`; None of too few windows."""
        return trend(self.medians) if len(self.medians) >= 2 * GROUP else None

    @property
    def are_steady(self) -> bool:
        """Whether a warm-up may end: groups agree, and no more is to come than `STILL_TO_COME`."""
        return is_steady(self.medians) and abs(self._latest(2 * GROUP)) <= STILL_TO_COME

    def add(self, trace: Trace, ended: float, parts: int = 1) -> None:
        """Adds the queries of a trace in so many windows, or in one a query.

        Args:
            ended: the second at which the last of them was complete.
        """
        windows = np.array_split(trace.compute, min(parts, trace.queries))
        step = trace.span_ms / 1e3 / len(windows)
        for place, window in enumerate(windows, 1):
            self._seconds.append(ended + (place - len(windows) - 0.5) * step)
            self.medians.append(float(np.median(window)))

    def drift(self, rounds: Sequence[Round]) -> float:
        """By what share successive rounds, which follow the windows so far, are not steady.

        0.0 where that is no more than `STILL_TO_COME`.
        """
        before = len(self.medians)
        for round in rounds:
            self.add(round.trace, round.ended, ROUND_WINDOWS)
        medians = [float(np.median(round.trace.compute)) for round in rounds]
        if rounds[-1].ended - rounds[0].started >= LEAST_SPAN_S:
            change = self._latest(len(self.medians) - before)
            if abs(change) > STILL_TO_COME:
                return change
        return medians[-1] / medians[0] - 1 if drifting(medians) else 0.0

    def _latest(self, least: int) -> float:
        """`unsteady_by` of the second half of all windows, and at least so many of them."""
        last = max(least, len(self.medians) // 2)
        return unsteady_by(self._seconds[-last:], self.medians[-last:])
