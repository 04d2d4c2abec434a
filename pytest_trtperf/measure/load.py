"""How queries arrive: as others complete, or at a rate of their own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pytest_trtperf.backend.trace import Times

MOST_QUERIES = 100_000_000

LEAD_IN = 0.25
"""An open load starts with an empty queue: this share of a round goes by before it counts."""


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

    def schedule(
        self,
        duration_ms: float,
        queries: int,
        round: int,
        lead_in_ms: float = 0.0,
        most: int = MOST_QUERIES,
    ) -> Times:
        """When queries are due: ascending nanoseconds from the start of a round.

        Covers `duration_ms` after a lead-in, and has `queries` at least after it. Poisson arrivals
        have exponential intervals of mean 1 / rate; each round draws its own. It ends after `most`,
        which a device that cannot serve so many does not come to.
        """
        assert self.request_rate is not None
        per_ms = self.request_rate / 1e3
        lead_in, covered = lead_in_ms * per_ms, (lead_in_ms + duration_ms) * per_ms
        draw = np.random.default_rng([self.seed, round]).exponential
        due = np.empty(0)
        while due.size < most and (
            not due.size or due[-1] < covered or np.count_nonzero(due >= lead_in) < queries
        ):
            size = min(max(queries, int(covered)) // (4 if due.size else 1) + 1, most)
            intervals = np.ones(size) if self.arrivals == "constant" else draw(size=size)
            due = np.append(due, np.cumsum(intervals) + (due[-1] if due.size else 0.0))
        last = max(
            int(np.searchsorted(due, covered)), int(np.searchsorted(due, lead_in)) + queries - 1
        )
        return np.asarray(due[: last + 1] * (1e6 / per_ms)).astype(np.int64)
