"""Values of inputs that a user gave: read from files, fitted to the engine, identified."""

from __future__ import annotations

import hashlib
import json
import math
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, TypeAlias, TypeVar, cast

import numpy as np

from pytest_trtperf.backend.dtypes import (
    ITEM_SIZES,
    TEXT,
    check_input_dtype,
    is_held_as_bits,
    numbers,
    stored_dtype,
)
from pytest_trtperf.engine.shapes import Shape, TensorInfo, format_shape
from pytest_trtperf.errors import MeasurementError, ShapeError
from pytest_trtperf.text import in_brief

# An array, or the bytes of a raw file, which know neither dtype nor shape.
InputValue: TypeAlias = "np.ndarray | bytes"

_Read = TypeVar("_Read")

_MOST_EXPANSION, _LEAST_BOMB = 100, 64 << 20


def read_inputs(
    given: Mapping[str, object] | Path, find: Callable[[Path], Path] = Path
) -> dict[str, InputValue]:
    """The values of inputs that a user gave, read from files; nothing is unpickled.

    Args:
        find: where a path is.

    Raises:
        MeasurementError: a file is missing, unreadable or broken, or a value is no array.
    """
    if isinstance(given, Path):
        return _read_file(find(given), _read_archive)
    return {name: _read_input(name, value, find) for name, value in given.items()}


def _read_input(name: str, value: object, find: Callable[[Path], Path]) -> InputValue:
    if not isinstance(value, Path):
        try:
            return _plain_texts(np.asarray(value))
        except Exception as error:  # another library's __array__ may raise anything
            raise MeasurementError(
                f"input {name!r}: numpy cannot make an array of this {type(value).__name__}: "
                f"{error}; give a numpy array or the path of a file"
            ) from error
    return _read_file(find(value), _read_array if value.suffix.lower() == ".npy" else _read_bytes)


def _plain_texts(array: np.ndarray) -> np.ndarray:
    """Texts that numpy has as objects, as values of a fixed width, which need no pickling."""
    if array.dtype.kind not in "OT" or not all(isinstance(one, str) for one in array.flat):
        return array
    return np.array(array.tolist(), str).reshape(array.shape)


def _read_file(path: Path, read: Callable[[BinaryIO], _Read]) -> _Read:
    try:
        with path.open("rb") as file:
            return read(file)
    except OSError as error:
        raise MeasurementError(
            f"{path}: cannot be read: {error.strerror or error}; check the path in inputs="
        ) from error
    except Exception as error:  # numpy and zipfile raise ten kinds over a damaged file
        raise MeasurementError(
            f"{path}: holds no arrays that can be read: {in_brief(error)}; "
            "save plain numbers anew with np.save or np.savez"
        ) from error


def _read_bytes(file: BinaryIO) -> InputValue:
    return file.read()


def _read_array(file: BinaryIO) -> InputValue:
    # Not np.load, which takes whatever it cannot recognise for a pickle.
    array: np.ndarray = np.lib.format.read_array(file, allow_pickle=False)
    return array


def _read_archive(file: BinaryIO) -> dict[str, InputValue]:
    values: dict[str, InputValue] = {}
    with zipfile.ZipFile(file) as archive:
        for member in archive.namelist():
            if not member.endswith(".npy"):
                raise ValueError(f"its member {member!r} is no .npy array")
            _check_expansion(archive.getinfo(member))
            with archive.open(member) as stream:
                values[member.removesuffix(".npy")] = _read_array(cast("BinaryIO", stream))
    if not values:
        raise ValueError("it is empty")
    return values


def _check_expansion(member: zipfile.ZipInfo) -> None:
    """Refuses a member of an archive that would fill the memory."""
    if member.file_size > max(_LEAST_BOMB, _MOST_EXPANSION * member.compress_size):
        raise ValueError(
            f"its member {member.filename!r} expands more than {_MOST_EXPANSION}-fold; save it "
            "with np.savez, which does not compress"
        )


def given_shape(value: InputValue) -> Shape | None:
    """The shape that a value brings along; the bytes of a raw file have none."""
    return None if isinstance(value, bytes) else value.shape


