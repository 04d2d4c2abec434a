"""Whether an engine returns what a reference returns, so that a fast wrong one fails."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import Protocol

import numpy as np

from pytest_trtperf.engine.backends import ONNXRUNTIME
from pytest_trtperf.engine.onnx_external import external_files
from pytest_trtperf.engine.spec import (
    Shape,
    ShapeLike,
    TensorInfo,
    format_shape,
    is_plan,
    parse_shape,
)
from pytest_trtperf.errors import EngineLoadError, MeasurementError
from pytest_trtperf.runtime.dtypes import ITEM_SIZES, is_held_as_bits, numbers
from pytest_trtperf.runtime.inputs import parse_inputs, read_inputs
from pytest_trtperf.runtime.onnx_runtime import OnnxRuntimeEngine
from pytest_trtperf.runtime.session import GivenInputs, Mode, input_values, resolve_shapes

# About twenty roundings of the type, and of TF32 for float32, which TensorRT multiplies in by
# default: what errors add up to over a hundred layers. Four of float8's, which has three bits.
RTOL = {
    "float64": 1e-6, "float32": 1e-2, "float16": 1e-2, "bfloat16": 8e-2,
    "float8_e4m3fn": 0.25,
}  # fmt: skip


class AccuracyAssertionError(AssertionError):
    """An engine's outputs are not those of the reference, or there was nothing to compare."""


class Session(Protocol):
    """What both run in."""

    def output_values(self) -> dict[str, np.ndarray]:
        """What a query returned, by output."""

    def close(self) -> None:
        """Frees it."""


class Comparable(Protocol):
    """An engine of any backend."""

    @property
    def inputs(self) -> Sequence[TensorInfo]:
        """Its inputs."""

    @property
    def outputs(self) -> Sequence[TensorInfo]:
        """Its outputs."""

    def create_session(
        self, shapes: Mapping[str, Shape], mode: Mode, inputs: GivenInputs | None = None
    ) -> Session:
        """A session that has run one query."""


@dataclass(frozen=True)
class Side:
    """One side of a comparison, and what a message calls it."""

    name: str
    engine: Comparable


def reference_of(onnx: Path | None, reference: object, find: Callable[[Path], Path] = Path) -> Side:
    """The reference that a user names.

    Args:
        onnx: the file of the engine that it is compared with; None for that of a plan.
        reference: ``"onnxruntime"`` for ONNX Runtime on that file, or the path of another ONNX
            file for it.
        find: where that path is.

    Raises:
        EngineLoadError: the engine is a plan, and nobody named its ONNX file.
        BackendUnavailable: onnxruntime is not installed.
        EngineBuildError: the file is missing or broken, or ONNX Runtime refuses it.
        ValueError: it is neither.
    """
    if reference == ONNXRUNTIME:
        if onnx is None:
            raise EngineLoadError(
                "a plan, which ONNX Runtime cannot run, has no reference of its own: pass "
                "reference= with the path of its ONNX file, or with another engine"
            )
        reference = onnx
    if not isinstance(reference, (str, Path)) or not _may_be_a_file(reference, find):
        raise ValueError(
            f"reference={reference!r}: it takes 'onnxruntime', the path of an ONNX file, or an "
            "engine of trt_engine"
        )
    file = find(Path(reference))
    if is_plan(file):
        raise ValueError(
            f"reference={str(reference)!r} is a plan, which ONNX Runtime cannot run: pass the path "
            "of its ONNX file, or trt_engine(…) of the plan"
        )
    external_files(file)
    # What the file says; optimised, some releases end the process on float16 transformers.
    return Side(f"{file.name} on {ONNXRUNTIME}", OnnxRuntimeEngine(file, optimizes=False))


def _may_be_a_file(reference: str | Path, find: Callable[[Path], Path]) -> bool:
    """A mere word is the name of a backend that there is not, unless there is such a file."""
    path = Path(reference)
    return isinstance(reference, Path) or bool(path.suffix) or find(path).exists()


