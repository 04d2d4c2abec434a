"""What a backend, a loaded engine and a session offer to the rooms above. Provisional.

The three are Protocols: any object with these members will do. One that inherits from them takes
the defaults below.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

from pytest_trtperf.errors import EngineBuildError, EngineLoadError, MeasurementError

if TYPE_CHECKING:
    import numpy as np

    from pytest_trtperf.backend.input_sets import FedInputs
    from pytest_trtperf.backend.probe import Probe
    from pytest_trtperf.backend.progress import Report
    from pytest_trtperf.backend.session import DeviceMemory, Kernels, Mode
    from pytest_trtperf.backend.trace import Extent, Times, Trace
    from pytest_trtperf.engine.shapes import Shape, TensorInfo
    from pytest_trtperf.engine.spec import EngineSpec
    from pytest_trtperf.plan_cache.timing_cache import TimingCacheFile

ModeRecord = dict[str, "bool | int | float | str"]
"""How queries were issued, as a record keeps it."""


class Session(Protocol):
    """One loaded engine with concrete shapes, warm after its first query.

    Attributes:
        shapes: of each input.
        mode: how queries are issued, as a record keeps it.
        in_flight: the maximum number of queries in flight.
        cold_start_ms: the first query with its copies, by the host's clock.
        load_ms: reading the engine from memory that other processes have filled, deserialising it
            and creating its first context, by the host's clock; None where that is not known.
        first_answer_ms: from a process that has imported everything, and asked nothing of the
            device, to the end of the first query; the values of inputs are there before.
        empty_outputs: the shapes of all outputs, if no set of inputs gave any of them a value; else
            none, as where the backend does not know.
        memory: device memory of the engine and the session; None where the backend has none.
        kernels: those that were compiled up to the first query; None where none are.
        pid: of the process that uses the device; None for the process of the test.
        can_restart: whether `restart` gives a session in a fresh process.
        clock: seconds; what bounds warm-up and rounds.
    """

    shapes: Mapping[str, Shape]
    mode: ModeRecord
    in_flight: int
    cold_start_ms: float
    load_ms: float | None = None
    first_answer_ms: float | None = None
    empty_outputs: Mapping[str, Shape] = MappingProxyType({})
    memory: DeviceMemory | None = None
    kernels: Kernels | None = None
    pid: int | None = None
    can_restart: bool = False
    clock: Callable[[], float] = time.monotonic

    def run_closed(
        self,
        extent: Extent,
        *,
        idle_ms: float = 0.0,
        starts: bool = False,
        label: str | None = None,
    ) -> Trace:
        """Times queries under a closed load: a completed query makes room for the next.

        Args:
            idle_ms: sleep between a completion and the next query.
            starts: whether the trace keeps when each stage began, on a GPU.
            label: of a profiler's range around the queries.

        Raises:
            MeasurementError: the device failed.
        """
        ...

    def run_open(
        self,
        schedule: Times,
        backlog_ms: float,
        *,
        starts: bool = False,
        label: str | None = None,
    ) -> Trace:
        """Times queries under an open load: each is issued when it is due and there is room.

        Args:
            schedule: when queries are due, ascending nanoseconds from the start.
            backlog_ms: a query that waits longer than this for room ends the round.
            starts, label: see `run_closed`.

        Raises:
            MeasurementError: the device failed.
        """
        ...

    def output_values(self) -> dict[str, np.ndarray]:
        """What a query returned, by output; types that numpy lacks as their bits.

        With several sets of inputs it is the query of one of them.
        """
        ...

    def profile_layers(self, queries: int) -> tuple[dict[str, np.ndarray], list[dict[str, Any]]]:
        """Milliseconds of each layer, shape (queries,), and the engine inspector's entries.

        Raises:
            MeasurementError: the backend has no layer profile.
        """
        raise MeasurementError("this backend has no layer profile")

    def restart(self) -> Session:
        """Another such session, in a fresh process; the caller closes this one before.

        Raises:
            MeasurementError: the backend has no processes of its own.
        """
        raise MeasurementError("sessions of this backend do not restart")

    def close(self) -> None:
        """Frees everything that the session holds."""
        return


class LoadedEngine(Protocol):
    """An engine that is ready to create sessions.

    Attributes:
        inputs, outputs: a dynamic dimension is None.
        can_inspect: whether `inspect` gives the layers.
        keep_kernels: its owner sets it. Called with the runtime cache when a session has compiled
            kernels that it was not given, unless the mode asks for fresh ones. Returns whether they
            are stored: then sessions to come are given them. None where there is no such place.
        takes_input_sets: whether queries can take several sets of inputs in turns.
        rows: of the tables that generated integers are indices into, by input; its owner sets it.
    """

    inputs: Sequence[TensorInfo]
    outputs: Sequence[TensorInfo]
    can_inspect: bool = False
    keep_kernels: Callable[[bytes], bool] | None = None
    takes_input_sets: bool = False
    rows: Mapping[str, int] = MappingProxyType({})

    def create_session(
        self, shapes: Mapping[str, Shape], mode: Mode, inputs: FedInputs | None = None
    ) -> Session:
        """A session with these input shapes, after its first query.

        Args:
            inputs: values of some inputs; the others are generated from the mode's seed. It is a
                mapping, or a sequence of several where `takes_input_sets`: each query takes the
                next one, and all have run once when the session is ready.

        Raises:
            ShapeError: a name, rank or size that the engine or its profile does not have.
            MeasurementError: out of memory, or the first query fails.
        """
        ...

    def inspect(self) -> list[dict[str, Any]]:
        """The engine inspector's entry of each layer.

        Raises:
            MeasurementError: the backend has no engine inspector.
        """
        raise MeasurementError("this backend has no engine inspector")

    def close(self) -> None:
        """Frees the engine; its sessions are closed before."""
        return


class Backend(Protocol):
    """A way to run engines.

    Attributes:
        name: what ``--trtperf-backend`` selects it by, and the folder of its baselines.
        builds_plans: whether an engine is built as a plan, which the plan cache keeps. A backend
            that builds none loads the model itself.
    """

    name: str
    builds_plans: bool = False

    def probe(self) -> Probe:
        """The version and the devices that are usable here; leaves nothing open.

        Raises:
            BackendUnavailable: package, driver or device is missing; says how to go on.
        """
        ...

    def probe_to_build(self) -> Probe:
        """The same for a run that builds and loads nothing, which some do without a device.

        Raises:
            BackendUnavailable: as `probe`.
        """
        return self.probe()

    def prepare(self) -> None:
        """Starts what the first session waits for otherwise; called early where tests will run.

        Returns at once. What it started ends with this process at the latest.
        """
        return

    def model_files(self, path: Path) -> Sequence[Path]:
        """All files that a model consists of, itself first: their bytes identify the engine.

        Raises:
            EngineBuildError: the model is missing or broken.
        """
        if not path.is_file():
            raise EngineBuildError(f"{path}: there is no such file")
        return [path]

    def check_options(self, options: Mapping[str, Any], version: str) -> None:
        """Refuses build options before anything is built; unless it is overridden, all of them.

        Raises:
            EngineBuildError: the backend lacks an option.
            ValueError: two options contradict each other.
        """
        if options:
            raise EngineBuildError(
                f"the backend {self.name} has no build options: drop {', '.join(sorted(options))}"
            )

    def trtexec_defaults(self) -> Mapping[str, Any]:
        """Build options that trtexec has by default, and `trt_engine` has not."""
        return {}

    def build(
        self,
        spec: EngineSpec,
        timing_cache: TimingCacheFile | None = None,
        report: Report | None = None,
        write: Callable[[str], None] | None = None,
        *,
        verbose: bool = False,
    ) -> bytes:
        """The plan of a spec.

        Args:
            spec: its options passed `check_options`, and its files `model_files`.
            report: called with the progress. write: called with each message of the builder.
            verbose: whether the least important are among them; given where that is asked for.

        Raises:
            EngineBuildError: the model cannot be built; carries the builder's messages.
        """
        raise EngineBuildError(f"the backend {self.name} builds no plans")

    def load_plan(
        self,
        plan: bytes | memoryview,
        options: Mapping[str, Any],
        onnx: Path | None = None,
        runtime_cache: bytes | None = None,
    ) -> LoadedEngine:
        """An engine from its plan.

        Args:
            options: build options; those that matter when a plan is loaded are taken.
            onnx: what the plan was built from, where it was built here.
            runtime_cache: what `LoadedEngine.keep_kernels` was called with earlier.

        Raises:
            EngineLoadError: the plan does not run here.
        """
        raise EngineLoadError(f"the backend {self.name} loads no plans: it needs ONNX")

    def stored_kernels(self, runtime_cache: bytes) -> Sequence[str]:
        """The kernels in what `LoadedEngine.keep_kernels` was called with: `Kernels.stages`."""
        return ()

    def load_model(self, spec: EngineSpec) -> LoadedEngine:
        """An engine from the model itself; only where no plans are built.

        Raises:
            EngineBuildError: the model cannot be loaded.
            ShapeError: the profiles do not fit the model.
        """
        raise EngineBuildError(f"the backend {self.name} loads no models: it builds plans")
