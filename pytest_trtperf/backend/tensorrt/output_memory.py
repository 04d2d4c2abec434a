"""Device memory for outputs whose shape depends on the data."""

from __future__ import annotations

import functools
from typing import Any

from pytest_trtperf.backend.tensorrt.cuda import Buffer
from pytest_trtperf.errors import MeasurementError


def output_allocator(trt: Any) -> Any:
    """An `IOutputAllocator` for one output; its `buffer` is the memory that a query filled.

    Inputs never change within a session, so that neither does the output's size: the memory that
    the first query asked for serves all that follow.
    """
    return _allocator_class(trt)()


@functools.cache
def _allocator_class(trt: Any) -> Any:
    class OutputAllocator(trt.IOutputAllocator):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.IOutputAllocator.__init__(self)
            self.buffer: Buffer | None = None
            self.shape: tuple[int, ...] = ()

        def reallocate_output(self, _name: str, _memory: Any, size: int, _alignment: int) -> int:
            return self._provide(size)

        def reallocate_output_async(
            self, _name: str, _memory: Any, size: int, _alignment: int, _stream: Any
        ) -> int:
            return self._provide(size)

        def notify_shape(self, _name: str, shape: Any) -> None:
            self.shape = tuple(shape)

        def close(self) -> None:
            if self.buffer is not None:
                self.buffer.close()
                self.buffer = None

        def _provide(self, size: int) -> int:
            if self.buffer is None or size > self.buffer.size:
                self.close()
                try:
                    self.buffer = Buffer(size)
                except MeasurementError:
                    return 0  # what TensorRT takes for out of memory
            return int(self.buffer.device)

    return OutputAllocator
