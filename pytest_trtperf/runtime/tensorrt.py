"""Sessions of the TensorRT family: one module, since the members share one API."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from pytest_trtperf.engine.backends import collected, import_tensorrt, shared_logger
from pytest_trtperf.engine.spec import Shape, TensorInfo
from pytest_trtperf.errors import EngineLoadError, MeasurementError
from pytest_trtperf.runtime.cuda import Buffer, Events, checked, cudart
from pytest_trtperf.runtime.inputs import ITEM_SIZES, random_input
from pytest_trtperf.runtime.session import Mode, check_range, resolve_shapes

_DTYPES = {
    "FLOAT": "float32", "HALF": "float16", "BF16": "bfloat16", "INT8": "int8", "INT32": "int32",
    "INT64": "int64", "BOOL": "bool", "UINT8": "uint8",
}  # fmt: skip


class TensorRTEngine:
    """A deserialised plan of TensorRT or TensorRT for RTX.

    Args:
        runtime_cache: RTX's compiled kernels from an earlier session, if there are any.

    Raises:
        EngineLoadError: the plan does not run on this device or with this version.
    """

    def __init__(self, backend: str, plan: bytes, runtime_cache: bytes | None = None) -> None:
        self._trt = import_tensorrt(backend)
        self._runtime = self._trt.Runtime(shared_logger(self._trt))
        with collected(self._trt) as errors:
            self._engine = self._runtime.deserialize_cuda_engine(plan)
        if self._engine is None:
            reasons = "; ".join(errors()) or "no reason was logged"
            raise EngineLoadError(
                f"{backend} {self._trt.__version__} cannot deserialise the plan: {reasons}. "
                "It may be of another version or GPU: build it here from its ONNX file"
            )
        self._kernels, self._has_new_kernels = runtime_cache or b"", False
        names = [self._engine.get_tensor_name(i) for i in range(self._engine.num_io_tensors)]
        is_input = self._trt.TensorIOMode.INPUT
        modes = {name: self._engine.get_tensor_mode(name) for name in names}
        self.inputs = [self._info(name) for name in names if modes[name] == is_input]
        self.outputs = [self._info(name) for name in names if modes[name] != is_input]

    def _info(self, name: str) -> TensorInfo:
        dims = tuple(None if dim < 0 else dim for dim in self._engine.get_tensor_shape(name))
        dtype = self._engine.get_tensor_dtype(name).name
        return TensorInfo(name, dims, _DTYPES.get(dtype, dtype.lower()))

    def _create_context(self) -> tuple[Any, Any]:
        """A context, and RTX's runtime cache that its kernels go into."""
        if not hasattr(self._engine, "create_runtime_config"):
            return self._engine.create_execution_context(), None
        # A second context made with the same runtime config gets unspecialised, slow kernels.
        config = self._engine.create_runtime_config()
        if not hasattr(config, "create_runtime_cache"):
            return self._engine.create_execution_context(config), None
        # LAZY would run, and capture into a graph, slow fallback kernels while others compile.
        strategies = self._trt.DynamicShapesKernelSpecializationStrategy
        config.dynamic_shapes_kernel_specialization_strategy = strategies.EAGER
        cache = config.create_runtime_cache()
        if self._kernels:
            cache.deserialize(self._kernels)
        config.set_runtime_cache(cache)
        return self._engine.create_execution_context(config), cache

    def new_runtime_cache(self) -> bytes | None:
        """RTX's compiled kernels if any were compiled since loading, else None."""
        return self._kernels if self._has_new_kernels else None

    def create_session(self, shapes: Mapping[str, Shape], mode: Mode) -> TensorRTSession:
        """A session with these input shapes.

        Raises:
            ShapeError: a name, rank or size that the engine or its profile does not have.
            MeasurementError: out of device memory, or a tensor that cannot be fed.
        """
        resolved = resolve_shapes(self.inputs, shapes)
        for name, shape in resolved.items():
            self._check_profile(name, shape)
        with collected(self._trt) as errors:
            context, cache = self._create_context()
        if context is None:
            reasons = "; ".join(errors()) or "out of device memory?"
            raise MeasurementError(f"no execution context could be created: {reasons}")
        with collected(self._trt) as errors:
            try:
                session = TensorRTSession(context, self.inputs, self.outputs, resolved, mode)
            except MeasurementError as error:
                raise MeasurementError("; ".join([str(error), *errors()])) from error
        self._keep_kernels(cache)
        return session

    def _keep_kernels(self, cache: Any) -> None:
        kernels = bytes(cache.serialize()) if cache is not None else b""
        # The same kernels come in another order each time; only the size tells of new ones.
        if len(kernels) > len(self._kernels):
            self._kernels, self._has_new_kernels = kernels, True

    def _check_profile(self, name: str, shape: Shape) -> None:
        if self._engine.get_tensor_location(name) == self._trt.TensorLocation.HOST:
            raise MeasurementError(f"input {name!r} is a shape tensor, which is not supported")
        low, _, high = (tuple(s) for s in self._engine.get_tensor_profile_shape(name, 0))
        if low:
            check_range(name, shape, low, high)

    def close(self) -> None:
        """Frees the engine's device memory; its sessions are closed before."""
        self._engine = self._runtime = None


