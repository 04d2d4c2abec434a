"""Engines and sessions in a process of their own, as trtexec's are.

How fast an engine runs depends on what its process did before: on an NVIDIA H200 medians of the
same plan moved by up to 9 % with the engines that were loaded earlier. A process that has loaded
this engine alone is always in the same state, whatever the test process did, and whatever threads
and heap it has. A crash there is an error here. Which backend it is, its `Loader` alone knows.
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

from pytest_trtperf.backend.input_sets import FedInputs, input_sets
from pytest_trtperf.backend.process.loader import Loader
from pytest_trtperf.backend.process.messages import pack_array, unpack_array, unpack_trace
from pytest_trtperf.backend.process.session_process import SessionProcess, await_ends
from pytest_trtperf.backend.process.shared_arrays import share_arrays
from pytest_trtperf.backend.process.shared_bytes import SharedBytes
from pytest_trtperf.backend.process.spare import SPARE
from pytest_trtperf.backend.protocols import LoadedEngine, Session
from pytest_trtperf.backend.session import DeviceMemory, Kernels, Mode
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
        values: what the loader takes: plain values, and bytes, which each process maps. Shared
            ones are closed with the engine.
        has_layers: whether the backend inspects and profiles layers.

    Raises:
        TrtPerfError: as it was raised there, see `LoaderModule.load`.
    """

    def __init__(
        self, loader: Loader, values: Mapping[str, Any], *, has_layers: bool = False
    ) -> None:
        self._loader, self.can_inspect = loader, has_layers
        self._warned = False
        with ExitStack() as resources:
            SPARE.enter()
            resources.callback(SPARE.leave)
            resources.callback(self._free_values)
            self._values = {
                name: SharedBytes(value) if isinstance(value, bytes | memoryview) else value
                for name, value in values.items()
            }
            # Loaded to read inputs and outputs from it, and used for the first session.
            self._loaded: _LoadedProcess | None = self._load()
            self._resources = resources.pop_all()
        self.inputs = [_tensor(packed) for packed in self._loaded.about["inputs"]]
        self.outputs = [_tensor(packed) for packed in self._loaded.about["outputs"]]
        self.takes_input_sets: bool = self._loaded.about["takes_input_sets"]

    def _load(self) -> _LoadedProcess:
        begun = time.monotonic()
        process = SPARE.take(self._loader)
        try:
            # While this one loads, and is not yet timed.
            SPARE.start(self._loader)
            about = process.call("load", **self._values)
            await_ends()  # of the one before, since then
        except BaseException:
            process.close()
            raise
        ended, waited = time.monotonic(), max(0.0, process.ready - begun)
        deserialise = about["deserialise_s"]
        mapped = ended - begun - waited - deserialise
        return _LoadedProcess(process, about, Steps(waited, mapped, deserialise))

    def inspect(self) -> list[dict[str, Any]]:
        """See `LoadedEngine.inspect`; in a process that measures nothing afterwards."""
        process = self._load().process
        try:
            layers: list[dict[str, Any]] = process.call("inspect")["layers"]
        finally:
            process.close()
        return layers

    def create_session(
        self, shapes: Mapping[str, Shape], mode: Mode, inputs: FedInputs | None = None
    ) -> IsolatedSession:
        """A session with these input shapes, see `LoadedEngine.create_session`.

        Raises:
            ShapeError, MeasurementError: as there, or the process ended.
        """
        loaded = self._loaded or self._load()
        self._loaded = None
        begun = time.monotonic()
        described, shared = share_arrays(input_sets(inputs))
        try:
            with closing(shared):
                about = loaded.process.call(
                    "create_session",
                    shapes=dict(shapes),
                    mode=vars(mode),
                    rows=dict(self.rows),
                    inputs=described,
                    values=shared,
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
        return IsolatedSession(
            loaded.process, about, kernels, steps, another, has_layers=self.can_inspect
        )

    def _keep(self, runtime_cache: bytes) -> bool:
        """Whether new kernels are kept; then sessions to come are given them, and no others."""
        if self.keep_kernels is None or not self.keep_kernels(runtime_cache):
            return False
        self._values["runtime_cache"] = SharedBytes(runtime_cache)
        return True

    def close(self) -> None:
        """Ends what no session took over; sessions close by themselves."""
        if self._loaded is not None:
            self._loaded.process.close()
            self._loaded = None
        self._resources.close()
        await_ends()

    def _free_values(self) -> None:
        for value in self._values.values():
            if isinstance(value, SharedBytes):
                value.close()


@dataclass(frozen=True)
class Steps:
    """Seconds of what happened until a session was ready, as its owner waited for it.

    Attributes:
        start: until the process was there and had imported everything.
        map: until what it loads was mapped there.
        deserialise: until the engine was loaded, CUDA's initialisation included.
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
    """A session in its process.

    Attributes:
        pid: of the process that uses the device.
        steps: what it took until the session was ready.
    """

    can_restart = True
    pid: int

    def __init__(
        self,
        process: SessionProcess,
        about: Mapping[str, Any],
        kernels: Kernels | None,
        steps: Steps,
        create_another: Callable[[], IsolatedSession],
        *,
        has_layers: bool,
    ) -> None:
        self._has_layers = has_layers
        self._process, self._create_another, self.steps = process, create_another, steps
        self.pid, self.kernels = process.pid, kernels
        self.shapes = {name: tuple(shape) for name, shape in about["shapes"].items()}
        self.mode: dict[str, bool | int | float | str] = about["mode"]
        self.in_flight: int = about["in_flight"]
        self.cold_start_ms: float = about["cold_start_ms"]
        self.load_ms: float | None = about["load_ms"]
        self.first_answer_ms: float | None = about["first_answer_ms"]
        self.empty_outputs = {name: tuple(one) for name, one in about["empty_outputs"].items()}
        self.memory = DeviceMemory(**about["memory"]) if about["memory"] else None

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
        """See `Session.output_values`."""
        reply = self._process.call("output_values")
        return {name: unpack_array(values) for name, values in reply["outputs"].items()}

    def profile_layers(self, queries: int) -> tuple[dict[str, np.ndarray], list[dict[str, Any]]]:
        """See `Session.profile_layers`; in yet another process, for this one measures on."""
        if not self._has_layers:
            return self.profile_layers_here(queries)
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
        """Ends the process, which frees everything that it had on the device."""
        self._process.close()


def _kernels(packed: Mapping[str, Any] | None) -> Kernels | None:
    return Kernels(**{**packed, "stages": tuple(packed["stages"])}) if packed else None


def _tensor(packed: Mapping[str, Any]) -> TensorInfo:
    return TensorInfo(
        packed["name"], tuple(packed["shape"]), packed["dtype"], tuple(packed["names"])
    )
