"""Energy of a GPU over the rounds of a measurement, by the counter of its driver."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from pytest_trtperf.measure.disturbance import mean_power_w
from pytest_trtperf.measure.rounds import Round, SessionRounds

STEP_S = 0.1
"""The driver's counter moves in steps of up to so long."""

_GAP_US = 50_000
"""Rounds that are less apart are one stretch: then steps count at its two ends alone."""


@dataclass(frozen=True)
class Energy:
    """What the whole GPU took while rounds ran.

    Attributes:
        per_query_mj: millijoules.
        power_w: the mean.
        error: the share by which the counter's steps may make it wrong.
        idle_power_w: between the first query and the warm-up; None where unknown.
    """

    per_query_mj: float
    power_w: float
    error: float
    idle_power_w: float | None

    @property
    def idle_share(self) -> float | None:
        """The share of it that the GPU would have taken without queries; None where unknown."""
        return None if self.idle_power_w is None else min(self.idle_power_w / self.power_w, 1.0)

    @property
    def words(self) -> str:
        """Power and idle share."""
        if self.idle_share is None or self.idle_power_w is None:
            return f"{self.power_w:.0f} W, idle share unknown"
        idle = f"{self.idle_power_w:.0f} W before the warm-up"
        return f"{self.power_w:.0f} W, idle share {self.idle_share:.0%}: {idle}"


def energy_of(sessions: Sequence[SessionRounds]) -> Energy | None:
    """The energy of all rounds; None where the driver counts none, or its counter stood still."""
    spent_j, passed_s, stretches = 0.0, 0.0, 0
    for stretch in _stretches(sessions):
        before, after = stretch[0].before, stretch[-1].after
        if watts := mean_power_w(before, after):
            seconds = ((after.unix_time_us or 0) - (before.unix_time_us or 0)) / 1e6
            spent_j, passed_s, stretches = (
                spent_j + watts * seconds,
                passed_s + seconds,
                stretches + 1,
            )
    if not stretches:
        return None
    traces = [round.trace for session in sessions for round in session.rounds]
    watts = spent_j / passed_s
    # Millijoules are watts times milliseconds. The looks lie further apart than the queries.
    per_query = watts * sum(one.span_ms for one in traces) / sum(one.queries for one in traces)
    idle = [one.idle_power_w for one in sessions if one.rounds and one.idle_power_w is not None]
    error = STEP_S * stretches / passed_s
    return Energy(per_query, watts, error, median(idle) if idle else None)


def _stretches(sessions: Sequence[SessionRounds]) -> Iterator[list[Round]]:
    """Rounds that follow each other closely."""
    for session in sessions:
        stretch: list[Round] = []
        for round in session.rounds:
            if stretch and not _is_close(stretch[-1], round):
                yield stretch
                stretch = []
            stretch.append(round)
        if stretch:
            yield stretch


def _is_close(one: Round, other: Round) -> bool:
    then, now = one.after.unix_time_us, other.before.unix_time_us
    return then is not None and now is not None and 0 <= now - then <= _GAP_US
