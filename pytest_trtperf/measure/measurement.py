"""Rounds of one session under one load."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

import numpy as np

from pytest_trtperf.errors import MeasurementError
from pytest_trtperf.measure.device_state import DeviceState, read_device_state
from pytest_trtperf.measure.gpu_loop import run_gpu_loop
from pytest_trtperf.measure.host_loop import run_host_loop
from pytest_trtperf.measure.steady import GROUP, WINDOW_MS, is_steady, trend
from pytest_trtperf.measure.trace import Extent, Trace
from pytest_trtperf.runtime.onnx_runtime import OnnxRuntimeSession
from pytest_trtperf.runtime.tensorrt import TensorRTSession

Session = TensorRTSession | OnnxRuntimeSession


@dataclass(frozen=True)
class Plan:
    """How long to warm up and how long each round is.

    Attributes:
        max_warm_up: seconds. max_time: seconds of timed rounds in all.
    """

    warm_up_ms: float = 200.0
    max_warm_up: float = 10.0
    round_ms: float = 200.0
    round_queries: int = 500
    max_time: float = 30.0


@dataclass(frozen=True)
class WarmUp:
    """How the warm-up ended; `trend` is the last change between window groups, as a share."""

    queries: int
    seconds: float
    steady: bool
    trend: float


@dataclass(frozen=True)
class Round:
    """One trace with the device's state before and after, and its bounds on the host's clock.

    Attributes:
        started, ended: seconds of CLOCK_MONOTONIC, which all processes of a host share.
    """

    trace: Trace
    before: DeviceState
    after: DeviceState
    started: float
    ended: float

    @property
    def sm_clock_mhz(self) -> float | None:
        """The SM clock right after the round, while it is still what the round ran at."""
        return self.after.sm_clock_mhz


class Measurement:
    """Measures a session round by round; more rounds may be asked for at any time.

    Args:
        lock: held while queries run, so that one process uses the device at a time.
        uuid: the GPU's, None on the CPU.
    """

    def __init__(
        self, session: Session, plan: Plan, lock: AbstractContextManager[object], uuid: str | None
    ) -> None:
        self.session, self.plan = session, plan
        self.rounds: list[Round] = []
        self.warm_up: WarmUp | None = None
        self._lock, self._uuid = lock, uuid
        self._rate, self._released = 0.0, False
        self._loop = _loop_of(session)

    @property
    def seconds(self) -> float:
        """Time spent in rounds so far."""
        return sum(round.ended - round.started for round in self.rounds)

    def extend(self, rounds: int) -> bool:
        """Adds rounds until there are `rounds`, within the time limit; False if it stopped it.

        Raises:
            MeasurementError: the device failed, or the session was released.
        """
        if self._released:
            raise MeasurementError("the test that measured this has ended: no rounds can be added")
        with self._lock:
            if self.rounds:
                self._settle()
            else:
                self.warm_up = self._warm_up()
            while len(self.rounds) < rounds and self._fits():
                self.rounds.append(self._round())
        return len(self.rounds) >= rounds

    def release(self) -> None:
        """Frees the session; what was measured stays."""
        self._released = True
        self.session.close()

    def _fits(self) -> bool:
        expected = self.seconds / max(len(self.rounds), 1)
        return len(self.rounds) < 2 or self.seconds + expected <= self.plan.max_time

    def _settle(self) -> None:
        # Between two looks the clocks may have dropped: spin the device up again.
        self._loop(self._extent(self.plan.warm_up_ms / 2, 1))

    def _warm_up(self) -> WarmUp:
        start = time.perf_counter()
        medians: list[float] = []
        queries, steady, elapsed = 0, False, 0.0
        extent = Extent(0, 1, 1)
        while elapsed < self.plan.max_warm_up and not steady:
            with _quiet_interpreter():
                trace = self._loop(extent)
            queries += trace.queries
            medians.append(float(np.median(trace.compute)))
            self._rate = trace.throughput
            extent = self._extent(WINDOW_MS, 1)
            elapsed = time.perf_counter() - start
            steady = elapsed * 1e3 >= self.plan.warm_up_ms and is_steady(medians)
        drift = trend(medians) if len(medians) >= 2 * GROUP else math.nan
        return WarmUp(queries, elapsed, steady, drift)

    def _round(self) -> Round:
        extent = self._extent(self.plan.round_ms, self._round_queries())
        before = read_device_state(self._uuid)
        with _quiet_interpreter():
            started = time.monotonic()
            trace = self._loop(extent)
            ended = time.monotonic()
        return Round(trace, before, read_device_state(self._uuid), started, ended)

    def _round_queries(self) -> int:
        """As many as asked for, unless five rounds of them would not fit into the limit."""
        affordable = int(self._rate * self.plan.max_time / 5.5)
        return max(2, min(self.plan.round_queries, affordable))

    def _extent(self, duration_ms: float, queries: int) -> Extent:
        expected = max(queries, int(self._rate * duration_ms / 1e3))
        return Extent(duration_ms, queries, 2 * expected + 16)


def _loop_of(session: Session) -> Callable[[Extent], Trace]:
    if isinstance(session, TensorRTSession):
        return lambda extent: run_gpu_loop(session, extent)
    return lambda extent: run_host_loop(session, extent)


@contextmanager
def _quiet_interpreter() -> Iterator[None]:
    """No garbage collection while queries are timed."""
    enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
