"""trtexec's inference stream: a context with CUDA streams, buffers and a graph of its own."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable, Mapping, Sequence
from time import perf_counter, perf_counter_ns
from typing import Any

import numpy as np

from pytest_trtperf.backend.dtypes import ITEM_SIZES, stored_dtype
from pytest_trtperf.backend.input_sets import of_set
from pytest_trtperf.backend.session import Mode, all_empty
from pytest_trtperf.backend.tensorrt.cuda import Buffer, Events, cudart, value_or_raise
from pytest_trtperf.backend.tensorrt.feed import Feed, Part
from pytest_trtperf.backend.tensorrt.output_memory import output_allocator
from pytest_trtperf.backend.tensorrt.tensor_layouts import TensorLayout
from pytest_trtperf.engine.shapes import Shape, TensorInfo, format_shape
from pytest_trtperf.errors import MeasurementError, QueryError

CONCURRENCY = 2


class InferenceStream:
    """Issues queries of one execution context.

    Args:
        context: of this stream alone.
        sets: values of each input; one set is bound for good, several with each query. What is the
            same array in all is bound to the same memory.
        shape_tensors: names of tensors that TensorRT reads or writes on the host.
        layouts: how each tensor lies in memory; arrays are linear here.

    Attributes:
        feeds: what a query copies and queues, for each set of inputs.
        slots: the events of a query, one set more than queries in flight.
        cold_start_ms: the first query with its copies, on the host's clock.
        empty_outputs: see `Session`.
        answered_s: when it ended, in seconds of `time.perf_counter`.
    """

    def __init__(
        self,
        trt: Any,
        context: Any,
        sets: Sequence[Mapping[str, np.ndarray]],
        outputs: Sequence[TensorInfo],
        shape_tensors: frozenset[str],
        layouts: Mapping[str, TensorLayout],
        mode: Mode,
    ) -> None:
        self._trt, self._context = trt, context
        self._shape_tensors, self._layouts = shape_tensors, layouts
        self._allocators: list[Any] = []
        self._graphs: list[Any] = []
        self._buffers: list[Buffer] = []
        self.feeds: list[Feed] = []
        self._outputs: list[Buffer | Part] = []
        self._returned: list[tuple[TensorInfo, Shape, Buffer | Part]] = []
        self.slots: list[Events] = []
        self._streams: list[Any] = []
        try:
            self._open(sets, outputs, mode)
        except BaseException:
            self.close()
            raise

    def _open(
        self,
        sets: Sequence[Mapping[str, np.ndarray]],
        outputs: Sequence[TensorInfo],
        mode: Mode,
    ) -> None:
        runtime = cudart()
        for _ in range(3):
            flags = runtime.cudaStreamNonBlocking
            self._streams.append(value_or_raise(runtime.cudaStreamCreateWithFlags(flags)))
        self.h2d_stream, self.compute_stream, self.d2h_stream = self._streams
        event_flags = 0 if mode.spin_wait else runtime.cudaEventBlockingSync
        # One slot more than queries in flight, so that times are read while the GPU is busy.
        for _ in range((mode.concurrency or CONCURRENCY) + 1):
            self.slots.append(Events(event_flags))
        buffers: dict[tuple[str, int], Buffer] = {}
        feed = self._feed(sets[0], buffers)
        for name, values in sets[0].items():
            if name not in self._shape_tensors:
                self._context.set_input_shape(name, values.shape)
            self._context.set_tensor_address(name, feed.addresses[name])
        dynamic = [tensor for tensor in outputs if not self._bind_output(tensor)]
        with of_set(0, sets):
            self.cold_start_ms = self._first_query(feed)
        self.answered_s = perf_counter()
        self.feeds.append(feed)
        shapes = [[allocator.shape for allocator in self._allocators]]
        for place, of_one in enumerate(sets[1:], 1):
            feed = self._feed(of_one, buffers)
            with of_set(place, sets):
                self._bind(feed)
                self._first_query(feed)
            self.feeds.append(feed)
            shapes.append([allocator.shape for allocator in self._allocators])
        if len(sets) > 1:
            # So that the outputs are those of the first; the memory of each now suits all.
            self._bind(self.feeds[0])
            self._first_query(self.feeds[0])
        self._fill(dynamic, shapes)
        for feed in self.feeds:
            feed.enqueue = self._enqueue_of(feed, mode)

    def _feed(
        self, values: Mapping[str, np.ndarray], buffers: dict[tuple[str, int], Buffer]
    ) -> Feed:
        """One set of inputs in buffers.

        Args:
            buffers: those that there are already, by name and array.
        """
        addresses, copied = {}, []
        for name, array in values.items():
            if (buffer := buffers.get((name, id(array)))) is None:
                buffer = buffers[name, id(array)] = self._filled_buffer(name, array)
            if name in self._shape_tensors:
                addresses[name] = int(buffer.host)
            else:
                addresses[name] = int(buffer.device)
                copied.append(buffer)
        return Feed(addresses, copied, self._enqueue)

    def _filled_buffer(self, name: str, values: np.ndarray) -> Buffer:
        packed = self._layouts[name].pack(values)
        buffer = Buffer(packed.nbytes)
        self._buffers.append(buffer)
        ctypes.memmove(int(buffer.host), packed.ctypes.data, packed.nbytes)
        return buffer

    def _bind(self, feed: Feed) -> None:
        for name, address in feed.addresses.items():
            self._context.set_tensor_address(name, address)

    def _fill(self, dynamic: Sequence[TensorInfo], shapes: Sequence[Sequence[Shape]]) -> None:
        """Gives each feed its outputs: those whose shape depends on the data as large as it is."""
        for feed, own in zip(self.feeds, shapes, strict=True):
            feed.outputs = [
                *self._outputs,
                *(
                    _filled(tensor, allocator, shape, self._size(tensor, shape))
                    for tensor, allocator, shape in zip(dynamic, self._allocators, own, strict=True)
                ),
            ]
        fixed = {tensor.name: shape for tensor, shape, _ in self._returned}
        names = [tensor.name for tensor in dynamic]
        self.empty_outputs = all_empty(
            [{**fixed, **dict(zip(names, own, strict=True))} for own in shapes]
        )
        parts = self.feeds[0].outputs[len(self._outputs) :]
        for tensor, shape, part in zip(dynamic, shapes[0], parts, strict=True):
            self._returned.append((tensor, shape, part))
            self._copy_to_host([part])

    def _bind_output(self, tensor: TensorInfo) -> bool:
        """False for an output whose shape depends on the data: an allocator serves it."""
        if tensor.dtype not in ITEM_SIZES:
            raise MeasurementError(
                f"output {tensor.name!r} has dtype {tensor.dtype}, which is not supported; "
                f"supported are {', '.join(ITEM_SIZES)}"
            )
        shape = tuple(self._context.get_tensor_shape(tensor.name))
        if any(dim < 0 for dim in shape):
            self._allocators.append(output_allocator(self._trt))
            self._context.set_output_allocator(tensor.name, self._allocators[-1])
            return False
        buffer = Buffer(self._size(tensor, shape))
        self._buffers.append(buffer)
        self._returned.append((tensor, shape, buffer))
        on_host = tensor.name in self._shape_tensors
        self._context.set_tensor_address(
            tensor.name, int(buffer.host if on_host else buffer.device)
        )
        if not on_host:
            self._outputs.append(buffer)
        return True

    def _size(self, tensor: TensorInfo, shape: Shape) -> int:
        """The bytes that a tensor takes in memory."""
        return math.prod(self._layouts[tensor.name].packed_shape(shape)) * ITEM_SIZES[tensor.dtype]

    def _first_query(self, feed: Feed) -> float:
        """Milliseconds of a query that is bound; its outputs are on the host then."""
        try:
            return self._whole_query(feed)
        except MeasurementError as error:
            raise QueryError(str(error)) from error

    def _whole_query(self, feed: Feed) -> float:
        kinds, stream = cudart().cudaMemcpyKind, self.compute_stream
        start = perf_counter_ns()
        for buffer in feed.inputs:
            _copy(buffer.device, buffer.host, buffer.size, kinds.cudaMemcpyHostToDevice, stream)
        self._enqueue()
        self._copy_to_host(self._outputs)
        return (perf_counter_ns() - start) / 1e6

    def _copy_to_host(self, outputs: Sequence[Buffer | Part]) -> None:
        kind, stream = cudart().cudaMemcpyKind.cudaMemcpyDeviceToHost, self.compute_stream
        for output in outputs:
            _copy(output.host, output.device, output.size, kind, stream)
        value_or_raise(cudart().cudaStreamSynchronize(stream))

    def _enqueue(self) -> None:
        if not self._context.execute_async_v3(int(self.compute_stream)):
            raise MeasurementError("TensorRT refused to enqueue the query")

    def _enqueue_of(self, feed: Feed, mode: Mode) -> Callable[[], None]:
        """What queues a query of this set; one set alone stays bound."""
        if mode.cuda_graph:
            self._bind(feed)
            return self._capture()
        if len(self.feeds) == 1:
            return self._enqueue
        bind, addresses, enqueue = (
            self._context.set_tensor_address, list(feed.addresses.items()), self._enqueue,
        )  # fmt: skip

        def enqueue_bound() -> None:
            for name, address in addresses:
                bind(name, address)
            enqueue()

        return enqueue_bound

    def _capture(self) -> Callable[[], None]:
        """The query's compute as a CUDA graph; raises with the reason where it cannot be one."""
        if self._allocators:
            raise _no_graph("the shape of an output depends on the data")
        runtime, stream = cudart(), self.compute_stream
        value_or_raise(runtime.cudaStreamSynchronize(stream))
        mode = runtime.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
        value_or_raise(runtime.cudaStreamBeginCapture(stream, mode))
        try:
            self._enqueue()
            graph = value_or_raise(runtime.cudaStreamEndCapture(stream))
        except MeasurementError as error:
            _abandon_capture(stream)
            raise _no_graph(str(error)) from error
        try:
            executable = value_or_raise(runtime.cudaGraphInstantiate(graph, 0))
        finally:
            runtime.cudaGraphDestroy(graph)
        self._graphs.append(executable)
        launch = runtime.cudaGraphLaunch

        def replay() -> None:
            if (result := launch(executable, stream))[0]:
                value_or_raise(result)

        return replay

    def output_values(self) -> dict[str, np.ndarray]:
        """What the last query that copied its outputs left in the host's buffers, by output."""
        return {returned[0].name: self._read(*returned) for returned in self._returned}

    def _read(self, tensor: TensorInfo, shape: Shape, buffer: Buffer | Part) -> np.ndarray:
        layout = self._layouts[tensor.name]
        packed = np.empty(layout.packed_shape(shape), stored_dtype(tensor.dtype))
        ctypes.memmove(packed.ctypes.data, int(buffer.host), packed.nbytes)
        return layout.unpack(packed, shape)

    def close(self) -> None:
        """Frees everything, once the GPU is done with it."""
        runtime = cudart()
        for stream in self._streams:
            runtime.cudaStreamSynchronize(stream)
        for graph in self._graphs:
            runtime.cudaGraphExecDestroy(graph)
        self._context = None
        for closing in (*self.slots, *self._buffers, *self._allocators):
            closing.close()
        for stream in self._streams:
            runtime.cudaStreamDestroy(stream)
        self.slots, self.feeds, self._graphs, self._outputs = [], [], [], []
        self._buffers, self._allocators, self._streams = [], [], []
        self._returned = []


def _filled(tensor: TensorInfo, allocator: Any, shape: Shape, size: int) -> Part:
    if allocator.buffer is None or size > allocator.buffer.size:
        raise MeasurementError(
            f"output {tensor.name!r}, whose shape depends on the data, got no memory for its "
            f"shape {format_shape(shape)}: is the GPU out of memory?"
        )
    return Part(allocator.buffer.host, allocator.buffer.device, size)


def _copy(target: Any, source: Any, size: int, kind: Any, stream: Any) -> None:
    value_or_raise(cudart().cudaMemcpyAsync(target, source, size, kind, stream))


def _no_graph(reason: str) -> MeasurementError:
    return MeasurementError(f"cuda_graph: {reason}; measure with cuda_graph=False")


def _abandon_capture(stream: Any) -> None:
    runtime = cudart()
    status = runtime.cudaStreamIsCapturing(stream)[1]
    if status != runtime.cudaStreamCaptureStatus.cudaStreamCaptureStatusNone:
        runtime.cudaStreamEndCapture(stream)
    # The failure stays pending in the runtime, and would be reported by an innocent call.
    runtime.cudaGetLastError()
