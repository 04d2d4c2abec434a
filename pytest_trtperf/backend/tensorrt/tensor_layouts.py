"""Where the values of an input or output lie in memory, by TensorRT's `TensorFormat`.

As TensorRT's documentation has them ("Data Format Descriptions").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from pytest_trtperf.engine.shapes import Shape


@dataclass(frozen=True)
class TensorLayout:
    """Linear, or with channels in vectors, the last of which is padded with zeros.

    Attributes:
        channels: the axis of the channels, counted from the end; 0 of the linear layout.
        vector: how many channels a vector holds.
        is_minor: the vectors of a position lie side by side, ``[H][W][ceil(C/V) V]``; else each
            goes over all positions, ``[ceil(C/V)][H][W][V]``.
    """

    channels: int = 0
    vector: int = 1
    is_minor: bool = False

    def packed_shape(self, shape: Shape) -> Shape:
        """The shape of the C-contiguous array that lies in memory."""
        if not self.channels:
            return shape
        before, channels, positions = self._parts(shape)
        vectors = self._vectors(channels)
        if self.is_minor:
            return (*before, *positions, vectors * self.vector)
        return (*before, vectors, *positions, self.vector)

    def pack(self, values: np.ndarray) -> np.ndarray:
        """An array as it lies in memory."""
        if not self.channels:
            return np.ascontiguousarray(values)
        axis, count = values.ndim + self.channels, values.shape[self.channels]
        padding = [(0, 0)] * values.ndim
        padding[axis] = 0, -count % self.vector
        before, _, positions = self._parts(values.shape)
        vectors = self._vectors(count)
        split = np.pad(values, padding).reshape(*before, vectors, self.vector, *positions)
        packed = np.moveaxis(split, axis + 1, -1)
        if self.is_minor:
            packed = np.moveaxis(packed, axis, -2)
        return np.ascontiguousarray(packed).reshape(self.packed_shape(values.shape))

    def unpack(self, packed: np.ndarray, shape: Shape) -> np.ndarray:
        """The array of `shape` that lies in memory as `packed`."""
        if not self.channels:
            return packed
        axis = len(shape) + self.channels
        before, count, positions = self._parts(shape)
        vectors = self._vectors(count)
        if self.is_minor:
            packed = packed.reshape(*before, *positions, vectors, self.vector)
            packed = np.moveaxis(packed, -2, axis)
        split = np.moveaxis(packed, -1, axis + 1)
        padded = split.reshape(*before, vectors * self.vector, *positions)
        return np.ascontiguousarray(np.take(padded, range(count), axis))

    def _vectors(self, channels: int) -> int:
        return -(-channels // self.vector)

    def _parts(self, shape: Shape) -> tuple[Shape, int, Shape]:
        axis = len(shape) + self.channels
        return shape[:axis], shape[axis], shape[axis + 1 :]


LAYOUTS: Mapping[str, TensorLayout] = MappingProxyType(
    {
        "LINEAR": TensorLayout(),
        "CHW2": TensorLayout(-3, 2),
        "CHW4": TensorLayout(-3, 4),
        "CHW16": TensorLayout(-3, 16),
        "CHW32": TensorLayout(-3, 32),
        "CDHW32": TensorLayout(-4, 32),
        "HWC": TensorLayout(-3, 1, is_minor=True),
        "HWC8": TensorLayout(-3, 8, is_minor=True),
        "HWC16": TensorLayout(-3, 16, is_minor=True),
        "DHWC": TensorLayout(-4, 1, is_minor=True),
        "DHWC8": TensorLayout(-4, 8, is_minor=True),
    }
)
"""By the names of TensorRT's enum; those of the DLA alone are left out."""
