"""What every backend's engine and session have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pytest_trtperf.engine.spec import Shape, TensorInfo, format_shape
from pytest_trtperf.errors import ShapeError


@dataclass(frozen=True)
class Mode:
    """How queries are issued: trtexec's switches, each stored with the baseline."""

    transfers: bool = True
    spin_wait: bool = True
    cuda_graph: bool = False
    concurrency: int = 2
    seed: int = 0


class Session(Protocol):
    """An engine with concrete shapes and buffers.

    `mode` holds what applies to the backend, as it is stored; `metrics` are trtexec's names.
    """

    shapes: Mapping[str, Shape]
    mode: Mapping[str, bool | int | str]

    def close(self) -> None: ...


class LoadedEngine(Protocol):
    """A deserialised plan, ready to make sessions."""

    inputs: Sequence[TensorInfo]
    outputs: Sequence[TensorInfo]

    def create_session(self, shapes: Mapping[str, Shape], mode: Mode) -> Any: ...

    def close(self) -> None: ...


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
            f"shape {format_shape(given)} does not fit input {tensor}; "
            f"the inputs are {listing}"
        )
    return given