class TensorRTSession:
    """An execution context with its streams, pinned buffers and, on request, a CUDA graph."""

    def __init__(
        self,
        context: Any,
        inputs: list[TensorInfo],
        outputs: list[TensorInfo],
        shapes: Mapping[str, Shape],
        mode: Mode,
    ) -> None:
        self.shapes = dict(shapes)
        self.transfers, self.concurrency = mode.transfers, mode.concurrency
        self.mode = {
            "transfers": mode.transfers,
            "spin_wait": mode.spin_wait,
            "cuda_graph": mode.cuda_graph,
            "concurrency": mode.concurrency,
            "seed": mode.seed,
        }
        self._context = context
        self._graph: Any = None
        self.inputs: list[Buffer] = []
        self.outputs: list[Buffer] = []
        self.slots: list[Events] = []
        self.streams: list[Any] = []
        try:
            self._allocate(inputs, outputs, mode)
            self.enqueue = self._capture() if mode.cuda_graph else self._enqueue
        except BaseException:
            self.close()
            raise

    def _allocate(self, inputs: list[TensorInfo], outputs: list[TensorInfo], mode: Mode) -> None:
        runtime = cudart()
        flags = runtime.cudaStreamNonBlocking
        self.streams = [checked(runtime.cudaStreamCreateWithFlags(flags)) for _ in range(3)]
        self.h2d_stream, self.compute_stream, self.d2h_stream = self.streams
        for tensor in inputs:
            self._context.set_input_shape(tensor.name, self.shapes[tensor.name])
        for tensor in inputs:
            values = random_input(tensor.name, self.shapes[tensor.name], tensor.dtype, mode.seed)
            self.inputs.append(self._bind(tensor.name, values.nbytes))
            _copy_to_host_buffer(values, self.inputs[-1])
        for tensor in outputs:
            self.outputs.append(self._bind(tensor.name, self._output_size(tensor)))
        event_flags = 0 if mode.spin_wait else runtime.cudaEventBlockingSync
        # One slot more than queries in flight, so that times are read while the GPU is busy.
        self.slots = [Events(event_flags) for _ in range(mode.concurrency + 1)]
        self.round_start = Events(0)
        for buffer in self.inputs:
            self._copy(buffer, to_device=True, stream=self.compute_stream)
        checked(runtime.cudaStreamSynchronize(self.compute_stream))
        self._enqueue()
        checked(runtime.cudaStreamSynchronize(self.compute_stream))

    def _bind(self, name: str, size: int) -> Buffer:
        buffer = Buffer(size)
        self._context.set_tensor_address(name, int(buffer.device))
        return buffer

    def _output_size(self, tensor: TensorInfo) -> int:
        shape = tuple(self._context.get_tensor_shape(tensor.name))
        if any(dim < 0 for dim in shape):
            raise MeasurementError(
                f"output {tensor.name!r} has a shape that depends on the data, "
                "which is not supported"
            )
        if tensor.dtype not in ITEM_SIZES:
            raise MeasurementError(
                f"output {tensor.name!r} has dtype {tensor.dtype}, which is not supported; "
                f"supported are {', '.join(ITEM_SIZES)}"
            )
        size: int = math.prod(shape) * ITEM_SIZES[tensor.dtype]
        return size

    def _copy(self, buffer: Buffer, *, to_device: bool, stream: Any) -> None:
        kinds = cudart().cudaMemcpyKind
        host, device = buffer.host, buffer.device
        arguments = (
            (device, host, buffer.size, kinds.cudaMemcpyHostToDevice)
            if to_device
            else (host, device, buffer.size, kinds.cudaMemcpyDeviceToHost)
        )
        checked(cudart().cudaMemcpyAsync(*arguments, stream))

    def _enqueue(self) -> None:
        if not self._context.execute_async_v3(int(self.compute_stream)):
            raise MeasurementError("TensorRT refused to enqueue the query")

    def _capture(self) -> Callable[[], None]:
        runtime = cudart()
        mode = runtime.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
        checked(runtime.cudaStreamBeginCapture(self.compute_stream, mode))
        try:
            self._enqueue()
        except MeasurementError as error:
            runtime.cudaStreamEndCapture(self.compute_stream)
            raise MeasurementError(f"cuda_graph: {error}; measure without cuda_graph") from error
        graph = checked(runtime.cudaStreamEndCapture(self.compute_stream))
        try:
            self._graph = checked(runtime.cudaGraphInstantiate(graph, 0))
        finally:
            runtime.cudaGraphDestroy(graph)
        launch, executable, stream = runtime.cudaGraphLaunch, self._graph, self.compute_stream

        def replay() -> None:
            if (result := launch(executable, stream))[0]:
                checked(result)

        return replay

    def close(self) -> None:
        """Frees streams, events, buffers, graph and context, once the GPU is done with them."""
        runtime = cudart()
        for stream in self.streams:
            runtime.cudaStreamSynchronize(stream)
        if self._graph is not None:
            runtime.cudaGraphExecDestroy(self._graph)
        self._graph = self._context = None
        starts = [self.round_start] if hasattr(self, "round_start") else []
        for events in [*self.slots, *starts]:
            events.close()
        for buffer in [*self.inputs, *self.outputs]:
            buffer.close()
        for stream in self.streams:
            runtime.cudaStreamDestroy(stream)
        self.slots, self.inputs, self.outputs, self.streams = [], [], [], []
        self.__dict__.pop("round_start", None)


def _copy_to_host_buffer(values: np.ndarray, buffer: Buffer) -> None:
    import ctypes

    ctypes.memmove(int(buffer.host), values.ctypes.data, values.nbytes)
