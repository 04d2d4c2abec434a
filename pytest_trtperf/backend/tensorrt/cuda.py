"""The CUDA runtime API with errors raised instead of returned."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pytest_trtperf.errors import BackendUnavailable, MeasurementError


@functools.cache
def cudart() -> Any:
    """cuda-python's binding of the CUDA runtime.

    Raises:
        BackendUnavailable: cuda-python is not installed.
    """
    try:
        from cuda.bindings import runtime
    except ImportError as error:
        raise BackendUnavailable(
            f"cuda-python cannot be imported ({error}); "
            "install pytest-trtperf[cu13], or [cu12] for CUDA 12"
        ) from error
    return runtime


def value_or_raise(result: tuple[Any, ...]) -> Any:
    """The value of a CUDA runtime call.

    Raises:
        MeasurementError: the call failed; carries CUDA's name and description.
    """
    error, *values = result
    if error:
        text = cudart().cudaGetErrorString(error)[1]
        raise MeasurementError(f"CUDA: {error.name}: {_text(text)}")
    return values[0] if len(values) == 1 else tuple(values)


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


@contextmanager
def profiler_capture() -> Iterator[None]:
    """Lets a profiler that waits for cudaProfilerStart record the block."""
    value_or_raise(cudart().cudaProfilerStart())
    try:
        yield
    finally:
        value_or_raise(cudart().cudaProfilerStop())


class Events:
    """The six events of one query in flight, reused for every query of its slot."""

    def __init__(self, flags: int) -> None:
        self._events = [value_or_raise(cudart().cudaEventCreateWithFlags(flags)) for _ in range(6)]
        self.h2d_start, self.h2d_end = self._events[0:2]
        self.compute_start, self.compute_end = self._events[2:4]
        self.d2h_start, self.d2h_end = self._events[4:6]

    def close(self) -> None:
        """Destroys the events."""
        for event in self._events:
            cudart().cudaEventDestroy(event)


class Buffer:
    """Device memory with its pinned host mirror.

    Raises:
        MeasurementError: out of memory.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.device = value_or_raise(cudart().cudaMalloc(max(size, 1)))
        try:
            self.host = value_or_raise(cudart().cudaHostAlloc(max(size, 1), 0))
        except MeasurementError:
            cudart().cudaFree(self.device)
            raise

    def close(self) -> None:
        """Frees both memories."""
        cudart().cudaFree(self.device)
        cudart().cudaFreeHost(self.host)
