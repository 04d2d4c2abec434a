"""Sessions of ONNX Runtime on the CPU."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from time import perf_counter_ns
from typing import Any, cast

import numpy as np

from pytest_trtperf.backend import host_loop
from pytest_trtperf.backend.dtypes import ITEM_SIZES, stored_dtype
from pytest_trtperf.backend.input_sets import (
    FedInputs,
    describe_inputs,
    fed_values,
    input_sets,
    of_set,
)
from pytest_trtperf.backend.onnxruntime.bindings import (
    Unbound,
    bind,
    can_repeat,
    query_of,
    returned_shapes,
)
from pytest_trtperf.backend.process.loader import ServedEngine
from pytest_trtperf.backend.protocols import ModeRecord, Session
from pytest_trtperf.backend.session import (
    GivenInputs,
    Mode,
    all_empty,
    check_profiles,
    check_range,
    resolve_shapes,
)
from pytest_trtperf.backend.timed_loop import timed_loop
from pytest_trtperf.backend.trace import Extent, Times, Trace
from pytest_trtperf.engine.shapes import Profile, Shape, TensorInfo
from pytest_trtperf.errors import BackendUnavailable, EngineBuildError, MeasurementError, QueryError
from pytest_trtperf.onnx_file.messages import build_messages

_DTYPES = {"float": "float32", "double": "float64", "float8e4m3fn": "float8_e4m3fn"}


class OnnxRuntimeEngine(ServedEngine):
    """An ONNX file loaded by ONNX Runtime's CPU provider, which needs no plan.

    Args:
        profiles: kept to as if the engine had been built for them; without any, all shapes go.
        source: another file, or the bytes, to read in place of `path`, which messages name. Bytes
            are copied, as a program's own read of a file would.
        optimizes: False runs the graph as it is written.

    Raises:
        ShapeError: the profiles do not fit the inputs.
        BackendUnavailable: onnxruntime is not installed.
        EngineBuildError: ONNX Runtime refuses the model, and carries its message; or an output is
            listed twice.
    """

    takes_input_sets = True

    def __init__(
        self,
        path: Path,
        profiles: Mapping[str, Profile] | None = None,
        *,
        source: Path | bytes | memoryview | None = None,
        optimizes: bool = True,
    ) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise BackendUnavailable(
                f"onnxruntime cannot be imported ({error}); install pytest-trtperf[cpu]"
            ) from error
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        if not optimizes:
            options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        begun = perf_counter_ns()
        is_file = source is None or isinstance(source, Path)
        model = str(source or path) if is_file else bytes(cast("bytes", source))
        try:
            self._session: Any = onnxruntime.InferenceSession(
                model, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime's exceptions share no base class
            raise EngineBuildError(_cannot_load(path, error)) from error
        self._load_ms = (perf_counter_ns() - begun) / 1e6
        self.inputs = [_info(value) for value in self._session.get_inputs()]
        self.outputs = [_info(value) for value in self._session.get_outputs()]
        names = [tensor.name for tensor in self.outputs]
        if twice := [name for name in names if names.count(name) > 1]:
            raise EngineBuildError(f"{path}: the model lists output {twice[0]!r} more than once")
        self._profiles = _of_shapes(profiles or {}, self.inputs)
        if self._profiles:
            check_profiles(self.inputs, self._profiles)

    def inspect(self) -> list[dict[str, Any]]:
        """There is no engine inspector on the CPU.

        Raises:
            MeasurementError: always.
        """
        raise MeasurementError("ONNX Runtime has no engine inspector")

    def create_session(
        self, shapes: Mapping[str, Shape], mode: Mode, inputs: FedInputs | None = None
    ) -> OnnxRuntimeSession:
        """A session with these input shapes, see `LoadedEngine.create_session`.

        Raises:
            ShapeError: a name, rank or size that the model does not have.
            MeasurementError: the first query of a set fails.
        """
        given = input_sets(inputs)
        resolved = resolve_shapes(self.inputs, shapes, given[0], self._profiles)
        for name, profile in self._profiles.items():
            check_range(name, resolved[name], profile.min, profile.max)
        values = fed_values(self.inputs, resolved, given, mode.seed, self.rows)
        return OnnxRuntimeSession(
            self._session, self.inputs, self.outputs, values, mode, given, self._load_ms
        )

    def close(self) -> None:
        """Frees the model."""
        self._session = None


class OnnxRuntimeSession(Session):
    """Bound inputs and outputs, once for each query in flight and each set of inputs.

    What cannot be bound is copied, see `Unbound`.

    Attributes:
        queries: each runs one query, complete on return; those of different places in flight may
            run at the same time, on ONNX Runtime's threads.
        cold_start_ms: the first query.
        load_ms: reading and optimising the model; ONNX Runtime has no contexts.
        first_answer_ms: that, and until the first query ended.
    """

    def __init__(
        self,
        session: Any,
        inputs: Sequence[TensorInfo],
        outputs: Sequence[TensorInfo],
        values: Sequence[Mapping[str, np.ndarray]],
        mode: Mode,
        given: Sequence[GivenInputs],
        load_ms: float,
    ) -> None:
        begun = perf_counter_ns()
        self.shapes = {name: tuple(array.shape) for name, array in values[0].items()}
        self.in_flight = mode.streams * (mode.concurrency or 1)
        self.mode: ModeRecord = {
            "concurrency": self.in_flight,
            **describe_inputs(given, values, mode.seed),
        }
        # Inputs of types that numpy lacks are bound by their address: they live as long as this.
        self._outputs, self._values = outputs, values
        first, *others = self._bind(partial(bind, session, inputs, outputs))
        start = perf_counter_ns()
        with of_set(0, values):
            _try(first)
        ended = perf_counter_ns()
        if not can_repeat(first, self._bindings[0][0], outputs):
            first, *others = self._bind(partial(Unbound, session))
            _try(first)
        for place, other in enumerate(others, 1):
            with of_set(place, values):
                _try(other)
        self.empty_outputs = all_empty([returned_shapes(one, outputs) for one in self._bindings[0]])
        self.cold_start_ms = (ended - start) / 1e6
        self.load_ms = load_ms
        self.first_answer_ms = load_ms + (ended - begun) / 1e6

    def _bind(
        self, bind: Callable[[Mapping[str, np.ndarray]], Any]
    ) -> Sequence[Callable[[], None]]:
        """Binds each set of inputs at each place; the queries of the first place."""
        self._bindings = [[bind(one) for one in self._values] for _ in range(self.in_flight)]
        by_set = [[query_of(binding) for binding in bindings] for bindings in self._bindings]
        self.queries: list[Callable[[], None]] = [
            host_loop.in_turn(queries, place) for place, queries in enumerate(by_set)
        ]
        return by_set[0]

    def run_closed(
        self,
        extent: Extent,
        *,
        idle_ms: float = 0.0,
        starts: bool = False,  # a CPU has no stages
        label: str | None = None,
    ) -> Trace:
        """See `host_loop.run_closed`."""
        with timed_loop(label):
            return host_loop.run_closed(self.queries, extent, idle_ms=idle_ms)

    def run_open(
        self,
        schedule: Times,
        backlog_ms: float,
        *,
        starts: bool = False,  # a CPU has no stages
        label: str | None = None,
    ) -> Trace:
        """See `host_loop.run_open`."""
        with timed_loop(label):
            return host_loop.run_open(self.queries, schedule, backlog_ms)

    def output_values(self) -> dict[str, np.ndarray]:
        """Copies of what a query returned; types that numpy lacks as their bits.

        Raises:
            MeasurementError: an output is a sequence, an optional or text.
        """
        values = self._bindings[0][0].get_outputs()
        return {
            tensor.name: _copied(tensor, value)
            for tensor, value in zip(self._outputs, values, strict=True)
        }

    def profile_layers(self, _queries: int) -> tuple[dict[str, np.ndarray], list[dict[str, Any]]]:
        """There is no layer profile on the CPU.

        Raises:
            MeasurementError: always.
        """
        raise MeasurementError(
            "the CPU backend has no layer profile: "
            "ask for layers on a GPU, where engine.backend is of the TensorRT family"
        )

    def close(self) -> None:
        """Frees the bound buffers."""
        self.queries, self._bindings = [], []


def _try(query: Callable[[], None]) -> None:
    try:
        query()
    except Exception as error:  # onnxruntime's exceptions share no base class
        reason = _reason(error)
        raise QueryError(f"ONNX Runtime cannot run the model: {reason}") from error


def _cannot_load(path: Path, error: Exception) -> str:
    reason = _reason(error)
    details = "\n  ".join(build_messages([reason], path))
    if "IR version" in reason or "opset" in reason.lower():
        details += "\n  update onnxruntime, or export the model for an older opset and IR version"
    return f"{path}: ONNX Runtime cannot load the model: {details}"


def _reason(error: Exception) -> str:
    """ONNX Runtime's message without the C++ function that it comes from."""
    return re.sub(r"/onnxruntime_src/\S+ [^()]*\([^()]*\) ", "", str(error)).strip()


