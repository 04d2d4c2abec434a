"""Dimensions by the names that the ONNX file gives them, and the sizes that `dims=` binds."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from pytest_trtperf.engine.shapes import TensorInfo
from pytest_trtperf.errors import ShapeError
from pytest_trtperf.onnx_file.outline import outline
from pytest_trtperf.text import brief

Dims: TypeAlias = "Mapping[str, int | Sequence[int]]"
"""What a user writes for one profile: the size of each dimension, or its min, opt and max."""

Sizes: TypeAlias = "Mapping[str, int]"
"""What a user writes for a measurement."""

Range = tuple[int, int, int]

_USUAL_SIZES = (
    (r"n|b|bs|batch.*|.*batch(_?size)?", 8),
    (r"h|w|height|width|.*_(h|w|height|width)", 224),
    (r".*(seq|len|time|token|frame|step|past|src|tgt|word|char).*", 128),
)
"""A pattern of the name of a dimension, in lower case, and the size that is proposed."""

_OTHER_SIZE = 16
_NUMBERED = r"(?i:.*dynamicdimension.*|.*dynamic_axes_\d+|unk_+\d+|dim_?\d+)"
"""Names that exporters make up."""

_STATE = r"state|hidden|h_?\d*|c_?\d*|[hc]n|.*_(state|hidden|h|c)"
"""What states of recurrent layers are called, whose shape is layers x batch x width."""
_BATCH = _USUAL_SIZES[0][0]


def usual_size(name: str | None, axis: int | None = None) -> int:
    """The size to propose for a dimension; the first one without a name is taken for the batch."""
    label = (name or ("batch" if axis == 0 else "")).lower()
    fitting = (n for pattern, n in _USUAL_SIZES if re.fullmatch(pattern, label))
    return next(fitting, _OTHER_SIZE)


def size_label(tensor: str, shape: Sequence[int | str | None], axis: int) -> str:
    """What a dimension without a name may be called, by the input that it is of."""
    if axis == 0:
        return "batch"
    if len(shape) == 3 and axis == 1 and re.fullmatch(_STATE, tensor.lower()):
        return "batch"
    if len(shape) == 4 and axis > 1 and shape[1] in (1, 3):
        return "height" if axis == 2 else "width"
    return f"{tensor}_{axis}"


def proposed_size(tensor: str, shape: Sequence[int | str | None], axis: int) -> int:
    """The size to propose for a dynamic dimension, by its name or by where it is."""
    name = shape[axis]
    if not isinstance(name, str) or re.fullmatch(_NUMBERED, name):
        name = size_label(tensor, shape, axis)
    return usual_size(name)


def is_batch(label: str) -> bool:
    """Whether a dimension of this name is the batch."""
    return re.fullmatch(_BATCH, label.lower()) is not None


def sweeps_batches(variable: str) -> bool:
    """Whether the values of a sweep are batch sizes: so many samples has each of its queries."""
    return variable == "batch_size" or is_batch(variable)


def model_inputs(onnx: Path) -> list[TensorInfo]:
    """The inputs of a model as its file has them; none where it cannot be read so."""
    found = outline(onnx, with_operators=False)
    if found.problem:
        return []
    return [
        TensorInfo(
            name,
            tuple(dim if isinstance(dim, int) else None for dim in found.shapes[name]),
            found.tensors[name].partition(" ")[0],
            tuple(dim if isinstance(dim, str) else None for dim in found.shapes[name]),
        )
        for name in found.inputs
        if name in found.shapes
    ]


def parse_dims(dims: Dims | Sequence[Dims] | None) -> tuple[dict[str, Range], ...]:
    """What a user writes for ``dims=``: of one optimization profile, or a list of several.

    Raises:
        ShapeError: naming the dimension whose sizes cannot be read.
    """
    if not dims:
        return ()
    if isinstance(dims, Mapping):
        return ({name: _range(name, value) for name, value in _named(dims)},)
    if not isinstance(dims, (list, tuple)) or not all(isinstance(one, Mapping) for one in dims):
        raise ShapeError(
            f"dims={brief(dims)}: give a mapping from names of dimensions to sizes, or a list of "
            "mappings, one for each optimization profile"
        )
    return tuple({name: _range(name, value) for name, value in _named(one)} for one in dims)


def parse_sizes(dims: Mapping[str, Any]) -> dict[str, int]:
    """The same where one size of each dimension is measured.

    Raises:
        ShapeError: naming the dimension whose size is none.
    """
    if not isinstance(dims, Mapping):
        raise ShapeError(f"dims={brief(dims)}: give a mapping from names of dimensions to sizes")
    return {name: _size(name, value, "a whole number of 0 or more") for name, value in _named(dims)}


def _named(dims: Mapping[Any, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in dims.items():
        if not isinstance(name, str) or not name:
            raise ShapeError(f"the keys of dims= are names of dimensions, and {brief(name)} is not")
        yield name, value


def _range(name: str, value: Any) -> Range:
    is_several = isinstance(value, (list, tuple))
    if is_several and len(value) != 3:
        raise ShapeError(
            f"dims= of {brief(name)}: give one size, or three (min, opt, max), not {brief(value)}"
        )
    what = "a whole number of 0 or more, or three of them (min, opt, max)"
    sizes = [_size(name, one, what) for one in (value if is_several else [value] * 3)]
    if sizes != sorted(sizes):
        raise ShapeError(f"dims= of {brief(name)}: min <= opt <= max does not hold: {brief(value)}")
    return sizes[0], sizes[1], sizes[2]


def _size(name: str, value: Any, what: str) -> int:
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise ShapeError(f"dims= of {brief(name)}: expected {what}, got {brief(value)}")
    size = value.__index__()
    if not 0 <= size < 2**63:
        raise ShapeError(f"dims= of {brief(name)}: expected {what}, got {brief(value)}")
    return int(size)
