"""What the sessions of all backends have in common: a mode, concrete shapes, device memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from pytest_trtperf.backend.generated_inputs import random_input
from pytest_trtperf.backend.given_inputs import (
    InputValue,
    check_input_names,
    fit_input,
    given_shape,
)
from pytest_trtperf.engine.bound_shapes import to_paste
from pytest_trtperf.engine.shapes import Profile, Shape, TensorInfo, format_shape
from pytest_trtperf.errors import ShapeError

GivenInputs = Mapping[str, InputValue]


@dataclass(frozen=True)
class DeviceMemory:
    """Bytes that stay with the engine, those of a session's contexts, and the most at a time.

    The peak is that of loading the engine or of the contexts on top of it; other sessions on the
    same engine do not count, so that it does not depend on which tests are run.
    """

    engine_bytes: int
    contexts_bytes: int
    peak_bytes: int


KernelState: TypeAlias = Literal["cached", "fresh", "unknown"]
"""Of a session's kernels; `unknown` only where a record or a baseline of the older form is read."""


@dataclass(frozen=True)
class Kernels:
    """The kernels that TensorRT for RTX compiled up to a session's first query.

    Attributes:
        state: `cached` if all came from the runtime cache, `fresh` if some were compiled anew.
        digest: of all in the runtime cache, whatever their order; None where it is not known.
        stages: digests of what it held since it was empty, and of what it holds now, the last.
        kept: False if new ones could not be stored, so that the next session compiles them, too.
    """

    state: KernelState
    digest: str | None = None
    stages: tuple[str, ...] = ()
    kept: bool = True


@dataclass(frozen=True)
class Mode:
    """How queries are issued: trtexec's switches, each stored with the baseline.

    Attributes:
        streams: inference streams, each with a context, buffers and CUDA streams of its own.
        concurrency: queries in flight on each stream; None is 2 on a GPU, so that copies overlap
            compute as in trtexec (1 is its --exposeDMA), and 1 on the CPU.
        seed: of generated inputs.
        kernels: `cached` gives a session the kernels that an earlier one compiled, `fresh` gives it
            none. For TensorRT for RTX alone, see `describe_kernels`.
    """

    transfers: bool = True
    spin_wait: bool = True
    cuda_graph: bool = False
    streams: int = 1
    concurrency: int | None = None
    seed: int = 0
    kernels: Literal["cached", "fresh"] = "cached"


def resolve_shapes(
    inputs: Sequence[TensorInfo],
    given: Mapping[str, Shape],
    values: GivenInputs | None = None,
    profile: Mapping[str, Profile] | None = None,
) -> dict[str, Shape]:
    """A concrete shape for each input: the given one, that of its values, or the model's own.

    Args:
        profile: an input that it leaves one shape alone need not be given.

    Raises:
        ShapeError: an unknown name, another rank, another static dimension, or dynamic inputs
            without a shape; lists the inputs as they are.
    """
    known = {tensor.name: tensor for tensor in inputs}
    listing = "; ".join(str(tensor) for tensor in inputs)
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise ShapeError(f"no input named {', '.join(unknown)}; the inputs are {listing}")
    check_input_names(values or {}, inputs)
    of_values = {name: given_shape(value) for name, value in (values or {}).items()}
    only = {name: one.min for name, one in (profile or {}).items() if one.min == one.max}
    shapes = {**only, **{n: s for n, s in of_values.items() if s is not None}, **given}
    open_ones = [one for one in inputs if None in one.shape and one.name not in shapes]
    if open_ones:
        raise ShapeError(
            f"{_are_dynamic(open_ones)}: pass {to_paste(open_ones, profile)}; "
            f"the inputs are {listing}"
        )
    return {name: _resolve(tensor, shapes.get(name), listing) for name, tensor in known.items()}


def _are_dynamic(inputs: Sequence[TensorInfo]) -> str:
    names = ", ".join(repr(one.name) for one in inputs)
    return f"input {names} is dynamic" if len(inputs) == 1 else f"inputs {names} are dynamic"


def input_values(
    inputs: Sequence[TensorInfo],
    shapes: Mapping[str, Shape],
    given: GivenInputs,
    seed: int,
    rows: Mapping[str, int] | None = None,
) -> dict[str, np.ndarray]:
    """What each input is fed with: the given values, else generated ones.

    Args:
        rows: see `LoadedEngine`.

    Raises:
        MeasurementError, ShapeError: values that do not fit an input.
    """
    return {
        tensor.name: fit_input(tensor, shapes[tensor.name], given[tensor.name])
        if tensor.name in given
        else random_input(
            tensor.name, shapes[tensor.name], tensor.dtype, seed, (rows or {}).get(tensor.name)
        )
        for tensor in inputs
    }


def all_empty(returned: Sequence[Mapping[str, Shape | None]]) -> dict[str, Shape]:
    """The shapes of the first query's outputs, if no query returned a value in any; else none.

    Args:
        returned: the shape of each output of each query; None of what is no tensor.
    """
    shapes = [shape for outputs in returned for shape in outputs.values()]
    if any(shape is None or 0 not in shape for shape in shapes):
        return {}
    return {name: shape for name, shape in returned[0].items() if shape is not None}


def describe_kernels(kernels: Kernels | None, mode: Mode) -> dict[str, str]:
    """What a mode records of kernels: only that they are fresh, where the runtime compiles any."""
    return {"kernels": mode.kernels} if kernels and mode.kernels == "fresh" else {}


def check_profiles(inputs: Sequence[TensorInfo], profiles: Mapping[str, Profile]) -> None:
    """Refuses profiles that do not fit the inputs, as a build would.

    Raises:
        ShapeError: as `resolve_shapes`, for the min, opt or max of a profile.
    """
    for end in ("min", "opt", "max"):
        resolve_shapes(inputs, {name: getattr(range, end) for name, range in profiles.items()})


def check_range(name: str, shape: Shape, low: Shape, high: Shape) -> None:
    """Refuses a shape outside of its optimization profile.

    Raises:
        ShapeError: names the input, its shape and the profile.
    """
    if not all(a <= size <= b for a, size, b in zip(low, shape, high, strict=True)):
        raise ShapeError(
            f"shape {format_shape(shape)} of input {name!r} is outside the profile: "
            f"min {format_shape(low)}, max {format_shape(high)}; "
            "widen dims= or shapes= of trt_engine, or measure another shape"
        )


def _resolve(tensor: TensorInfo, given: Shape | None, listing: str) -> Shape:
    if given is None:
        return tuple(dim for dim in tensor.shape if dim is not None)
    if len(given) != len(tensor.shape) or any(
        size < 0 or dim not in (None, size) for dim, size in zip(tensor.shape, given, strict=True)
    ):
        raise ShapeError(
            f"shape {format_shape(given)} does not fit input {tensor}; the inputs are {listing}"
        )
    return given