def _copied(tensor: TensorInfo, value: Any) -> np.ndarray:
    if tensor.dtype not in ITEM_SIZES:
        raise MeasurementError(
            f"output {tensor.name!r} has dtype {tensor.dtype}, whose values cannot be read; "
            f"supported are {', '.join(ITEM_SIZES)}"
        )
    if isinstance(value, np.ndarray):
        return value.view(stored_dtype(tensor.dtype))
    array = np.empty(value.shape(), stored_dtype(tensor.dtype))
    ctypes.memmove(array.ctypes.data, value.data_ptr(), array.nbytes)
    return array


def _of_shapes(profiles: Mapping[str, Profile], inputs: Sequence[TensorInfo]) -> dict[str, Profile]:
    """Without the profiles of shape tensors, which give values, as TensorRT takes them."""
    whole = {tensor.name: tensor.shape for tensor in inputs if tensor.dtype in ("int32", "int64")}
    return {
        name: profile
        for name, profile in profiles.items()
        if whole.get(name, (None,)) not in ((), (len(profile.opt),))
    }


def _info(value: Any) -> TensorInfo:
    dims = tuple(dim if isinstance(dim, int) else None for dim in value.shape)
    kind = value.type
    if kind.startswith("tensor("):
        kind = kind[len("tensor(") : -1]
    names = tuple(dim if isinstance(dim, str) and dim else None for dim in value.shape)
    return TensorInfo(value.name, dims, _DTYPES.get(kind, kind), names)
