"""What a timed round leaves behind: arrays with one row a query."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from pytest_trtperf.analysis.metrics import engine_metric

Times = npt.NDArray[np.int64]
STAGES = ("h2d", "gpu_compute", "d2h")

OVERLOAD = 0.02
"""A load that is this much above what the device does is taken for more than it can serve."""

LEAST_FOR_TREND = 40


@dataclass(frozen=True, eq=False)
class Trace:
    """The queries of one round, in the order in which they were issued.

    Attributes:
        span_ms: from the start of the first query to the end of the last, on the device's clock.
        issued, done: nanoseconds of the host's clock, shape (queries,).
        in_flight: the most queries that were let into the device at once.
        enqueue: nanoseconds that the host spent in enqueueing; None on the CPU.
        stages: float32 milliseconds of `STAGES` by the device's clock; empty on the CPU.
        starts: float32 milliseconds from the round's start to each stage's, where asked for.
        due: when each query of an open load was to be issued, as `issued`; None under a closed one.
        saturated: whether an open load was given up since the device fell ever further behind.
        freed: when the last queries before these, which are not kept, were complete.
    """

    span_ms: float
    issued: Times
    done: Times
    in_flight: int = 1
    enqueue: Times | None = None
    stages: Mapping[str, npt.NDArray[np.float32]] = field(default_factory=dict)
    starts: Mapping[str, npt.NDArray[np.float32]] = field(default_factory=dict)
    due: Times | None = None
    saturated: bool = False
    freed: Times = field(default_factory=lambda: np.empty(0, np.int64))

    @property
    def queries(self) -> int:
        """How many queries were completed."""
        return len(self.issued)

    @property
    def throughput(self) -> float:
        """Queries per second over the span."""
        return 1e3 * self.queries / self.span_ms

    @property
    def metrics(self) -> tuple[str, ...]:
        """What `samples` can give: trtexec's names, `response`, and of an open load `lateness`."""
        names = ("latency", *(("enqueue",) if self.enqueue is not None else ()), *self.stages)
        return (*names, "response", *(("lateness",) if self.due is not None else ()))

    @property
    def nbytes(self) -> int:
        """Bytes that the arrays take."""
        times = (self.issued, self.done, self.enqueue, self.due)
        arrays = (*times, *self.stages.values(), *self.starts.values())
        return sum(array.nbytes for array in arrays if array is not None)

    def samples(self, metric: str) -> npt.NDArray[np.float64]:
        """Milliseconds of each query, shape (queries,).

        `latency` is trtexec's H2D + GPU compute + D2H, without queueing; on the CPU the time from
        issue to completion. `response` runs from when a query was due (issued, under a closed
        load) to completion. `lateness` is how long after it was due, and the device had room for
        it, a query was issued: the error of the load itself.

        Raises:
            KeyError: the trace does not have this metric.
        """
        if metric == "latency":
            return self._latency()
        if metric == "enqueue" and self.enqueue is not None:
            return self.enqueue / 1e6
        if metric == "response":
            return (self.done - (self.issued if self.due is None else self.due)) / 1e6
        if metric == "lateness" and self.due is not None:
            return self._lateness(self.due)
        return self.stages[metric].astype(np.float64)

    def falls_behind(self, service_ns: float) -> bool:
        """Whether an open load is more than the device can serve, though not yet given up.

        In its second half no query found room at once, and waits grow by more than a share
        `OVERLOAD` of the time that passes. A queue that is stable empties now and then.

        Args:
            service_ns: the time of one query where the device is busy.
        """
        if self.due is None or self.queries < LEAST_FOR_TREND:
            return False
        waits, half, few = self.issued - self.due, self.queries // 2, self.queries // 20
        if waits[half:].min() <= service_ns:
            return False
        growth = float(waits[-few:].mean() - waits[half : half + few].mean())
        return growth > OVERLOAD * float(self.due[-1] - self.due[half])

    @property
    def compute(self) -> npt.NDArray[np.float64]:
        """The samples of `engine_metric`."""
        return self.samples(engine_metric(self.stages))

    def after(self, ns: int) -> Trace:
        """The queries that were due, or issued, from `ns` of the host's clock on."""
        first = int(np.searchsorted(self.issued if self.due is None else self.due, ns))
        return Trace(
            (int(self.done.max()) - ns) / 1e6,
            self.issued[first:],
            self.done[first:],
            self.in_flight,
            None if self.enqueue is None else self.enqueue[first:],
            {name: values[first:] for name, values in self.stages.items()},
            {name: values[first:] for name, values in self.starts.items()},
            None if self.due is None else self.due[first:],
            self.saturated,
            np.sort(self.done[:first], kind="stable")[-self.in_flight :],
        )

    def _latency(self) -> npt.NDArray[np.float64]:
        if not self.stages:
            return (self.done - self.issued) / 1e6
        total = np.zeros(self.queries)
        for values in self.stages.values():
            total += values
        return total

    def _lateness(self, due: Times) -> npt.NDArray[np.float64]:
        # The n-th query finds room when all but `in_flight` - 1 before it are complete. On a GPU
        # they are in order as it is, which this sort sees at once.
        room = np.concatenate([self.freed, np.sort(self.done, kind="stable")])
        first = self.in_flight - self.freed.size
        ready = due.copy()
        np.maximum(ready[first:], room[: max(self.queries - first, 0)], out=ready[first:])
        late: npt.NDArray[np.float64] = (self.issued - ready) / 1e6
        return late


@dataclass(frozen=True)
class Extent:
    """When a timed loop ends: when both least values are reached, or the capacity is full."""

    duration_ms: float
    queries: int
    capacity: int
