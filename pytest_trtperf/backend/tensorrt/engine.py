"""Engines of the TensorRT family: one module, since the members share one API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from time import perf_counter
from types import ModuleType
from typing import Any

import numpy as np

from pytest_trtperf.backend.input_sets import FedInputs, check_same_shapes, fed_values, input_sets
from pytest_trtperf.backend.process.loader import ServedEngine
from pytest_trtperf.backend.session import GivenInputs, Mode, check_range, resolve_shapes
from pytest_trtperf.backend.tensorrt import l2_cache
from pytest_trtperf.backend.tensorrt.bindings import (
    collected,
    created,
    import_tensorrt,
    shared_logger,
)
from pytest_trtperf.backend.tensorrt.capabilities import unsuited
from pytest_trtperf.backend.tensorrt.cuda import cudart, value_or_raise
from pytest_trtperf.backend.tensorrt.dtypes import dtype_name
from pytest_trtperf.backend.tensorrt.formats import has_unknown_layout
from pytest_trtperf.backend.tensorrt.inference_stream import InferenceStream
from pytest_trtperf.backend.tensorrt.layers import layer_information, layer_times
from pytest_trtperf.backend.tensorrt.load_options import (
    LoadOptions,
    prepare_engine,
    prepare_runtime,
)
from pytest_trtperf.backend.tensorrt.memory import (
    MemoryRecord,
    create_allocator,
    device_memory,
)
from pytest_trtperf.backend.tensorrt.session import TensorRTSession
from pytest_trtperf.backend.tensorrt.session_kernels import SessionKernels
from pytest_trtperf.backend.tensorrt.tensor_layouts import LAYOUTS, TensorLayout
from pytest_trtperf.engine.bound_shapes import unequal_names
from pytest_trtperf.engine.shapes import Profile, Shape, TensorInfo
from pytest_trtperf.errors import EngineLoadError, MeasurementError, ShapeError

_DEFAULT_STREAM = 0


class TensorRTEngine(ServedEngine):
    """A deserialised plan of TensorRT, TensorRT for RTX or the lean runtime, in this process.

    Args:
        runtime_cache: RTX's, from an earlier session; None or empty where there is none.
        load_options: what else it takes to load it.

    Attributes:
        kernels_refused: whether the runtime cache was of no use: damaged, of another driver or
            plan. Kernels are compiled then as without one.

    Raises:
        EngineLoadError: the plan does not run on this device or with this version.
    """

    can_inspect = takes_input_sets = True

    def __init__(
        self,
        backend: str,
        plan: bytes | memoryview,
        runtime_cache: bytes | memoryview | None = None,
        load_options: LoadOptions | None = None,
    ) -> None:
        self._load_options = load_options or LoadOptions()
        self._trt = import_tensorrt(backend)
        begun = perf_counter()
        # CUDA is initialised first, which is no part of loading; TensorRT reports its errors.
        cudart().cudaFree(0)
        with collected(self._trt) as errors:
            self._runtime = created(self._trt.Runtime, shared_logger(self._trt))
        if self._runtime is None:
            raise EngineLoadError(
                f"{backend} {self._trt.__version__} could not create a runtime: "
                f"{'; '.join(errors()) or 'no reason was logged'}"
            )
        self._record = MemoryRecord()
        self._allocator = create_allocator(self._trt, self._record)
        self._runtime.gpu_allocator = self._allocator
        reading = perf_counter()
        with collected(self._trt) as errors, self._record.watch() as self._loading:
            prepare_runtime(self._runtime, self._load_options, errors)
            self._engine = self._runtime.deserialize_cuda_engine(plan)
            if self._engine is not None:
                prepare_engine(self._trt, self._engine, self._load_options, errors)
        ended = perf_counter()
        self._start_s, self._load_s, self._context_s = ended - begun, ended - reading, 0.0
        self._allocator.check()
        if self._engine is None:
            reasons = "; ".join(errors()) or self._allocator.failure or "no reason was logged"
            raise EngineLoadError(
                f"{backend} {self._trt.__version__} cannot deserialise the plan: {reasons}. "
                f"{_why_not(self._trt, backend)}"
            )
        self._runtime_cache = b"" if runtime_cache is None else bytes(runtime_cache)
        self._has_new_runtime_cache, self.kernels_refused = False, False
        # A context reads its config again when it changes profiles, and does not keep it alive.
        self._configs: list[Any] = []
        names = [self._engine.get_tensor_name(i) for i in range(self._engine.num_io_tensors)]
        is_input = self._trt.TensorIOMode.INPUT
        modes = {name: self._engine.get_tensor_mode(name) for name in names}
        self.inputs = [self._info(name) for name in names if modes[name] == is_input]
        self.outputs = [self._info(name) for name in names if modes[name] != is_input]
        self._layouts = {name: self._layout(name) for name in names}
        on_host = self._trt.TensorLocation.HOST
        self._shape_tensors = frozenset(
            name for name in names if self._engine.get_tensor_location(name) == on_host
        )

    def _info(self, name: str) -> TensorInfo:
        dims = tuple(None if dim < 0 else dim for dim in self._engine.get_tensor_shape(name))
        dtype = dtype_name(self._engine.get_tensor_dtype(name))
        return TensorInfo(name, dims, dtype, tuple(self._load_options.names.get(name, ())))

    def _layout(self, name: str) -> TensorLayout:
        format_name = self._format_name(name)
        if format_name not in LAYOUTS:
            raise EngineLoadError(
                f"tensor {name!r} has the format {format_name}, in which nothing can be fed or "
                f"read here; supported are {', '.join(LAYOUTS)}"
            )
        dtype = dtype_name(self._engine.get_tensor_dtype(name))
        if has_unknown_layout(format_name, dtype):
            raise EngineLoadError(
                f"tensor {name!r} has the format {format_name}, and where TensorRT puts values of "
                f"{dtype} in that is not known; build the plan with another format"
            )
        layout, profile = LAYOUTS[format_name], self._load_options.optimization_profile
        axis = self._engine.get_tensor_vectorized_dim(name, profile)
        if axis < 0:
            return layout
        return replace(layout, channels=axis - len(self._engine.get_tensor_shape(name)))

    def _format_name(self, name: str) -> str:
        profile = self._load_options.optimization_profile
        if hasattr(self._trt, "TensorFormat"):
            return str(self._engine.get_tensor_format(name, profile).name)
        # The lean runtime has no names for formats.
        described = str(self._engine.get_tensor_format_desc(name, profile))
        return "LINEAR" if "linear" in described.lower() else described

    def _create_context(self, kernels: SessionKernels) -> tuple[Any, Any]:
        """A context with its profile, and RTX's runtime cache that its kernels go into."""
        context, config, cache = kernels.create_context(self._trt, self._engine)
        self._configs.append(config)
        profile = self._load_options.optimization_profile
        if context is not None and profile:
            if not context.set_optimization_profile_async(profile, _DEFAULT_STREAM):
                raise MeasurementError(f"TensorRT refuses optimization profile {profile}")
            value_or_raise(cudart().cudaStreamSynchronize(_DEFAULT_STREAM))
        return context, cache

    def new_runtime_cache(self) -> bytes | None:
        """What to store of RTX's kernels if some were not given, else None."""
        return self._runtime_cache if self._has_new_runtime_cache else None

    def create_session(
        self, shapes: Mapping[str, Shape], mode: Mode, inputs: FedInputs | None = None
    ) -> TensorRTSession:
        """A session with these input shapes, see `LoadedEngine.create_session`.

        Raises:
            ShapeError: a name, rank or size that the engine or its profile does not have.
            MeasurementError: out of device memory, or a tensor that cannot be fed.
        """
        given = input_sets(inputs)
        resolved = resolve_shapes(self.inputs, shapes, given[0], self._profiles())
        if problem := unequal_names(resolved, self.inputs):
            raise ShapeError(problem)
        for name, shape in resolved.items():
            self._check_input(name, shape, given[0])
        values = fed_values(self.inputs, resolved, given, mode.seed, self.rows)
        check_same_shapes(self._shape_tensors, values)
        kernels = SessionKernels(b"" if mode.kernels == "fresh" else self._runtime_cache)
        streams: list[InferenceStream] = []
        begun = perf_counter()
        try:
            with self._record.watch() as contexts:
                while len(streams) < mode.streams:
                    streams.append(self._create_stream(values, mode, kernels))
            l2_cache.evict_l2_cache()
        except BaseException:
            for stream in streams:
                stream.close()
            raise
        memory, described = device_memory(self._loading, contexts), kernels.described
        self.kernels_refused = self.kernels_refused or kernels.refused
        if mode.kernels == "cached" and described and described.state == "fresh":
            self._runtime_cache, self._has_new_runtime_cache = kernels.stored, True
        profile = partial(self.profile_layers, values[0], kernels.now)
        session = TensorRTSession(streams, values, mode, given, memory, profile, described)
        session.load_ms = 1e3 * (self._load_s + self._context_s)
        session.first_answer_ms = 1e3 * (self._start_s + streams[0].answered_s - begun)
        return session

    def profile_layers(
        self, values: Mapping[str, np.ndarray], kernels: bytes, queries: int
    ) -> tuple[dict[str, np.ndarray], list[dict[str, Any]]]:
        """Each layer's milliseconds, shape (queries,), and what the engine inspector knows of it.

        Profiled in a context of its own, with events between layers, which costs time: the sum
        is above the engine's own.

        Args:
            kernels: RTX's runtime cache, of the session whose layers are wanted.

        Raises:
            MeasurementError: the engine cannot be profiled.
        """
        context, _ = self._create_context(SessionKernels(kernels))
        if context is None:
            raise MeasurementError("no execution context for the layer profile: out of memory?")
        mode = Mode(concurrency=1)
        stream = self._open_stream(context, [values], mode)
        try:
            times = layer_times(self._trt, context, stream.compute_stream, queries)
            return times, layer_information(self._trt, self._engine, context)
        finally:
            stream.close()

    def inspect(self) -> list[dict[str, Any]]:
        """What the engine inspector knows of each layer, at the shapes built for (opt).

        Raises:
            MeasurementError: the engine cannot be inspected.
        """
        context, _ = self._create_context(SessionKernels(self._runtime_cache))
        if context is None:
            raise MeasurementError("no execution context for the inspector: out of memory?")
        for tensor in self.inputs:
            if -1 in self._engine.get_tensor_shape(tensor.name):
                context.set_input_shape(tensor.name, self._profile_shapes(tensor.name)[1])
        return layer_information(self._trt, self._engine, context)

    def _profiles(self) -> dict[str, Profile]:
        """The profile of each dynamic input."""
        dynamic = [tensor.name for tensor in self.inputs if None in tensor.shape]
        return {name: Profile(*self._profile_shapes(name)) for name in dynamic}

    def _profile_shapes(self, name: str) -> tuple[Shape, Shape, Shape]:
        """Of an input: min, opt and max of the profile; empty where it has none."""
        profile = self._load_options.optimization_profile
        low, best, high = self._engine.get_tensor_profile_shape(name, profile)
        return tuple(low), tuple(best), tuple(high)

    def _create_stream(
        self, values: Sequence[Mapping[str, np.ndarray]], mode: Mode, kernels: SessionKernels
    ) -> InferenceStream:
        with collected(self._trt) as errors:
            begun = perf_counter()
            context, cache = self._create_context(kernels)
            # Of several streams, the first.
            self._context_s = self._context_s or perf_counter() - begun
            self._allocator.check()
            if context is None:
                reasons = "; ".join(errors()) or self._allocator.failure or "out of device memory?"
                raise MeasurementError(f"no execution context could be created: {reasons}")
            try:
                stream = self._open_stream(context, values, mode)
            except MeasurementError as error:
                raise type(error)("; ".join([str(error), *errors()])) from error
        kernels.take(cache)
        return stream

    def _open_stream(
        self, context: Any, values: Sequence[Mapping[str, np.ndarray]], mode: Mode
    ) -> InferenceStream:
        return InferenceStream(
            self._trt, context, values, self.outputs, self._shape_tensors, self._layouts, mode
        )

    def _check_input(self, name: str, shape: Shape, given: GivenInputs) -> None:
        if name in self._shape_tensors:
            if name not in given:
                raise MeasurementError(
                    f"input {name!r} is a shape tensor, whose values decide shapes: "
                    f"pass them, inputs={{{name!r}: …}}"
                )
            return
        low, _, high = self._profile_shapes(name)
        if low:
            check_range(name, shape, low, high)

    def close(self) -> None:
        """Frees the engine's device memory; its sessions are closed before."""
        self._configs.clear()
        self._engine = self._runtime = None
        self._allocator.close()


def _why_not(trt: ModuleType, backend: str) -> str:
    """What may be wrong with a plan that cannot be deserialised."""
    why = "It may be of another version or GPU, or damaged: build it anew"
    with suppress(MeasurementError):  # without a GPU that is not to be known
        device = value_or_raise(cudart().cudaGetDevice())
        properties = value_or_raise(cudart().cudaGetDeviceProperties(device))
        return unsuited(trt, backend, f"{properties.major}.{properties.minor}") or why
    return why
