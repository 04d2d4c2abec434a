"""Sizes by name and shapes by input -> the shapes of all inputs, or what is missing or wrong."""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pytest_trtperf.engine.dimensions import Range, usual_size
from pytest_trtperf.engine.shapes import Profile, Shape, TensorInfo, format_shape
from pytest_trtperf.errors import ShapeError
from pytest_trtperf.text import brief, nearest


def profiles_of(
    title: str,
    inputs: Sequence[TensorInfo],
    dims: Sequence[Mapping[str, Range]],
    given: Sequence[Mapping[str, Profile]],
) -> tuple[dict[str, Profile], ...]:
    """The optimization profiles that `dims` make, completed by those given as shapes.

    An input that is given has that shape; where both name a size, they have to agree.

    Args:
        title: what a message calls the model.

    Raises:
        ShapeError: a name is unknown, a dynamic dimension is open, or both contradict each other.
    """
    if given and len(given) != len(dims):
        raise ShapeError(
            f"dims= makes {len(dims)} optimization profile(s), and shapes= {len(given)}: give as "
            "many of both"
        )
    return tuple(
        _profile(title, inputs, one, shapes)
        for one, shapes in zip(dims, given or [{}] * len(dims), strict=True)
    )


def _profile(
    title: str,
    inputs: Sequence[TensorInfo],
    dims: Mapping[str, Range],
    given: Mapping[str, Profile],
) -> dict[str, Profile]:
    check_names(title, inputs, dims)
    for place, end in enumerate(("min", "opt", "max")):
        sizes = {name: ends[place] for name, ends in dims.items()}
        _check_agreement(inputs, sizes, {name: getattr(one, end) for name, one in given.items()})
    left = [one for one in _dynamic(inputs) if one.name not in given]
    _check_complete(title, left, dims)
    found = dict(given)
    for tensor in left:
        ends = [_filled(tensor, {n: e[place] for n, e in dims.items()}) for place in range(3)]
        found[tensor.name] = Profile(*ends)
    return found


def shapes_of(
    title: str,
    inputs: Sequence[TensorInfo],
    dims: Mapping[str, int],
    given: Mapping[str, Shape],
    profile: Mapping[str, Profile],
    *,
    may_leave: bool = False,
) -> dict[str, Shape]:
    """The shapes that `dims` make, completed by those given.

    An input that is given has that shape; where both name a size, they have to agree. What the
    profile fixes need not be bound.

    Args:
        title: what a message calls the engine.
        may_leave: whether an input that is not all bound is left out, as its shape may come with
            its values.

    Raises:
        ShapeError: as `profiles_of`.
    """
    check_names(title, inputs, dims)
    _check_agreement(inputs, dims, given)
    left = [with_fixed(one, profile.get(one.name), dims) for one in _dynamic(inputs)]
    left = [one for one in left if one.name not in given]
    if not may_leave:
        _check_complete(title, left, dims, profile)
    bound = [one for one in left if not _open_dims(one, dims)]
    return {**given, **{one.name: _filled(one, dims) for one in bound}}


def to_paste(inputs: Iterable[TensorInfo], profile: Mapping[str, Profile] | None = None) -> str:
    """The arguments that give dynamic inputs their sizes, as a user may write them."""
    listed = [*_dynamic(inputs)]
    shapes = _proposed_shapes(listed, profile or {})
    by_shape = f"shapes={_mapping(shapes)}"
    if any("?" in _open_dims(one, ()) for one in listed):
        return by_shape
    return f"dims={_mapping(_proposed_sizes(listed, shapes))}, or {by_shape}"


def check_names(title: str, inputs: Sequence[TensorInfo], names: Iterable[str]) -> None:
    """Refuses names that no dynamic dimension has.

    Raises:
        ShapeError: says which there are, and which was meant.
    """
    known = [*dict.fromkeys(name for one in inputs for _, name in one.dimensions if name)]
    unknown = [name for name in names if name not in known]
    if not unknown:
        return
    listing = f"the inputs are {'; '.join(map(str, inputs)) or 'none'}"
    if not any(_dynamic(inputs)):
        raise ShapeError(f"{title} has no dynamic dimension: leave dims= out; {listing}")
    if not known:
        raise ShapeError(
            f"{title} has no names of dynamic dimensions that dims= could bind (a plan keeps "
            f"none): write {to_paste(inputs)} in its place; {listing}"
        )
    near = nearest(unknown[0], known)
    remedy = f"did you mean {near!r}? " if near else ""
    raise ShapeError(
        f"{title} has no dynamic dimension named {', '.join(map(brief, unknown))}: {remedy}"
        f"{listing}"
    )


