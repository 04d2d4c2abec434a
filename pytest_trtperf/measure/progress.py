"""The progress of a measurement, reported between rounds and never during one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MeasureProgress:
    """What begins next.

    Attributes:
        round: the number of the round, from 1; None for the warm-up.
        wanted: rounds that were asked for. set_aside: disturbed rounds, measured again.
        seconds_left: until the time limit of the rounds, or of the warm-up.
        limits: what the time limit does not support, in a sentence; None where it is enough.
    """

    round: int | None
    wanted: int
    set_aside: int
    seconds_left: float
    limits: str | None = None
