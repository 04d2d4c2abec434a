"""Whether rounds are long enough for a verdict to rest on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

MIN_ROUND_MS = 50.0
"""Rounds that are shorter on average decide nothing.

Five rounds of 10 ms see 50 ms of a machine, and nothing of how it changes from second to second: on
two cores that two workers shared, an unchanged engine was called 29 to 48 % slower, and surely so,
in five of twelve measurements. This is a lower limit and no promise: on two cores with three to
six busy processes, 24 runs of an unchanged engine, each compared with each, failed in 1.1 % of 552
pairs with rounds of 10 and 20 ms (and decided nothing in 81 and 73 %), in 3 % with 50 and 100 ms,
in 0.7 % with 200 ms.
"""


class TimedRound(Protocol):
    """What the length of a round follows from."""

    @property
    def queries(self) -> int: ...  # noqa: D102
    @property
    def throughput(self) -> float: ...  # noqa: D102


def mean_round_ms(rounds: Sequence[TimedRound]) -> float:
    """The mean length of rounds in ms, from their queries and throughput (queries per second)."""
    return 1e3 * sum(round.queries / round.throughput for round in rounds) / len(rounds)


def too_short(round_ms: float, place: str = "") -> str | None:
    """What to set where rounds of this mean length, ms, are too short; None where they are not.

    A round that ends with its time may lack the time of one query.

    Args:
        place: where the rounds are, for the message: " in the baseline".
    """
    if round_ms >= 0.9 * MIN_ROUND_MS:
        return None
    return (
        f"rounds of {round_ms:.2g} ms{place} are too short to decide anything: "
        f"set round_ms to {MIN_ROUND_MS:g} or more (200 by default)"
    )