def assert_close(
    subject: Side,
    reference: Side,
    *,
    shapes: Mapping[str, ShapeLike] | None = None,
    inputs: object = None,
    seed: int = 0,
    rtol: float | None = None,
    atol: float | None = None,
    find: Callable[[Path], Path] = Path,
) -> None:
    """Runs both with the same inputs and fails where an output differs.

    A value passes if ``|value - reference| <= atol + rtol * |reference|``. Whole numbers and
    truth values have to be equal unless a tolerance is given. NaN equals NaN, and an infinity the
    same infinity.

    Args:
        shapes: of dynamic inputs, as for a measurement.
        inputs: values of inputs, as for a measurement; the others are generated from `seed`.
        rtol: `RTOL` of the output's type by default, of the coarser one where they differ.
        atol: by default `rtol` times the root mean square of the reference's output, so that what
            is near zero is judged by the scale of its neighbours.
        find: where the paths of inputs are.

    Raises:
        AccuracyAssertionError: naming each output that differs, by how much and where; or all are
            empty.
        ShapeError, MeasurementError: shapes or inputs do not fit, or a query failed.
        ValueError: a tolerance is negative or no number.
    """
    __tracebackhide__ = True
    for name, tolerance in {"rtol": rtol, "atol": atol}.items():
        if tolerance is not None and not _is_tolerance(tolerance):
            raise ValueError(f"{name}={tolerance!r}: it takes a number from 0")
    given = {} if inputs is None else read_inputs(parse_inputs(inputs), find)
    wanted = {name: parse_shape(shape) for name, shape in (shapes or {}).items()}
    resolved = resolve_shapes(subject.engine.inputs, wanted, given)
    ours, theirs = _same_inputs(subject, reference, resolved, given, seed)
    returned = _outputs(subject, resolved, ours, seed)
    expected = _outputs(reference, {}, theirs, seed)
    found = _differences(subject, reference, returned, expected, rtol, atol)
    shown = ", ".join(f"{name} {format_shape(shape)}" for name, shape in resolved.items()) or "none"
    if found:
        raise AccuracyAssertionError(
            f"{subject.name} differs from {reference.name} in {len(found)} of {len(expected)} "
            f"outputs (inputs: {shown}):\n" + "\n".join(found)
        )
    if not any(values.size for values in expected.values()):
        raise AccuracyAssertionError(
            f"no value was compared: all outputs of {reference.name} are empty (inputs: {shown}); "
            "pass shapes= or inputs= with which the model returns values"
        )


