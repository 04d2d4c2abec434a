"""What all unchanged engines of a run have in common: the machine is faster or slower today."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from statistics import median

from pytest_trtperf.analysis.moderation import Variance

LEAST_CONTROLS = 5
"""Unchanged engines without which nothing is said of the machine."""


@dataclass(frozen=True)
class Shift:
    """How much slower the machine is than when the baselines were recorded.

    Attributes:
        value: of the logarithm; above 0 is slower.
        variance: of that estimate.
        spread: of one engine around it.
        controls: how many unchanged engines it comes from.
    """

    value: float
    variance: Variance
    spread: Variance
    controls: int


@dataclass
class Controls:
    """The first sessions of engines that are those of their baselines, as they are measured."""

    _changes: dict[str, list[float]] = field(default_factory=dict)
    _shifts: dict[str, Shift | None] = field(default_factory=dict)

    def add(self, gate: str, change: float) -> None:
        """Takes an unchanged engine's change, a logarithm of which more is slower."""
        self._changes.setdefault(gate, []).append(change)
        self._shifts.pop(gate, None)

    def shift(self, gate: str) -> Shift | None:
        """Their median, or None of fewer than `LEAST_CONTROLS`.

        Its variance is that of a median of normal values (Kenney & Keeping 1962), by the median
        absolute deviation.
        """
        if gate not in self._shifts:
            self._shifts[gate] = _shift_of(self._changes.get(gate, []))
        return self._shifts[gate]


def _shift_of(changes: list[float]) -> Shift | None:
    count = len(changes)
    if count < LEAST_CONTROLS:
        return None
    middle = median(changes)
    deviation = 1.4826 * median(abs(change - middle) for change in changes)
    spread = Variance(deviation**2, float(count - 1))
    variance = Variance(math.pi / 2 * spread.value / count, spread.freedom)
    return Shift(middle, variance, spread, count)
