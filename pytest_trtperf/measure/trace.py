"""What a timed round leaves behind: arrays with one row a query."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Trace:
    """The queries of one round, in the order in which they were issued.

    Attributes:
        span_ms: from the start of the first query to the end of the last, on the device's clock.
        metrics: milliseconds, one float64 array of shape (queries,) for each of trtexec's names:
            latency, and on a GPU enqueue, h2d, gpu_compute, d2h and response.
    """

    span_ms: float
    metrics: Mapping[str, np.ndarray]

    @property
    def queries(self) -> int:
        """How many queries were completed."""
        return len(self.metrics["latency"])

    @property
    def throughput(self) -> float:
        """Queries per second over the span."""
        return 1e3 * self.queries / self.span_ms

    @property
    def compute(self) -> np.ndarray:
        """The metric that tells the engine's own time: gpu_compute, or latency on the CPU."""
        return self.metrics.get("gpu_compute", self.metrics["latency"])


@dataclass(frozen=True)
class Extent:
    """When a timed loop ends: when both least values are reached, or the capacity is full."""

    duration_ms: float
    queries: int
    capacity: int
