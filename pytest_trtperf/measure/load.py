"""The offered load: queries start when others complete, or at a given rate."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from pytest_trtperf.analysis.queueing import relaxation_s
from pytest_trtperf.backend.trace import Times

MOST_QUERIES = 100_000_000

LEAD_IN = 3
"""Relaxation times of the queue. An open load starts with an empty one, so they are not counted."""

LEAD_IN_OF_OVERLOAD = 0.25
"""A share of a round: no queue of more than the device can do ever becomes steady."""


@dataclass(frozen=True)
class Load:
    """A closed load keeps queries in flight; an open load issues them at a rate.

    Attributes:
        request_rate: queries per second of an open load; None for a closed one.
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
        """Whether queries arrive without waiting for others to complete."""
        return self.request_rate is not None

    @property
    def mode(self) -> dict[str, bool | int | float | str]:
        """The load as a record stores it."""
        if self.request_rate is None:
            return {"load": "closed", "idle_ms": self.idle_ms}
        return {"load": "open", "request_rate": self.request_rate, "arrivals": self.arrivals}

    def lead_in_ms(self, capacity: float, round_ms: float, most_ms: float) -> float:
        """How long queries are issued before those that count.

        Args:
            capacity: queries per second that the device can do.
            round_ms: what a round is to last. most_ms: what there is time for.
        """
        assert self.request_rate is not None
        relaxation_ms = 1e3 * relaxation_s(self.request_rate, capacity)
        wanted = LEAD_IN * relaxation_ms
        return min(wanted if math.isfinite(wanted) else LEAD_IN_OF_OVERLOAD * round_ms, most_ms)

    def schedule(
        self,
        duration_ms: float,
        queries: int,
        round: int,
        lead_in_ms: float = 0.0,
        most: int = MOST_QUERIES,
    ) -> Times:
        """When queries are due: ascending nanoseconds from the start of a round.

        The schedule covers a lead-in and then `duration_ms`, with at least `queries` after the
        lead-in. Poisson arrivals have exponential intervals with mean 1 / rate, drawn anew for each
        round. The schedule ends after `most` queries, more than the device can serve.
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
