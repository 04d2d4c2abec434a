"""What the sessions of all backends have in common: a mode and concrete shapes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pytest_trtperf.engine.spec import Profile, Shape, TensorInfo, format_shape
from pytest_trtperf.errors import ShapeError


@dataclass(frozen=True)
class Mode:
    """How queries are issued: trtexec's switches, each stored with the baseline."""

    transfers: bool = True
    spin_wait: bool = True
    cuda_graph: bool = False
    concurrency: int = 2
    seed: int = 0


def resolve_shapes(
    inputs: Sequence[TensorInfo],
    given: Mapping[str, Shape],
) -> dict[str, Shape]:
    """A concrete shape for each input: the given one, or the model's own where it is static.

    Raises:
        ShapeError: an unknown name, another rank, another static dimension, or a dynamic input
            without a shape; lists the inputs as they are.
    """
    known = {tensor.name: tensor for tensor in inputs}
    listing = "; ".join(str(tensor) for tensor in inputs)
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise ShapeError(f"no input named {', '.join(unknown)}; the inputs are {listing}")
    return {name: _resolve(tensor, given.get(name), listing) for name, tensor in known.items()}


def check_profiles(inputs: Sequence[TensorInfo], profiles: Mapping[str, Profile]) -> None:
    """Refuses profiles that do not fit the inputs, as a build would.

    Raises:
        ShapeError: as `resolve_shapes`, for the min, opt or max of a profile.
    """
    for end in ("min", "opt", "max"):
        resolve_shapes(inputs, {name: getattr(range, end) for name, range in profiles.items()})


def check_range(name: str, shape: Shape, low: Shape, high: Shape) -> None:
    """Refuses a shape outside of its optimisation profile.

    Raises:
        ShapeError: names the input, its shape and the profile.
    """
    if not all(a <= size <= b for a, size, b in zip(low, shape, high, strict=True)):
        raise ShapeError(
            f"shape {format_shape(shape)} of input {name!r} is outside the profile: "
            f"min {format_shape(low)}, max {format_shape(high)}; "
            "widen shapes= of trt_engine or measure another shape"
        )


def _resolve(tensor: TensorInfo, given: Shape | None, listing: str) -> Shape:
    static = tuple(dim for dim in tensor.shape if dim is not None)
    if given is None:
        if len(static) < len(tensor.shape):
            raise ShapeError(
                f"input {tensor.name!r} is dynamic: pass shapes={{{tensor.name!r}: …}}; "
                f"the inputs are {listing}"
            )
        return static
    if len(given) != len(tensor.shape) or any(
        dim not in (None, size) for dim, size in zip(tensor.shape, given, strict=True)
    ):
        raise ShapeError(
            f"shape {format_shape(given)} does not fit input {tensor}; the inputs are {listing}"
        )
    return given
