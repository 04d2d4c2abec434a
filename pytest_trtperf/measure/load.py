"""How queries arrive: as others complete, or at a rate of their own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pytest_trtperf.measure.trace import Times

ARRIVALS = ("poisson", "constant")
LEAD_IN = 0.5
"""An open load starts with an empty queue: so much of a round goes by before it counts."""


@dataclass(frozen=True)
class Load:
    """A closed load keeps queries in flight; an open one issues them at a rate.

    Attributes:
        request_rate: queries per second of an open load; None is a closed one.
        arrivals: `poisson` or `constant` intervals of an open load.
        idle_ms: sleep between a completion and the next query of a closed load.
        seed: of the arrivals.
    """

    request_rate: float | None = None
    arrivals: str = "poisson"
    idle_ms: float = 0.0
    seed: int = 0

    @property
    def is_open(self) -> bool:
        """Whether queries arrive whether or not others are complete."""
        return self.request_rate is not None

    @property
    def mode(self) -> dict[str, bool | int | float | str]:
        """What a record keeps."""
        if self.request_rate is None:
            return {"load": "closed", "idle_ms": self.idle_ms}
        return {"load": "open", "request_rate": self.request_rate, "arrivals": self.arrivals}

    def schedule(self, duration_ms: float, queries: int, round: int) -> Times:
        """When queries are due: ascending nanoseconds from the start of a round.

        Covers `duration_ms`, and `queries` at least. Poisson arrivals have exponential intervals
        of mean 1 / rate; each round draws its own.
        """
        assert self.request_rate is not None
        covered = self.request_rate * duration_ms / 1e3
        count = max(queries, round_up(covered))
        if self.arrivals == "constant":
            intervals = np.ones(count)
        else:
            draw = np.random.default_rng([self.seed, round]).exponential
            intervals = draw(size=count)
            # So many have the right length on average only.
            while (left := covered - float(intervals.sum())) > 0:
                intervals = np.append(intervals, draw(size=round_up(left)))
        return np.asarray(np.cumsum(intervals) * (1e9 / self.request_rate)).astype(np.int64)


def round_up(value: float) -> int:
    """The next whole number, at least 1."""
    return max(1, int(np.ceil(value)))