def check_input_names(names: Iterable[str], inputs: Sequence[TensorInfo]) -> None:
    """Refuses values for what is no input of the engine.

    Raises:
        ShapeError: naming what is unknown, and the inputs there are.
    """
    known = [tensor.name for tensor in inputs]
    if unknown := sorted(set(names) - set(known)):
        raise ShapeError(
            f"values are given for {', '.join(map(repr, unknown))}, which the engine does not "
            f"take; its inputs are {', '.join(map(repr, known)) or 'none'}"
        )


def fit_input(tensor: TensorInfo, shape: Shape, value: InputValue) -> np.ndarray:
    """A C-contiguous copy of `value` in the host's byte order, as `random_input` would shape it.

    Raises:
        MeasurementError: the dtype or the number of bytes is another, or some are NaN.
        ShapeError: the shape is another.
    """
    if tensor.dtype == TEXT:
        return _texts(tensor, shape, value)
    check_input_dtype(tensor.name, tensor.dtype)
    if isinstance(value, bytes):
        fitted = _from_bytes(tensor, shape, value)
    else:
        fitted = _from_array(tensor, shape, value)
    values = numbers(fitted, tensor.dtype)
    # Infinities are values: attention masks are made of them.
    if values.dtype.kind == "f" and (count := np.count_nonzero(np.isnan(values))):
        raise MeasurementError(
            f"input {tensor.name!r}: {count} of {fitted.size} values are NaN, with which time "
            f"and power of {tensor.dtype} arithmetic mean nothing; give numbers"
        )
    return fitted


def _from_bytes(tensor: TensorInfo, shape: Shape, value: bytes) -> np.ndarray:
    wanted = math.prod(shape) * ITEM_SIZES[tensor.dtype]
    if len(value) != wanted:
        raise MeasurementError(
            f"input {tensor.name!r}: its raw file holds {len(value)} bytes, but {tensor.dtype} "
            f"{format_shape(shape)} takes {wanted}; save values of this dtype and shape"
        )
    fitted: np.ndarray = np.frombuffer(value, stored_dtype(tensor.dtype)).reshape(shape).copy()
    return fitted


def _from_array(tensor: TensorInfo, shape: Shape, value: np.ndarray) -> np.ndarray:
    stored, given = stored_dtype(tensor.dtype), value.dtype
    as_bits = is_held_as_bits(tensor.dtype)
    # ml_dtypes names its types; np.save keeps only how many bytes they have.
    if as_bits and given.name in (tensor.dtype, f"void{8 * stored.itemsize}"):
        value = value.view(stored)
    if value.dtype.newbyteorder("=") != stored:
        wanted = f"ml_dtypes.{tensor.dtype}" if as_bits else repr(tensor.dtype)
        raise MeasurementError(
            f"input {tensor.name!r} takes {tensor.dtype}, but the given values are {given}; "
            f"convert them with .astype({wanted})"
        )
    _check_shape(tensor, shape, value)
    return np.array(value, stored, order="C")


def _texts(tensor: TensorInfo, shape: Shape, value: InputValue) -> np.ndarray:
    if isinstance(value, bytes) or value.dtype.kind != "U":
        kind = "a raw file" if isinstance(value, bytes) else str(value.dtype)
        raise MeasurementError(
            f"input {tensor.name!r} takes text, but the given values are {kind}; give an array of "
            "str, or an .npy file of one"
        )
    _check_shape(tensor, shape, value)
    return np.array(value, value.dtype.newbyteorder("="), order="C")


def _check_shape(tensor: TensorInfo, shape: Shape, value: np.ndarray) -> None:
    if value.shape != shape:
        raise ShapeError(
            f"input {tensor.name!r} is measured as {format_shape(shape)}, but the given values "
            f"are {format_shape(value.shape)}; make the two agree"
        )


def value_digest(value: InputValue) -> str:
    """12 hex digits over a value as it was given, before it is fitted to an input."""
    is_raw = isinstance(value, bytes)
    return inputs_digest({"": np.frombuffer(value, np.uint8) if is_raw else np.asarray(value)})


def inputs_digest(values: Mapping[str, np.ndarray]) -> str:
    """12 hex digits over names, dtypes, shapes and bytes, in whatever order the inputs come."""
    digest = hashlib.sha256()
    for name, value in sorted(values.items()):
        # It fixes the number of bytes that follow, so that none can pass for the next header.
        header = json.dumps([name, value.dtype.str, value.shape])
        digest.update(header.encode())
        digest.update(np.ascontiguousarray(value).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()[:12]