def unequal_names(shapes: Mapping[str, Shape], inputs: Sequence[TensorInfo]) -> str | None:
    """How dimensions of one name differ in size, which TensorRT refuses; None where none do."""
    seen: dict[str, tuple[int, str]] = {}
    for one in inputs:
        for axis, (size, (_, name)) in enumerate(
            zip(shapes.get(one.name, ()), one.dimensions, strict=False)
        ):
            where = f"{size} in dimension {axis} of {one.name!r}"
            if name is not None and seen.setdefault(name, (size, where))[0] != size:
                return (
                    f"the file calls two dimensions {name!r}, which TensorRT takes as equal sizes, "
                    f"and they are {seen[name][1]} and {where}: give equal sizes, or export the "
                    "model with a name for each"
                )
    return None


def _dynamic(inputs: Iterable[TensorInfo]) -> Iterator[TensorInfo]:
    return (one for one in inputs if None in one.shape)


def _open_dims(tensor: TensorInfo, bound: Container[object]) -> list[str]:
    """The dynamic dimensions that are not bound; ``?`` is one without a name."""
    return [name or "?" for size, name in tensor.dimensions if size is None and name not in bound]


def _check_complete(
    title: str,
    inputs: Sequence[TensorInfo],
    given: Mapping[str, Any],
    profile: Mapping[str, Profile] | None = None,
) -> None:
    """Refuses dynamic dimensions that are left open, all in one message."""
    lacking = [one for one in inputs if _open_dims(one, given)]
    if not lacking:
        return
    names = dict.fromkeys(name for one in lacking for name in _open_dims(one, given))
    listed, shapes = "; ".join(map(str, lacking)), _proposed_shapes(lacking, profile or {})
    if "?" in names:
        raise ShapeError(
            f"{title}: dims= cannot bind dimensions without a name (?) of {listed}: give these "
            f"inputs in shapes={_mapping(shapes)}"
        )
    whole = {**_proposed_sizes(lacking, shapes), **given}
    raise ShapeError(
        f"{title}: dims= leaves {', '.join(names)} open, of {listed}: write dims={_mapping(whole)}"
    )


def _check_agreement(
    inputs: Sequence[TensorInfo], dims: Mapping[str, int], given: Mapping[str, Shape]
) -> None:
    for one in inputs:
        for size, (_, name) in zip(given.get(one.name, ()), one.dimensions, strict=False):
            if name is not None and dims.get(name, size) != size:
                raise ShapeError(
                    f"shapes= gives {one} the shape {format_shape(given[one.name])}, where "
                    f"{name} is {size}, and dims= has {name}={dims[name]}: drop one of the two"
                )


def with_fixed(tensor: TensorInfo, profile: Profile | None, bound: Container[object]) -> TensorInfo:
    """The input with the sizes that its profile fixes and nothing else binds."""
    if profile is None or len(profile.min) != len(tensor.shape):
        return tensor
    ends = zip(tensor.dimensions, profile.min, profile.max, strict=True)
    shape = tuple(
        low if size is None and low == high and name not in bound else size
        for (size, name), low, high in ends
    )
    return replace(tensor, shape=shape)


def _filled(tensor: TensorInfo, dims: Mapping[str, int]) -> Shape:
    return tuple(dims[str(name)] if size is None else size for size, name in tensor.dimensions)


def _proposed_shapes(
    inputs: Iterable[TensorInfo], profile: Mapping[str, Profile]
) -> dict[str, Shape]:
    """Of each input the optimum of its profile, else what is usual."""
    return {
        one.name: profile[one.name].opt if one.name in profile else _usual_shape(one)
        for one in inputs
    }


def _usual_shape(tensor: TensorInfo) -> Shape:
    return tuple(
        usual_size(name, axis) if size is None else size
        for axis, (size, name) in enumerate(tensor.dimensions)
    )


def _proposed_sizes(inputs: Iterable[TensorInfo], shapes: Mapping[str, Shape]) -> dict[str, int]:
    found: dict[str, int] = {}
    for one in inputs:
        for size, (_, name) in zip(shapes[one.name], one.dimensions, strict=False):
            if name is not None:
                found.setdefault(name, size)
    return found


def _mapping(values: Mapping[str, Any]) -> str:
    """As Python has it, in the quotes that formatters like."""
    items = (f"{json.dumps(name, ensure_ascii=False)}: {value!r}" for name, value in values.items())
    return f"{{{', '.join(items)}}}"
