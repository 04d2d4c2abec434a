"""Shapes with another batch, wherever the inputs have it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pytest_trtperf.engine.bound_shapes import check_names, to_paste, with_fixed
from pytest_trtperf.engine.dimensions import is_batch
from pytest_trtperf.engine.shapes import Profile, Shape, TensorInfo, parse_shape
from pytest_trtperf.errors import ShapeError


def with_batch(
    title: str,
    inputs: Sequence[TensorInfo],
    shapes: Mapping[str, Any] | None,
    batch_size: int,
    dims: Mapping[str, int] | None = None,
    profile: Mapping[str, Profile] | None = None,
    *,
    may_leave: bool = False,
) -> dict[str, Shape]:
    """Shapes with another batch: the dimensions of its name, or the first where it has none.

    The name is that of a batch, such as `N` or `batch_size`; without such a name it is what the
    first dynamic dimensions are called. So `state: 2 x batch x 128` keeps its layout.

    Args:
        title: what a message calls the engine.
        dims: sizes of other dimensions, by name.
        profile: what it fixes need not be given.
        may_leave: whether an input that stays open is left out, as its values bring its shape.

    Raises:
        ShapeError: more than the batch is dynamic and not given, or no batch is.
    """
    others = dict(dims or {})
    check_names(title, inputs, others)
    names = _batch_names(inputs)
    if bound := sorted(names & others.keys()):
        raise ShapeError(f"batch_sizes= and dims= both size {bound[0]!r}: drop one of the two")
    given = {name: parse_shape(shape) for name, shape in (shapes or {}).items()}
    resolved: dict[str, Shape] = dict(given)
    has_batch = False
    for tensor in (one for one in inputs if None in one.shape):
        places = {*_places(tensor, names)}
        has_batch = has_batch or bool(places)
        plain = with_fixed(tensor, (profile or {}).get(tensor.name), {*names, *others})
        known = given.get(tensor.name, ())
        sizes = [
            batch_size if axis in places
            else known[axis] if axis < len(known)
            else others.get(name or "") if size is None
            else size
            for axis, (size, name) in enumerate(plain.dimensions)
        ]  # fmt: skip
        if None not in sizes:
            resolved[tensor.name] = tuple(size for size in sizes if size is not None)
        elif places and not may_leave:
            raise ShapeError(
                f"input {tensor} has more dynamic dimensions than the batch: pass shapes=, or the "
                f"other sizes of {to_paste([tensor], profile)}"
            )
    if not has_batch:
        raise ShapeError("no input has a dynamic first dimension, so there is no batch to sweep")
    return resolved


def _batch_names(inputs: Sequence[TensorInfo]) -> set[str]:
    found = {name for one in inputs for _, name in one.dimensions if name and is_batch(name)}
    return found or {one.dimensions[0][1] or "" for one in inputs if one.shape} - {""}


def _places(tensor: TensorInfo, names: set[str]) -> Iterator[int]:
    for axis, (size, name) in enumerate(tensor.dimensions):
        if size is None and (name in names or (axis == 0 and name is None)):
            yield axis
