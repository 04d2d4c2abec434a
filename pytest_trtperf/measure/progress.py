"""How far a measurement is, told between rounds and never within one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MeasureProgress:
    """What begins now.

    Attributes:
        round: its number, from 1; None is the warm-up.
        wanted: rounds that were asked for. set_aside: disturbed ones that were measured again.
        seconds_left: until the time limit of the rounds, or of the warm-up.
    """

    round: int | None
    wanted: int
    set_aside: int
    seconds_left: float
