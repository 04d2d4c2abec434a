"""Rounds for the tests of gates."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Round:
    """Queries of an engine that takes so many milliseconds."""

    ms: float
    queries: int = 1000

    @property
    def throughput(self) -> float:
        return 1e3 / self.ms

    @property
    def quantiles(self) -> dict[str, list[float]]:
        return {"latency": [self.ms] * 21}