def _same_inputs(
    subject: Side,
    reference: Side,
    shapes: Mapping[str, Shape],
    given: GivenInputs,
    seed: int,
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """What each is given, the same numbers in the type that it takes.

    Numbers that the reference's type rounds are rounded for both. What the subject's session
    generates from the seed by itself is not among what it is given.
    """
    inputs = subject.engine.inputs
    values = input_values(inputs, shapes, given, seed)
    takes = {tensor.name: tensor.dtype for tensor in reference.engine.inputs}
    if set(takes) != set(values):
        raise MeasurementError(
            f"{reference.name} has the inputs {', '.join(map(repr, sorted(takes))) or 'none'}, "
            f"{subject.name} has {', '.join(map(repr, sorted(values))) or 'none'}: "
            "only engines with the same inputs can be compared"
        )
    ours = {name: values[name] for name in given}
    theirs: dict[str, np.ndarray] = {}
    for tensor in inputs:
        name, here, there = tensor.name, tensor.dtype, takes[tensor.name]
        theirs[name] = _converted(name, values[name], here, there)
        if not np.array_equal(numbers(theirs[name], there), numbers(values[name], here)):
            ours[name] = _converted(name, theirs[name], there, here)
    return ours, theirs


def _converted(name: str, values: np.ndarray, dtype: str, wanted: str) -> np.ndarray:
    if dtype == wanted:
        return values
    told = numbers(values, dtype)
    converted = None
    if wanted in ITEM_SIZES and not is_held_as_bits(wanted):
        with np.errstate(over="ignore", invalid="ignore"):
            converted = told.astype(wanted)
    if converted is None or not _stands_for(converted, told):
        raise MeasurementError(
            f"input {name!r}: values of {dtype} cannot be given as {wanted}; compare with a "
            "reference that takes the same type, or pass inputs= that both can hold"
        )
    return converted


def _stands_for(converted: np.ndarray, told: np.ndarray) -> bool:
    """Whether all numbers are the same; floats may be rounded among floats, not to infinity."""
    if converted.dtype.kind == told.dtype.kind == "f":
        return np.array_equal(np.isinf(converted), np.isinf(told))
    # Whole numbers may be beyond what float64 tells apart.
    return np.array_equal(converted.astype(np.longdouble), told.astype(np.longdouble))


def _outputs(
    side: Side, shapes: Mapping[str, Shape], inputs: GivenInputs, seed: int
) -> dict[str, np.ndarray]:
    try:
        session = side.engine.create_session(shapes, Mode(concurrency=1, seed=seed), inputs)
        try:
            return session.output_values()
        finally:
            session.close()
    except MeasurementError as error:
        raise MeasurementError(
            f"{side.name}: {error}. Where a model takes certain values only, such as indices, "
            "pass them as inputs="
        ) from error


def _differences(
    subject: Side,
    reference: Side,
    returned: Mapping[str, np.ndarray],
    expected: Mapping[str, np.ndarray],
    rtol: float | None,
    atol: float | None,
) -> list[str]:
    kinds = {tensor.name: tensor.dtype for tensor in subject.engine.outputs}
    found = [f"  output {n!r}: the reference has none" for n in returned if n not in expected]
    for tensor in reference.engine.outputs:
        if tensor.name not in returned:
            found.append(f"  output {tensor.name!r}: {subject.name} has none")
            continue
        kind = kinds[tensor.name]
        both = kind if kind == tensor.dtype else f"{kind}, reference {tensor.dtype},"
        ours = numbers(returned[tensor.name], kind)
        theirs = numbers(expected[tensor.name], tensor.dtype)
        if ours.shape != theirs.shape:
            found.append(
                f"  output {tensor.name!r} {both}: shape {format_shape(ours.shape)}, "
                f"reference {format_shape(theirs.shape)}"
            )
            continue
        if theirs.dtype.kind == "f" and theirs.size and not np.isfinite(theirs).any():
            found.append(
                f"  output {tensor.name!r} {both}: the reference returns no finite value, so "
                "nothing is compared; pass inputs= that the model is made for"
            )
            continue
        default = max(RTOL.get(kind, 0.0), RTOL.get(tensor.dtype, 0.0))
        told = compare(ours, theirs, default if rtol is None else rtol, atol)
        if told:
            found.append(f"  output {tensor.name!r} {both} {format_shape(ours.shape)}: {told}")
    return found


def _is_tolerance(value: object) -> bool:
    return isinstance(value, Real) and 0 <= float(value) < math.inf


def compare(
    ours: np.ndarray, theirs: np.ndarray, rtol: float, atol: float | None = None
) -> str | None:
    """What differs between two arrays of numbers of one shape; None where all is close.

    Args:
        atol: None is `rtol` times the root mean square of `theirs`.
    """
    # Whole numbers may be beyond what float64 tells apart.
    wide = np.longdouble if {ours.dtype.kind, theirs.dtype.kind} & {"i", "u"} else np.float64
    value, wanted = ours.astype(wide), theirs.astype(wide)
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        error = np.asarray(np.abs(value - wanted))  # numpy makes a number of a scalar array
        error[np.isnan(error)] = np.inf
        error[(value == wanted) | (np.isnan(value) & np.isnan(wanted))] = 0
        if atol is None:
            atol = rtol * _root_mean_square(wanted)
        # An infinity is close to itself alone, whatever the tolerance.
        far = (error > atol + rtol * np.abs(wanted)) | np.isinf(error)
        relative = np.where(error > 0, error / np.abs(wanted), 0.0)
        relative[np.isnan(relative)] = np.inf
    if not far.any():
        return None
    limit = f" by more than {atol:.3g} + {rtol:.3g} x |reference|" if rtol or atol else ""
    return (
        f"{np.count_nonzero(far)} of {far.size} values differ{limit}\n"
        f"    largest absolute error {_where(error, far, ours, theirs)}\n"
        f"    largest relative error {_where(relative, far, ours, theirs)}"
    )


def _root_mean_square(values: np.ndarray) -> float:
    finite = np.abs(values[np.isfinite(values)])
    largest = float(finite.max(initial=0))
    # Scaled, so that squares of large numbers do not overflow.
    return largest * math.sqrt(float(np.mean((finite / largest) ** 2))) if largest else 0.0


def _where(error: np.ndarray, far: np.ndarray, ours: np.ndarray, theirs: np.ndarray) -> str:
    """The largest error among the values that are far off, and where it is."""
    flat = int(np.argmax(np.where(far, error, -1)))
    index = ", ".join(str(int(axis)) for axis in np.unravel_index(flat, error.shape))
    value, wanted = ours.flat[flat], theirs.flat[flat]
    return f"{error.flat[flat]:.4g} at [{index}]: {value!s}, reference {wanted!s}"
