"""A backend without a device, for tests: times come from a noise model, on a clock of its own.

Provisional, as the protocols that it implements. A query takes no real time: the clock moves by
what the query would have taken, so that rounds of seconds are over at once.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from pytest_trtperf.backend.input_sets import FedInputs
from pytest_trtperf.backend.probe import Gpu, Probe
from pytest_trtperf.backend.protocols import Backend, LoadedEngine, Session
from pytest_trtperf.backend.session import (
    DeviceMemory,
    Kernels,
    KernelState,
    Mode,
    describe_kernels,
)
from pytest_trtperf.backend.trace import STAGES, Extent, Times, Trace
from pytest_trtperf.engine.shapes import Shape, TensorInfo
from pytest_trtperf.engine.spec import EngineSpec
from pytest_trtperf.errors import MeasurementError

Noise: TypeAlias = "Callable[[np.random.Generator, int], npt.NDArray[np.float64]]"
"""Called once a round, with a generator and a number of queries: a factor of each latency, shape
(queries,)."""

ROWS = TensorInfo("x", (None,), "float32")


def lognormal(sd: float, round_sd: float = 0.0) -> Noise:
    """Independent factors with a median of 1.

    Args:
        sd: of the logarithm of a query's factor (0.01 is 1 %).
        round_sd: of the logarithm of a factor that all queries of a round share.
    """
    return lambda random, queries: np.exp(
        random.normal(0.0, round_sd) + random.normal(0.0, sd, queries)
    )


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


@dataclass(frozen=True)
class FakeGpu:
    """How a GPU spends the latency of a query, and what the engine takes of its memory.

    Attributes:
        h2d, gpu_compute, d2h: shares of the latency; their sum is 1.
        enqueue_ms: that the host spends in enqueueing a query.
        memory: bytes.
    """

    h2d: float = 0.1
    gpu_compute: float = 0.8
    d2h: float = 0.1
    enqueue_ms: float = 0.01
    memory: DeviceMemory = DeviceMemory(2 << 20, 1 << 20, 3 << 20)


class FakeSession(Session):
    """Serves up to `in_flight` queries at a time, first come, first served.

    Queries in flight do not slow each other down: two of them double the throughput.

    Attributes:
        backend: gives the noise and the clock.
        closed: whether `close` was called.
    """

    can_restart = True

    def __init__(
        self,
        backend: FakeBackend,
        shapes: Mapping[str, Shape],
        mode: Mode,
        engine: FakeEngine | None = None,
    ) -> None:
        self.shapes = shapes
        concurrency = mode.concurrency or 1
        self.in_flight = mode.streams * concurrency
        self.mode = {**asdict(mode), "concurrency": concurrency, "inputs": "seeded"}
        self.memory = backend.gpu.memory if backend.gpu else None
        self.kernels = engine.compile(mode) if engine else backend.kernels
        self.mode.pop("kernels")
        self.mode |= describe_kernels(self.kernels, mode)
        self.clock = backend.clock
        self.backend, self.closed = backend, False
        self._mode, self._factor, self._engine = mode, backend.draw_session(), engine
        if self.kernels and self.kernels.state == "fresh":
            self._factor *= backend.fresh_factor
        given = backend.cold_start_ms
        self.cold_start_ms = 10 * self.latency_ms if given is None else given
        self.load_ms, self.first_answer_ms = backend.load_ms, backend.first_answer_ms

    @property
    def latency_ms(self) -> float:
        """Of a query before noise."""
        own = self._engine.latency_ms if self._engine else None
        return self.backend.latency_ms if own is None else own

    def run_closed(
        self, extent: Extent, *, idle_ms: float = 0.0, starts: bool = False, **_: Any
    ) -> Trace:
        """See `Session.run_closed`."""
        per_ms = self.in_flight / (self.latency_ms + idle_ms)
        expected = int(extent.duration_ms * per_ms) + 1
        queries = max(1, min(max(extent.queries, expected), extent.capacity))
        times = self._draw_ns(queries)
        issued = self._issue(times, np.full(queries, self._now_ns()), round(1e6 * idle_ms))
        return self._trace(issued, times, starts=starts)

    def run_open(
        self, schedule: Times, backlog_ms: float, *, starts: bool = False, **_: Any
    ) -> Trace:
        """See `Session.run_open`."""
        due = schedule + self._now_ns()
        times = self._draw_ns(len(due))
        issued = self._issue(times, due)
        # The first query is served in any case, as by other backends.
        late = 1 + np.flatnonzero((issued - due)[1:] > 1e6 * backlog_ms)
        served = slice(int(late[0]) if late.size else None)
        return self._trace(
            issued[served], times[served], due[served], starts=starts, saturated=bool(late.size)
        )

    def output_values(self) -> dict[str, np.ndarray]:
        """There are no outputs."""
        return {}

    def profile_layers(self, queries: int) -> tuple[dict[str, np.ndarray], list[dict[str, Any]]]:
        """See `Session.profile_layers`; each layer takes the same time in all queries."""
        layers = self.backend.layers
        if not layers:
            return super().profile_layers(queries)
        times = {name: np.full(queries, ms) for name, ms in layers.items()}
        return times, self.backend.inspect()

    def restart(self) -> FakeSession:
        """See `Session.restart`; there is no process."""
        return type(self)(self.backend, self.shapes, self._mode, self._engine)

    def close(self) -> None:
        """See `Session.close`."""
        self.closed = True

    def _now_ns(self) -> int:
        return round(1e9 * self.clock())

    def _draw_ns(self, queries: int) -> Times:
        ns = 1e6 * self.latency_ms * self._factor * self.backend.draw(queries)
        return np.rint(ns).astype(np.int64)

    def _issue(self, times: Times, earliest: Times, idle_ns: int = 0) -> Times:
        """When each query is issued: not before `earliest`, and when there is room."""
        if self.in_flight == 1:
            return self._issue_one_by_one(times, earliest, idle_ns)
        issued = np.zeros_like(times)
        free = [self._now_ns()] * self.in_flight
        for place, (begin, time) in enumerate(zip(earliest.tolist(), times.tolist(), strict=True)):
            issued[place] = max(heapq.heappop(free) + idle_ns, begin)
            heapq.heappush(free, int(issued[place]) + time)
        return issued

    def _issue_one_by_one(self, times: Times, earliest: Times, idle_ns: int) -> Times:
        """The same with room for one query (Lindley 1952), a hundred times as fast."""
        steps = times + idle_ns
        before = np.cumsum(steps) - steps
        due = np.maximum(earliest, self._now_ns() + idle_ns)
        return before + np.maximum.accumulate(due - before)

    def _trace(
        self,
        issued: Times,
        times: Times,
        due: Times | None = None,
        *,
        starts: bool,
        saturated: bool = False,
    ) -> Trace:
        begin, done, gpu = self._now_ns(), issued + times, self.backend.gpu
        span_ms = float(done.max() - begin) / 1e6
        self.backend.clock.advance(span_ms)
        shares = {name: getattr(gpu, name) for name in STAGES} if gpu else {}
        before = dict(zip(shares, np.cumsum([0.0, *shares.values()]), strict=False))
        stages = {name: np.float32(share * times / 1e6) for name, share in shares.items()}
        begins = {
            name: np.float32((issued - begin + share * times) / 1e6)
            for name, share in before.items()
            if starts
        }
        enqueue = np.full(len(times), round(1e6 * gpu.enqueue_ms)) if gpu else None
        return Trace(span_ms, issued, done, self.in_flight, enqueue, stages, begins, due, saturated)


class FakeEngine(LoadedEngine):
    """An engine of a `FakeBackend`.

    Args:
        runtime_cache: what `keep_kernels` was called with earlier.

    Attributes:
        latency_ms: of its queries before noise; None for that of the backend.
        sessions: those that it created, in their order, without those that took their place.
    """

    takes_input_sets = True

    def __init__(self, backend: FakeBackend, runtime_cache: bytes | None = None) -> None:
        self.inputs, self.outputs = backend.inputs, []
        self.can_inspect = bool(backend.layers)
        self.sessions: list[FakeSession] = []
        self.latency_ms: float | None = None
        self._backend, self._runtime_cache = backend, runtime_cache or b""

    def create_session(
        self, shapes: Mapping[str, Shape], mode: Mode, inputs: FedInputs | None = None
    ) -> FakeSession:
        """See `LoadedEngine.create_session`; a dynamic dimension is 1 unless given.

        Values of inputs change nothing.
        """
        concrete = {
            tensor.name: shapes.get(
                tensor.name, tuple(1 if size is None else size for size in tensor.shape)
            )
            for tensor in self.inputs
        }
        self.sessions.append(FakeSession(self._backend, concrete, mode, self))
        return self.sessions[-1]

    def compile(self, mode: Mode) -> Kernels | None:
        """The kernels of a session to come; it compiles one that it is not given."""
        backend = self._backend
        if not backend.compiles:
            return backend.kernels
        given = b"" if mode.kernels == "fresh" else self._runtime_cache
        if len(given) >= backend.compiles:
            return _kernels("cached", len(given))
        new, kept = given + b"k", True
        if mode.kernels == "cached":
            kept = self.keep_kernels is not None and self.keep_kernels(new)
            self._runtime_cache = new if kept else given
        return _kernels("fresh", len(new), kept=kept)

    def inspect(self) -> list[dict[str, Any]]:
        """See `LoadedEngine.inspect`."""
        return self._backend.inspect()


def _kernels(state: KernelState, count: int, *, kept: bool = True) -> Kernels:
    """So many kernels, compiled one after the other."""
    stages = tuple(f"{number} kernels" for number in range(1, count + 1))
    return Kernels(state, stages[-1], stages, kept)


class FakeBackend(Backend):
    """Give it to `--trtperf-backend=fake` by the hook `pytest_trtperf_backends`.

    Any file is a model. The device is a GPU of the name `Fake GPU`, which NVML does not know.

    Args:
        latency_ms: of a query before noise.
        latency_of: the same of a model, given its file; called when the model is loaded, and
            takes the place of `latency_ms`.
        noise: see `Noise`; a log-normal one of 0.1 % unless given.
        seed: of the noise; each draw continues where the last one ended.
        clock: shared by all sessions.
        gpu: stages and memory; without it, traces are those of a host's clock: latency alone.
        layers: ms of each layer, in execution order; without them there is no layer profile.
        inputs: of the engines; one with the name `x` and a dynamic dimension unless given.
        cold_start_ms: of the first query of a session; ten times its latency unless given.
        load_ms, first_answer_ms: see `Session`; not known unless given.
        cpu: whether the device is the host's processor, as ONNX Runtime's.
        session_sd: of the logarithm of a factor that all queries of a session share.
        kernels: of the sessions, as those of TensorRT for RTX.
        compiles: in place of `kernels`, how many sessions compile a kernel until all are stored, if
            they can be; math.inf for kernels that are never complete.
        fresh_factor: how much longer queries take in a session that compiled.

    Attributes:
        latency_ms: may be set between measurements, such as to make an engine slower.
        load_ms, first_answer_ms: likewise, for sessions to come.
        kernels: likewise, for sessions to come.
    """

    name = "fake"

    def __init__(
        self,
        latency_ms: float = 1.0,
        noise: Noise | None = None,
        seed: int = 0,
        clock: FakeClock | None = None,
        *,
        latency_of: Callable[[Path], float] | None = None,
        gpu: FakeGpu | None = None,
        layers: Mapping[str, float] | None = None,
        inputs: Sequence[TensorInfo] = (ROWS,),
        cold_start_ms: float | None = None,
        load_ms: float | None = None,
        first_answer_ms: float | None = None,
        cpu: bool = False,
        session_sd: float = 0.0,
        kernels: Kernels | None = None,
        compiles: float = 0,
        fresh_factor: float = 1.0,
    ) -> None:
        self.latency_ms, self.latency_of = latency_ms, latency_of
        self.noise = noise or lognormal(0.001)
        self.clock = clock or FakeClock()
        self.gpu, self.layers, self.inputs = gpu, dict(layers or {}), inputs
        self.cold_start_ms, self.cpu = cold_start_ms, cpu
        self.load_ms, self.first_answer_ms = load_ms, first_answer_ms
        self.session_sd, self.kernels = session_sd, kernels
        self.compiles, self.fresh_factor = compiles, fresh_factor
        self._random = np.random.default_rng(seed)

    def probe(self) -> Probe:
        """One GPU, on every machine; none with `cpu`."""
        gpu = Gpu(0, "Fake GPU", "GPU-00000000-0000-0000-0000-000000000000", "0.0")
        return Probe(self.name, "1", () if self.cpu else (gpu,), {"fake": "1"})

    def check_options(self, options: Mapping[str, Any], version: str) -> None:
        """See `Backend.check_options`; all are accepted, and have no effect."""

    def load_model(self, spec: EngineSpec) -> FakeEngine:
        """See `Backend.load_model`."""
        engine = FakeEngine(self)
        engine.latency_ms = float(self.latency_of(spec.onnx)) if self.latency_of else None
        return engine

    def stored_kernels(self, runtime_cache: bytes) -> Sequence[str]:
        """See `Backend.stored_kernels`."""
        return _kernels("cached", len(runtime_cache)).stages

    def inspect(self) -> list[dict[str, Any]]:
        """The entry of each layer, as an engine inspector has it: its name.

        Raises:
            MeasurementError: the backend has no layers.
        """
        if not self.layers:
            raise MeasurementError("this backend has no engine inspector")
        return [{"Name": name} for name in self.layers]

    def draw_session(self) -> float:
        """The factor of a session's latencies."""
        return float(np.exp(self._random.normal(0.0, self.session_sd))) if self.session_sd else 1.0

    def draw(self, queries: int) -> npt.NDArray[np.float64]:
        """The noise of so many queries of one round: factors, shape (queries,)."""
        return self.noise(self._random, queries)
