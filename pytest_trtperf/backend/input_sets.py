"""Several sets of inputs, which the queries of a session take in turns."""

from __future__ import annotations

import glob
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import numpy as np

from pytest_trtperf.backend.given_inputs import InputValue, fit_input, inputs_digest, read_inputs
from pytest_trtperf.backend.session import GivenInputs, input_values
from pytest_trtperf.engine.shapes import Shape, TensorInfo
from pytest_trtperf.errors import MeasurementError, ShapeError, TrtPerfError

_WHY = "sets that queries take in turns"

FedInputs: TypeAlias = "GivenInputs | Sequence[GivenInputs]"
"""The values that a test gives: one set, or several."""


def input_sets(inputs: FedInputs | None) -> Sequence[GivenInputs]:
    """The sets, of which there is always one; it is empty where no values are given."""
    if inputs is None:
        return [{}]
    return [inputs] if isinstance(inputs, Mapping) else inputs


def as_fed(sets: Sequence[GivenInputs]) -> FedInputs:
    """The inverse: one set is no sequence, so that a backend need not know of several."""
    return sets[0] if len(sets) == 1 else tuple(sets)


def read_input_sets(given: object, find: Callable[[Path], Path] = Path) -> Sequence[GivenInputs]:
    """The sets that a user gave as `parse_inputs` has them, see `read_inputs`.

    Raises:
        MeasurementError: as there; or a pattern matches no file.
    """
    several = given if isinstance(given, tuple) else () if given is None else (given,)
    expanded = [one for each in several for one in _expanded(each, find)]
    if not expanded:
        return [{}]
    sets = []
    for place, one in enumerate(expanded):
        with of_set(place, expanded):
            sets.append(read_inputs(one, find))
    return sets


def _expanded(
    given: Mapping[str, object] | Path, find: Callable[[Path], Path]
) -> Iterator[Mapping[str, object] | Path]:
    """The files of a pattern, sorted; anything else as it is."""
    if not isinstance(given, Path) or not glob.has_magic(given.name) or find(given).exists():
        yield given
        return
    files = sorted(find(given.parent).glob(given.name))
    if not files:
        raise MeasurementError(f"{given}: matches no file; check the pattern in inputs=")
    yield from (file.absolute() for file in files)


def fed_values(
    inputs: Sequence[TensorInfo],
    shapes: Mapping[str, Shape],
    sets: Sequence[GivenInputs],
    seed: int,
    rows: Mapping[str, int] | None = None,
) -> list[dict[str, np.ndarray]]:
    """What each input is fed with, by set; what is generated is the same in all.

    Args:
        rows: see `LoadedEngine`.

    Raises:
        MeasurementError, ShapeError: values that do not fit an input; with several sets it says in
            which, and that all give the same inputs in the same shapes.
    """
    if len(sets) == 1:
        return [input_values(inputs, shapes, sets[0], seed, rows)]
    _check_alike(sets)
    with of_set(0, sets):
        first = input_values(inputs, shapes, sets[0], seed, rows)
    found = [first]
    for place, given in enumerate(sets[1:], 1):
        with of_set(place, sets):
            own = {
                one.name: fit_input(one, shapes[one.name], given[one.name])
                for one in inputs
                if one.name in given
            }
        found.append({**first, **own})
    return found


def _check_alike(sets: Sequence[GivenInputs]) -> None:
    """Refuses sets that cannot take turns in one session.

    Raises:
        MeasurementError: they give other inputs.
        ShapeError: they give other shapes.
    """
    for place, given in enumerate(sets[1:], 1):
        if set(given) != set(sets[0]):
            raise MeasurementError(
                f"inputs[{place}] gives {_listed(given)}, and inputs[0] {_listed(sets[0])}: {_WHY} "
                "give the same inputs"
            )
        for name, value in given.items():
            here, first = _shape(value), _shape(sets[0][name])
            if here != first:
                raise ShapeError(
                    f"inputs[{place}]: {name!r} has {here}, and {first} in inputs[0]: {_WHY} have "
                    "the same shapes; pad them, or measure each shape on its own"
                )


def check_same_shapes(
    shape_tensors: Collection[str], values: Sequence[Mapping[str, np.ndarray]]
) -> None:
    """Refuses sets whose values make other shapes of tensors.

    Args:
        shape_tensors: the inputs whose values decide shapes.

    Raises:
        MeasurementError: names the set and the input.
    """
    for place, of_one in enumerate(values[1:], 1):
        for name in shape_tensors:
            if name in of_one and not np.array_equal(of_one[name], values[0][name]):
                raise MeasurementError(
                    f"inputs[{place}]: {name!r} is a shape tensor, whose values decide shapes, and "
                    f"has others in inputs[0]: {_WHY} have the same shapes; measure each on its own"
                )


def _listed(given: GivenInputs) -> str:
    return ", ".join(map(repr, sorted(given))) or "none"


def _shape(value: InputValue) -> str:
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    return f"the shape {'x'.join(map(str, value.shape)) or 'scalar'}"


@contextmanager
def of_set(place: int, sets: Sequence[object]) -> Iterator[None]:
    """Errors of the block say in which of several sets; one alone needs no name."""
    try:
        yield
    except TrtPerfError as error:
        if len(sets) == 1:
            raise
        raise type(error)(f"inputs[{place}]: {error}") from error


def describe_inputs(
    sets: Sequence[GivenInputs], values: Sequence[Mapping[str, np.ndarray]], seed: int
) -> dict[str, int | str]:
    """What a mode records of the inputs: the seed, or a digest of given values, in their order."""
    digests = [
        inputs_digest({name: fed[name] for name in given}) if given else "seeded"
        for given, fed in zip(sets, values, strict=True)
    ]
    if len(digests) == 1:
        return {"inputs": digests[0], "seed": seed}
    whole = inputs_digest({"": np.frombuffer("".join(digests).encode(), np.uint8)})
    return {"inputs": whole, "input_sets": len(digests), "seed": seed}
