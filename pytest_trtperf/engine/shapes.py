"""Shapes as users write them, the profiles made of them, and tensors of an engine."""

from __future__ import annotations

import operator
import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any, SupportsIndex, TypeAlias

from pytest_trtperf.errors import ShapeError
from pytest_trtperf.text import brief, with_escapes

ShapeLike: TypeAlias = "str | Sequence[int]"
Shape = tuple[int, ...]

Shapes: TypeAlias = "Mapping[str, ShapeLike | Sequence[ShapeLike]]"
"""What a user writes for one profile: one shape for each tensor, or its min, opt and max."""

_INT64 = range(-(2**63), 2**63)
_SHAPE_HINT = "write it like '1x3x224x224' or (1, 3, 224, 224)"


@dataclass(frozen=True)
class Profile:
    """The range of one input's shapes, or of a shape tensor's values: ``min <= opt <= max``.

    Raises:
        ShapeError: the ranks differ, or a dimension is out of order.
    """

    min: Shape
    opt: Shape
    max: Shape

    def __post_init__(self) -> None:
        if not len(self.min) == len(self.opt) == len(self.max):
            raise ShapeError(f"min, opt and max differ in rank: {self}")
        for axis, (low, best, high) in enumerate(zip(self.min, self.opt, self.max, strict=True)):
            if not low <= best <= high:
                raise ShapeError(f"min <= opt <= max does not hold in dimension {axis}: {self}")

    def __str__(self) -> str:
        shapes = (self.min,) if self.min == self.max else (self.min, self.opt, self.max)
        return ", ".join(format_shape(shape) for shape in shapes)


@dataclass(frozen=True)
class TensorInfo:
    """An input or output of an engine.

    Attributes:
        shape: None is a dynamic dimension.
        dtype: numpy's name.
        names: of the dimensions, as the ONNX file has them; None where one has no name. Empty where
            none is known, as of a plan.
    """

    name: str
    shape: tuple[int | None, ...]
    dtype: str
    names: tuple[str | None, ...] = field(default=(), compare=False)

    def __str__(self) -> str:
        return f"{self.name!r} {self.dtype} {self.shape_text}"

    @property
    def shape_text(self) -> str:
        """``?x3``, or with names ``batch x 3``."""
        dims = [name if size is None else size for size, name in self.dimensions]
        if not any(isinstance(dim, str) for dim in dims):
            return format_shape(self.shape)
        return " x ".join("?" if dim is None else with_escapes(str(dim)) for dim in dims)

    @property
    def dimensions(self) -> tuple[tuple[int | None, str | None], ...]:
        """Size and name of each; one that is not dynamic has no name."""
        names = self.names if len(self.names) == len(self.shape) else (None,) * len(self.shape)
        return tuple(
            (size, name if size is None else None)
            for size, name in zip(self.shape, names, strict=True)
        )


def format_shape(shape: Sequence[int | None]) -> str:
    """``(None, 3)`` as ``"?x3"``; a scalar is ``"scalar"``."""
    return "x".join("?" if dim is None else str(dim) for dim in shape) or "scalar"


def parse_shape(shape: ShapeLike) -> Shape:
    """``"1x3x224x224"`` or ``(1, 3, 224, 224)`` as a tuple; ``""`` and ``()`` are scalars.

    Raises:
        ShapeError: this is not a shape; every dimension is a whole number of 0 or more.
    """
    dims = _parse_numbers(shape)
    if any(dim < 0 for dim in dims):
        raise ShapeError(f"{brief(shape)} is not a shape: every dimension is 0 or more")
    return dims


def parse_profiles(shapes: Shapes | Sequence[Shapes] | None) -> tuple[dict[str, Profile], ...]:
    """What a user writes for ``shapes=``: one optimization profile, or a list of several.

    One shape stands for min, opt and max; three shapes are min, opt and max in this order.

    Raises:
        ShapeError: naming the tensor whose shapes cannot be read.
    """
    if not shapes:
        return ()
    if isinstance(shapes, Mapping):
        return (_parse_one_profile(shapes, ""),)
    try:
        several = tuple(shapes)
    except TypeError:
        several = ()
    if not several or not all(isinstance(one, Mapping) for one in several):
        raise ShapeError(
            f"shapes={brief(shapes)}: give a mapping from tensors to shapes, or a list of "
            "mappings, one for each optimization profile"
        )
    return tuple(_parse_one_profile(one, f"profile {i}: ") for i, one in enumerate(several))


def _parse_one_profile(shapes: Shapes, where: str) -> dict[str, Profile]:
    profiles: dict[str, Profile] = {}
    for name, value in shapes.items():
        if not isinstance(name, str):
            raise ShapeError(
                f"{where}the keys of shapes= are names of inputs, and {brief(name)} is not"
            )
        try:
            profiles[name] = _parse_profile(value)
        except ShapeError as error:
            raise ShapeError(f"{where}shapes of tensor {brief(name)}: {error}") from None
    return profiles


def _parse_profile(value: Any) -> Profile:
    nested = isinstance(value, (tuple, list)) and any(
        isinstance(item, (str, Sequence)) for item in value
    )
    shapes = [_parse_numbers(one) for one in value] if nested else [_parse_numbers(value)] * 3
    if len(shapes) != 3:
        raise ShapeError(
            f"give one shape, or three (min, opt, max), not {len(shapes)}: {brief(value)}"
        )
    return Profile(*shapes)


def _parse_numbers(shape: ShapeLike) -> Shape:
    """A shape, or the values of a shape tensor, which may be negative."""
    if isinstance(shape, str):
        return _numbers_from_text(shape)
    try:
        numbers = tuple(_whole(number) for number in shape)
    except TypeError:
        numbers = None
    # bytes, mappings and sets may yield numbers, too, but are not shapes.
    if numbers is None or isinstance(shape, (bytes, Mapping, AbstractSet)):
        raise ShapeError(f"{brief(shape)} is not a shape: {_SHAPE_HINT}")
    if not all(number in _INT64 for number in numbers):
        raise ShapeError(f"{brief(shape)} is not a shape: dimensions are 64-bit integers")
    return numbers


def _numbers_from_text(text: str) -> Shape:
    stripped = text.strip()
    if not stripped:
        return ()
    # Eighteen digits fit any dimension TensorRT can hold and keep int() cheap.
    if not re.fullmatch(r"-?[0-9]{1,18}(x-?[0-9]{1,18})*", stripped):
        raise ShapeError(f"{brief(text)} is not a shape: {_SHAPE_HINT}")
    return tuple(int(number) for number in stripped.split("x"))


def _whole(value: SupportsIndex) -> int:
    if isinstance(value, bool):
        raise TypeError("a truth value is not a dimension")
    return operator.index(value)
