"""A backend without a device, for tests: times come from a noise model, on a clock of its own.

Provisional, as the protocols that it implements. A query takes no real time: the clock moves by
what the query would have taken, so that rounds of seconds are over at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from pytest_trtperf.backend.probe import Gpu, Probe
from pytest_trtperf.backend.protocols import Backend, LoadedEngine, Session
from pytest_trtperf.backend.session import GivenInputs, Mode
from pytest_trtperf.backend.trace import Extent, Times, Trace
from pytest_trtperf.engine.shapes import Shape, TensorInfo
from pytest_trtperf.engine.spec import EngineSpec

Noise: TypeAlias = "Callable[[np.random.Generator, int], npt.NDArray[np.float64]]"
"""From a generator and a number of queries: a factor of each latency, shape (queries,)."""


def lognormal(sd: float) -> Noise:
    """Independent factors with a median of 1; `sd` is that of their logarithm (0.01 is 1 %)."""
    return lambda random, queries: np.exp(random.normal(0.0, sd, queries))


class FakeClock:
    """Seconds that pass only when somebody says so.

    Attributes:
        now: what the clock shows; may be set.
    """

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        """Seconds."""
        return self.now

    def advance(self, ms: float) -> None:
        """Lets milliseconds pass."""
        self.now += ms / 1e3


class FakeSession(Session):
    """Serves one query after the other."""

    def __init__(self, backend: FakeBackend, shapes: Mapping[str, Shape], mode: Mode) -> None:
        self.shapes, self.in_flight = shapes, 1
        self.mode = {"concurrency": 1, "inputs": "seeded", "seed": mode.seed}
        self.cold_start_ms = 10 * backend.latency_ms
        self.clock = backend.clock
        self._backend = backend

    def run_closed(self, extent: Extent, *, idle_ms: float = 0.0, **_: Any) -> Trace:
        """See `Session.run_closed`."""
        expected = int(extent.duration_ms / (self._backend.latency_ms + idle_ms)) + 1
        queries = max(1, min(max(extent.queries, expected), extent.capacity))
        times = self._backend.draw(queries)
        done = self._now_ns() + np.cumsum(1e6 * (times + idle_ms)).astype(np.int64)
        return self._trace(done - (1e6 * times).astype(np.int64), done)

    def run_open(self, schedule: Times, backlog_ms: float, **_: Any) -> Trace:
        """See `Session.run_open`; a queue with one server, first come, first served."""
        due = schedule + self._now_ns()
        times = (1e6 * self._backend.draw(len(due))).astype(np.int64)
        issued, free = np.zeros_like(due), int(due[0])
        for place, time_ns in enumerate(times.tolist()):
            issued[place] = max(free, int(due[place]))
            if place and issued[place] > due[place] + backlog_ms * 1e6:
                served = slice(place)
                done = issued[served] + times[served]
                return self._trace(issued[served], done, due[served], saturated=True)
            free = int(issued[place]) + time_ns
        return self._trace(issued, issued + times, due)

    def output_values(self) -> dict[str, np.ndarray]:
        """There are no outputs."""
        return {}

    def _now_ns(self) -> int:
        return int(1e9 * self.clock())

    def _trace(
        self, issued: Times, done: Times, due: Times | None = None, *, saturated: bool = False
    ) -> Trace:
        span_ms = float(done[-1] - self._now_ns()) / 1e6
        self._backend.clock.advance(span_ms)
        return Trace(span_ms, issued, done, due=due, saturated=saturated)


class FakeEngine(LoadedEngine):
    """An engine of a `FakeBackend`."""

    def __init__(self, backend: FakeBackend) -> None:
        self.inputs, self.outputs = [TensorInfo("x", (None,), "float32")], []
        self._backend = backend

    def create_session(
        self, shapes: Mapping[str, Shape], mode: Mode, inputs: GivenInputs | None = None
    ) -> FakeSession:
        """See `LoadedEngine.create_session`; any shape will do."""
        return FakeSession(self._backend, {"x": shapes.get("x", (1,))}, mode)


class FakeBackend(Backend):
    """Give it to `--trtperf-backend=fake` by the hook `pytest_trtperf_backends`.

    Any file is a model. The device is a GPU of the name `Fake GPU`, which NVML does not know.

    Args:
        latency_ms: of a query before noise.
        noise: see `Noise`.
        seed: of the noise; each draw continues where the last one ended.
        clock: shared by all sessions.

    Attributes:
        latency_ms: may be set between measurements, such as to make an engine slower.
    """

    name = "fake"

    def __init__(
        self,
        latency_ms: float = 1.0,
        noise: Noise | None = None,
        seed: int = 0,
        clock: FakeClock | None = None,
    ) -> None:
        self.latency_ms, self.noise = latency_ms, noise or lognormal(0.001)
        self.clock = clock or FakeClock()
        self._random = np.random.default_rng(seed)

    def probe(self) -> Probe:
        """One GPU, on every machine."""
        gpu = Gpu(0, "Fake GPU", "GPU-00000000-0000-0000-0000-000000000000", "0.0")
        return Probe(self.name, "1", (gpu,), {"fake": "1"})

    def load_model(self, spec: EngineSpec) -> FakeEngine:
        """See `Backend.load_model`."""
        return FakeEngine(self)

    def draw(self, queries: int) -> npt.NDArray[np.float64]:
        """Milliseconds of so many queries, shape (queries,)."""
        return self.latency_ms * self.noise(self._random, queries)
