"""CUDA's calls on the host's memory, and a context that doubles, where there is no GPU."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np


class HostCuda:
    """The runtime with its own constants; each call is complete on return.

    Attributes:
        memory: what is allocated, by address.
        copies: the bytes of each.
        captured: the calls of a graph that is captured now.
    """

    def __init__(self, runtime: Any) -> None:
        self._runtime, self._ok = runtime, runtime.cudaError_t.cudaSuccess
        self.memory: dict[int, Any] = {}
        self._graphs: list[list[Callable[[], None]]] = []
        self.captured: list[Callable[[], None]] | None = None
        self.copies: list[int] = []
        self.cudaMalloc = self._allocate
        self.cudaHostAlloc = lambda size, flags: self._allocate(size)
        self.cudaFree = self.cudaFreeHost = self._free
        self.cudaMemcpyAsync = self._copy
        self.cudaEventElapsedTime = lambda start, end: (self._ok, 0.05)
        self.cudaEventQuery = self.cudaEventSynchronize = lambda event: (self._ok,)
        self.cudaStreamBeginCapture = self._begin_capture
        self.cudaStreamEndCapture = self._end_capture
        self.cudaGraphInstantiate = lambda graph, flags: (self._ok, graph)
        self.cudaGraphLaunch = self._launch

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._runtime, name)
        return real if isinstance(real, (type, int)) else lambda *_: (self._ok, 1)

    def _allocate(self, size: int) -> tuple[Any, int]:
        memory = ctypes.create_string_buffer(size)
        self.memory[ctypes.addressof(memory)] = memory
        return self._ok, ctypes.addressof(memory)

    def _free(self, address: int) -> tuple[Any]:
        del self.memory[address]
        return (self._ok,)

    def _copy(self, to: int, of: int, size: int, *_: Any) -> tuple[Any]:
        ctypes.memmove(to, of, size)
        self.copies.append(size)
        return (self._ok,)

    def _begin_capture(self, *_: Any) -> tuple[Any]:
        self.captured = []
        return (self._ok,)

    def _end_capture(self, *_: Any) -> tuple[Any, int]:
        assert self.captured is not None
        self._graphs.append(self.captured)
        self.captured = None
        return self._ok, len(self._graphs) - 1

    def _launch(self, graph: int, _stream: Any) -> tuple[Any]:
        for call in self._graphs[graph]:
            call()
        return (self._ok,)


class Trt:
    """What an output of unknown shape takes of TensorRT."""

    class IOutputAllocator:
        pass


class Doubling:
    """A context: `y` is twice `x`; of an unknown shape it has what is above zero alone.

    Attributes:
        seen: the first value that each query was given.
        bound: how often an address was set.
    """

    def __init__(self, cuda: HostCuda, size: int, *, is_dynamic: bool = False) -> None:
        self._cuda, self._size, self._is_dynamic = cuda, size, is_dynamic
        self._addresses: dict[str, int] = {}
        self._allocator: Any = None
        self.seen: list[float] = []
        self.bound = 0

    def set_input_shape(self, _name: str, _shape: Any) -> bool:
        return True

    def set_tensor_address(self, name: str, address: int) -> bool:
        self._addresses[name] = address
        self.bound += 1
        return True

    def get_tensor_shape(self, _name: str) -> tuple[int, ...]:
        return (-1 if self._is_dynamic else self._size,)

    def set_output_allocator(self, _name: str, allocator: Any) -> bool:
        self._allocator = allocator
        return True

    def execute_async_v3(self, _stream: int) -> bool:
        addresses = dict(self._addresses)
        if self._cuda.captured is None:
            self._double(addresses)
        else:
            self._cuda.captured.append(lambda: self._double(addresses))
        return True

    def _double(self, addresses: dict[str, int]) -> None:
        x = _floats(addresses["x"], self._size)
        self.seen.append(float(x[0]))
        y = 2 * (x[x > 0] if self._is_dynamic else x)
        address = addresses.get("y", 0)
        if self._is_dynamic:
            address = self._allocator.reallocate_output("y", None, y.nbytes, 1)
            self._allocator.notify_shape("y", y.shape)
        _floats(address, y.size)[:] = y


def _floats(address: int, size: int) -> np.ndarray:
    return np.ctypeslib.as_array((ctypes.c_float * size).from_address(address))
