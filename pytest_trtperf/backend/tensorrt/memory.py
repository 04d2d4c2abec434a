"""How much device memory an engine and its contexts take, from an allocator that keeps count.

Counted is what TensorRT asks its allocator for: weights, activations, workspaces. Kernel code and
the CUDA context itself are the driver's, and the buffers of inputs and outputs the session's.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pytest_trtperf.backend.session import DeviceMemory
from pytest_trtperf.backend.tensorrt.cuda import cudart

# Larger than any flags and than CUDA's special stream handles (default, legacy, per thread).
_LOWEST_STREAM_HANDLE = 1 << 12


class MemoryRecord:
    """Counts allocations by address; all methods may be called from any thread."""

    def __init__(self) -> None:
        # Reentrant: under it, the garbage collector may destroy an engine that frees memory.
        self._lock = threading.RLock()
        self._sizes: dict[int, int] = {}
        self._watches: list[Watch] = []
        self._current = 0

    @property
    def current_bytes(self) -> int:
        """What is allocated now."""
        return self._current

    def allocated(self, address: int, size: int) -> None:
        """Counts memory that was allocated; call it after CUDA has handed it out."""
        with self._lock:
            # An address that comes again without a free was freed behind our back.
            grown = size - self._sizes.get(address, 0)
            self._sizes[address] = size
            # No call between reading and writing it, where the collector could free something.
            self._current += grown
            for watch in self._watches:
                watch.peak_bytes = max(watch.peak_bytes, self._current)

    def freed(self, address: int) -> bool:
        """Uncounts memory and returns whether it was counted; call it before it is freed.

        Afterwards another thread may already have been given the same address.
        """
        with self._lock:
            size = self._sizes.pop(address, None)
            self._current -= size or 0
            return size is not None

    def addresses(self) -> list[int]:
        """The addresses that are allocated now."""
        with self._lock:
            return list(self._sizes)

    @contextmanager
    def watch(self) -> Iterator[Watch]:
        """Watches what is allocated while the block runs."""
        with self._lock:
            watch = Watch(self, self._current, self._current)
            self._watches.append(watch)
        try:
            yield watch
        finally:
            with self._lock:
                watch.end_bytes = self._current
                self._watches.remove(watch)


@dataclass(eq=False)
class Watch:
    """What happened to a record while a block ran; read it during the block or afterwards."""

    _record: MemoryRecord
    start_bytes: int
    peak_bytes: int
    end_bytes: int | None = None

    @property
    def grown_bytes(self) -> int:
        """How much more is allocated at the end (or now) than at the start."""
        end = self._record.current_bytes if self.end_bytes is None else self.end_bytes
        return end - self.start_bytes

    @property
    def peak_grown_bytes(self) -> int:
        """How much more than at the start was allocated at the highest point."""
        return self.peak_bytes - self.start_bytes


def device_memory(load: Watch, contexts: Watch) -> DeviceMemory:
    """The memory of a session, from watches over loading its engine and creating it."""
    engine = load.grown_bytes
    peak = max(load.peak_grown_bytes, engine + contexts.peak_grown_bytes)
    return DeviceMemory(engine, contexts.grown_bytes, peak)


def create_allocator(trt: Any, record: MemoryRecord) -> Any:
    """An allocator for ``runtime.gpu_allocator`` that counts in `record`.

    Like TensorRT's own it takes memory from the pool of a stream where TensorRT names one, and
    from ``cudaMalloc`` elsewhere, so that it changes no timing and is fit for stream capture.
    Out of memory is the null address to TensorRT, which then fails in its own words; `failure`
    says what CUDA said. `close` frees what is left, once nothing made with the runtime lives.

    Raises:
        BackendUnavailable: cuda-python is not installed.
    """
    runtime = cudart()
    # Only this one is given the stream; the other has only `allocate` and `deallocate`.
    base: Any = getattr(trt, "IGpuAsyncAllocator", trt.IGpuAllocator)

    class RecordingAllocator(base):  # type: ignore[misc]
        def __init__(self) -> None:
            base.__init__(self)
            self.failure: str | None = None
            self._error: BaseException | None = None
            self._pooled: set[int] = set()

        # Bindings before 11 pass stream and flags the other way round than they say.
        def allocate_async(self, size: int, alignment: int, flags: int, stream: int) -> int:
            return self._guarded(self._allocate, size, alignment, max(flags, stream))

        def allocate(self, size: int, alignment: int, flags: int) -> int:
            return self._guarded(self._allocate, size, alignment, 0)

        def reallocate(self, address: int, alignment: int, new_size: int) -> int:
            return 0  # as in TensorRT's own: it then allocates anew

        def deallocate_async(self, memory: int, stream: int) -> bool:
            return bool(self._guarded(self._free, memory, stream))

        def deallocate(self, memory: int) -> bool:
            return bool(self._guarded(self._free, memory, 0))

        def check(self) -> None:
            """Raises what was raised in a callback, such as Ctrl-C."""
            error, self._error = self._error, None
            if error is not None:
                raise error

        def close(self) -> None:
            """Frees whatever TensorRT has not given back."""
            for address in record.addresses():
                self._free(address, 0)

        def _guarded(self, callback: Any, *arguments: int) -> int:
            try:
                return int(callback(*arguments))
            # TensorRT would print an exception, Ctrl-C too, and go on with a null address.
            except BaseException as error:  # noqa: BLE001
                self._error = error
                return 0

        def _allocate(self, size: int, alignment: int, stream: int) -> int:
            if not size:
                return 0
            address, pooled = self._acquire(size, stream)
            if not address:
                return 0
            if pooled:
                self._pooled.add(address)
            record.allocated(address, size)
            if alignment and address % alignment:
                self.failure = f"no memory aligned to {alignment} bytes"
                self._free(address, stream)
                return 0
            return address

        def _acquire(self, size: int, stream: int) -> tuple[int, bool]:
            if stream >= _LOWEST_STREAM_HANDLE:
                error, address = runtime.cudaMallocAsync(size, stream)
                if not error:
                    return int(address), True
                runtime.cudaGetLastError()
                if error != runtime.cudaError_t.cudaErrorNotSupported:
                    return self._refused(size, error)
            error, address = runtime.cudaMalloc(size)
            if not error:
                return int(address), False
            # TensorRT asks for the last error after its kernels and would take this for theirs.
            runtime.cudaGetLastError()
            return self._refused(size, error)

        def _refused(self, size: int, error: Any) -> tuple[int, bool]:
            self.failure = f"{size} bytes beyond {record.current_bytes}: CUDA: {error.name}"
            return 0, False

        def _free(self, address: int, stream: int) -> bool:
            if not address:
                return True
            pooled = address in self._pooled
            self._pooled.discard(address)
            if not record.freed(address):
                return False
            if pooled and stream >= _LOWEST_STREAM_HANDLE:
                (error,) = runtime.cudaFreeAsync(address, stream)
            else:
                (error,) = runtime.cudaFree(address)
            return not error

    return RecordingAllocator()
