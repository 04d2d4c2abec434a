"""Engines and sessions in a process of their own, as trtexec's are.

How fast an engine runs depends on what its process did before: on an NVIDIA H200 medians of the
same plan moved by up to 9 % with the engines that were loaded earlier. A process that has loaded
this engine alone is always in the same state, whatever the test process did, and whatever threads
and heap it has. A crash there is an error here.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from pytest_trtperf.backend.process.messages import pack_array, unpack_array, unpack_trace
from pytest_trtperf.backend.process.session_process import SessionProcess
from pytest_trtperf.backend.process.shared_bytes import SharedBytes
from pytest_trtperf.backend.process.spare import SPARE
from pytest_trtperf.backend.protocols import LoadedEngine, Session
from pytest_trtperf.backend.session import DeviceMemory, GivenInputs, Kernels, Mode
from pytest_trtperf.backend.tensorrt.load_options import LoadOptions
from pytest_trtperf.backend.trace import Extent, Times, Trace
from pytest_trtperf.engine.shapes import Shape, TensorInfo
from pytest_trtperf.errors import EngineCacheWarning

KERNELS_REFUSED = (
    "TensorRT for RTX refuses the kernels that were stored for this engine: they are damaged, or "
    "of another driver or plan. They are compiled anew, and stored again"
)


class IsolatedEngine(LoadedEngine):
    """An engine whose sessions each live in a process that has loaded it alone.

    Args:
        backend: of the TensorRT family.
        runtime_cache: RTX's, from an earlier session; None where there is none.
        load_options: what else it takes to load it.

    Raises:
        EngineLoadError: the plan does not run on this device or with this version.
    """

    can_inspect = True

    def __init__(
        self,
        backend: str,
        plan: bytes | memoryview,
        runtime_cache: bytes | None = None,
        load_options: LoadOptions | None = None,
    ) -> None:
        self._backend, self._load_options = backend, load_options or LoadOptions()
        self._warned = False
        with ExitStack() as resources:
            SPARE.enter()
            resources.callback(SPARE.leave)
            self._plan = resources.enter_context(closing(SharedBytes(plan)))
            self._runtime_cache = SharedBytes(runtime_cache or b"")
            # Loaded to read inputs and outputs from it, and used for the first session.
            self._loaded: _LoadedProcess | None = self._load()
            self._resources = resources.pop_all()
        self.inputs = [_tensor(packed) for packed in self._loaded.about["inputs"]]
        self.outputs = [_tensor(packed) for packed in self._loaded.about["outputs"]]

    def _load(self) -> _LoadedProcess:
        begun = time.monotonic()
        process = SPARE.take(self._backend)
        try:
            # While this one loads, and is not yet timed.
            SPARE.start(self._backend)
            about = process.call(
                "load",
                backend=self._backend,
                plan=self._plan,
                runtime_cache=self._runtime_cache,
                load_options=vars(self._load_options),
            )
        except BaseException:
            process.close()
            raise
        ended, waited = time.monotonic(), max(0.0, process.ready - begun)
        deserialise = about["deserialise_s"]
        mapped = ended - begun - waited - deserialise
        return _LoadedProcess(process, about, Steps(waited, mapped, deserialise))

    def inspect(self) -> list[dict[str, Any]]:
        """See `TensorRTEngine.inspect`; in a process that measures nothing afterwards."""
        process = self._load().process
        try:
            layers: list[dict[str, Any]] = process.call("inspect")["layers"]
        finally:
            process.close()
        return layers

    def create_session(
        self, shapes: Mapping[str, Shape], mode: Mode, inputs: GivenInputs | None = None
    ) -> IsolatedSession:
        """A session with these input shapes, see `TensorRTEngine.create_session`.

        Raises:
            ShapeError, MeasurementError: as there, or the process ended.
        """
        loaded = self._loaded or self._load()
        self._loaded = None
        begun = time.monotonic()
        try:
            about = loaded.process.call(
                "create_session",
                shapes=dict(shapes),
                mode=vars(mode),
                inputs={name: _packed(value) for name, value in (inputs or {}).items()},
            )
        except BaseException:
            loaded.process.close()
            raise
        kernels = _kernels(about["kernels"])
        if kernels and (runtime_cache := about["runtime_cache"]) is not None:
            kernels = replace(kernels, kept=self._keep(runtime_cache))
        if about["kernels_refused"] and not self._warned:
            self._warned = True
            warnings.warn(KERNELS_REFUSED, EngineCacheWarning, stacklevel=2)
        first = about["cold_start_ms"] / 1e3
        steps = replace(loaded.steps, context=time.monotonic() - begun - first, first_query=first)
        another = partial(self.create_session, shapes, mode, inputs)
        return IsolatedSession(loaded.process, about, kernels, steps, another)

    def _keep(self, runtime_cache: bytes) -> bool:
        """Whether new kernels are kept; then sessions to come are given them, and no others."""
        if self.keep_kernels is None or not self.keep_kernels(runtime_cache):
            return False
        self._runtime_cache = SharedBytes(runtime_cache)
        return True

    def close(self) -> None:
        """Ends what no session took over; sessions close by themselves."""
        if self._loaded is not None:
            self._loaded.process.close()
            self._loaded = None
        self._runtime_cache.close()
        self._resources.close()


@dataclass(frozen=True)
class Steps:
    """Seconds of what happened until a session was ready, as its owner waited for it.

    Attributes:
        start: until the process was there and had imported everything.
        map: until the plan was mapped there.
        deserialise: CUDA's initialisation included.
        context: with the inputs, and all but the first query.
        first_query: what is compiled then included.
    """

    start: float
    map: float
    deserialise: float
    context: float = 0.0
    first_query: float = 0.0


@dataclass(frozen=True)
class _LoadedProcess:
    """A process that has loaded an engine and has no session yet."""

    process: SessionProcess
    about: Mapping[str, Any]
    steps: Steps


class IsolatedSession(Session):
    """A TensorRT session in its process; see `TensorRTSession` for the attributes.

    Attributes:
        pid: of the process that uses the GPU.
        steps: what it took until the session was ready.
    """

    can_restart = True
    memory: DeviceMemory
    pid: int

    def __init__(
        self,
        process: SessionProcess,
        about: Mapping[str, Any],
        kernels: Kernels | None,
        steps: Steps,
        create_another: Callable[[], IsolatedSession],
    ) -> None:
        self._process, self._create_another, self.steps = process, create_another, steps
        self.pid, self.kernels = process.pid, kernels
        self.shapes = {name: tuple(shape) for name, shape in about["shapes"].items()}
        self.mode: dict[str, bool | int | float | str] = about["mode"]
        self.in_flight: int = about["in_flight"]
        self.cold_start_ms: float = about["cold_start_ms"]
        self.memory = DeviceMemory(**about["memory"])

    def run_closed(
        self,
        extent: Extent,
        *,
        idle_ms: float = 0.0,
        starts: bool = False,
        label: str | None = None,
    ) -> Trace:
        """See `Session.run_closed`."""
        how = {"idle_ms": idle_ms, "starts": starts, "label": label}
        return unpack_trace(self._process.call("run_closed", extent=vars(extent), **how))

    def run_open(
        self,
        schedule: Times,
        backlog_ms: float,
        *,
        starts: bool = False,
        label: str | None = None,
    ) -> Trace:
        """See `Session.run_open`."""
        how = {"backlog_ms": backlog_ms, "starts": starts, "label": label}
        packed = pack_array(schedule)
        return unpack_trace(self._process.call("run_open", schedule=packed, **how))

    def restart(self) -> IsolatedSession:
        """See `Session.restart`."""
        return self._create_another()

    def output_values(self) -> dict[str, np.ndarray]:
        """See `TensorRTSession.output_values`."""
        reply = self._process.call("output_values")
        return {name: unpack_array(values) for name, values in reply["outputs"].items()}

    def profile_layers(self, queries: int) -> tuple[dict[str, np.ndarray], list[dict[str, Any]]]:
        """See `TensorRTEngine.profile_layers`; in yet another process, for this one measures on."""
        other = self.restart()
        try:
            return other.profile_layers_here(queries)
        finally:
            other.close()

    def profile_layers_here(
        self, queries: int
    ) -> tuple[dict[str, np.ndarray], list[dict[str, Any]]]:
        """The same in this process, which is of no use for timing afterwards."""
        reply = self._process.call("profile_layers", queries=queries)
        times = {name: unpack_array(values) for name, values in reply["times"].items()}
        return times, reply["information"]

    def close(self) -> None:
        """Ends the process, which frees everything that it had on the GPU."""
        self._process.close()


def _packed(value: np.ndarray | bytes) -> Any:
    return value if isinstance(value, bytes) else pack_array(value)


def _kernels(packed: Mapping[str, Any] | None) -> Kernels | None:
    return Kernels(**{**packed, "stages": tuple(packed["stages"])}) if packed else None


def _tensor(packed: Mapping[str, Any]) -> TensorInfo:
    return TensorInfo(packed["name"], tuple(packed["shape"]), packed["dtype"])
