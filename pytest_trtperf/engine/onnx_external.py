"""Finds the files that an ONNX model keeps its weights in, without the onnx package.

A reader of the protobuf wire format that descends only into the messages which may hold a tensor.
The file is mapped, not read: weights stored inside it are stepped over. Field numbers are those of
onnx.proto (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto).
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Mapping
from pathlib import Path

from pytest_trtperf.errors import EngineBuildError

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FIXED_BYTES: Mapping[int, int] = {_FIXED64: 8, _FIXED32: 4}
_VARINT_BYTES = 10

# Which fields of a message lead to a tensor: message -> field number -> message.
_CHILDREN: Mapping[str, Mapping[int, str]] = {
    "Model": {7: "Graph", 20: "Training", 25: "Function"},
    "Training": {1: "Graph", 2: "Graph"},
    "Function": {7: "Node", 11: "Attribute"},
    "Graph": {1: "Node", 5: "Tensor", 15: "Sparse"},
    "Node": {5: "Attribute"},
    "Attribute": {
        5: "Tensor", 6: "Graph", 10: "Tensor", 11: "Graph", 22: "Sparse", 23: "Sparse"
    },
    "Sparse": {1: "Tensor", 2: "Tensor"},
}  # fmt: skip
_MODEL_NEEDS: Mapping[int, str] = {1: "ir_version", 7: "graph", 8: "opset_import"}
_EXTERNAL_DATA, _DATA_LOCATION, _EXTERNAL = 13, 14, 1
_ENTRY_KEY, _ENTRY_VALUE = 1, 2

_Span = tuple[int, int]


class _Malformed(Exception):
    """The bytes are not the message they should be."""


def external_files(onnx: Path) -> list[Path]:
    """The files with external data of a model, each once, sorted by their location in it.

    Raises:
        EngineBuildError: naming the file, when the model is missing, empty, truncated or no ONNX
            model, or external data is missing, too short or outside the model's directory.
    """
    needed: dict[str, int] = {}
    for entries in _external_entries(onnx):
        location, end = _location_and_end(onnx, entries)
        needed[location] = max(needed.get(location, 0), end)
    return [_checked_data(onnx, location, needed[location]) for location in sorted(needed)]


def _external_entries(onnx: Path) -> list[dict[str, str]]:
    try:
        with onnx.open("rb") as file:
            if not onnx.stat().st_size:
                raise EngineBuildError(f"{onnx}: the file is empty, not an ONNX model")
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return list(_walk(data))
    except FileNotFoundError:
        raise EngineBuildError(f"{onnx}: there is no such file") from None
    except IsADirectoryError:
        raise EngineBuildError(f"{onnx}: this is a directory, not an ONNX file") from None
    except OSError as error:
        raise EngineBuildError(f"{onnx}: cannot be read: {error.strerror}") from error
    except _Malformed as error:
        raise EngineBuildError(
            f"{onnx}: not a complete ONNX model ({error}); is it truncated, or a Git LFS pointer?"
        ) from None


def _walk(data: mmap.mmap) -> Iterator[dict[str, str]]:
    """The external data entries of every tensor of the model."""
    _check_model(data)
    # A stack of our own: nesting in a hostile file must not exhaust Python's.
    pending: list[tuple[str, _Span]] = [("Model", (0, len(data)))]
    while pending:
        message, span = pending.pop()
        if message == "Tensor":
            entries = _tensor_entries(data, span)
            if entries is not None:
                yield entries
            continue
        children = _CHILDREN[message]
        for number, value in _fields(data, span):
            if number in children and isinstance(value, tuple):
                pending.append((children[number], value))


def _check_model(data: mmap.mmap) -> None:
    seen = {number for number, _ in _fields(data, (0, len(data)))}
    missing = [name for number, name in _MODEL_NEEDS.items() if number not in seen]
    if missing:
        raise _Malformed(f"it has no {', '.join(missing)}")


def _tensor_entries(data: mmap.mmap, span: _Span) -> dict[str, str] | None:
    entries: dict[str, str] = {}
    external = False
    for number, value in _fields(data, span):
        if number == _DATA_LOCATION:
            external = value == _EXTERNAL
        elif number == _EXTERNAL_DATA and isinstance(value, tuple):
            entry = dict(_fields(data, value))
            entries[_text(data, entry.get(_ENTRY_KEY))] = _text(data, entry.get(_ENTRY_VALUE))
    return entries if external else None


def _fields(data: mmap.mmap, span: _Span) -> Iterator[tuple[int, int | _Span]]:
    """Field numbers of one message with their numbers, or their spans of bytes."""
    position, end = span
    while position < end:
        tag, position = _varint(data, position, end)
        number, wire_type = tag >> 3, tag & 7
        if number == 0:
            raise _Malformed(f"field number 0 at byte {position}")
        if wire_type == _VARINT:
            value, position = _varint(data, position, end)
            yield number, value
            continue
        if wire_type == _BYTES:
            length, position = _varint(data, position, end)
        elif wire_type in _FIXED_BYTES:
            length = _FIXED_BYTES[wire_type]
        else:
            raise _Malformed(f"unknown wire type {wire_type} at byte {position}")
        if length > end - position:
            raise _Malformed(f"a field at byte {position} ends after its message")
        yield number, (position, position + length)
        position += length


def _varint(data: mmap.mmap, position: int, end: int) -> tuple[int, int]:
    value = 0
    for index in range(_VARINT_BYTES):
        if position + index >= end:
            raise _Malformed(f"a number at byte {position} is cut off")
        byte = data[position + index]
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value, position + index + 1
    raise _Malformed(f"a number at byte {position} is too long")


def _text(data: mmap.mmap, span: int | _Span | None) -> str:
    if span is None:
        return ""
    if not isinstance(span, tuple):
        raise _Malformed("an external data entry is no text")
    try:
        return data[slice(*span)].decode()
    except UnicodeDecodeError:
        raise _Malformed("an external data entry is not UTF-8") from None


def _location_and_end(onnx: Path, entries: Mapping[str, str]) -> tuple[str, int]:
    """Where a tensor lies: a location relative to the model and the byte it needs to reach."""
    location = entries.get("location", "")
    if not location or "\0" in location:
        raise EngineBuildError(f"{onnx}: a tensor with external data names no file")
    numbers = [entries.get(key) or "0" for key in ("offset", "length")]
    if not all(number.isascii() and number.isdigit() and len(number) < 20 for number in numbers):
        raise EngineBuildError(
            f"{onnx}: external data in {location!r} has a broken offset or length: "
            f"{', '.join(numbers)}"
        )
    return location, sum(int(number) for number in numbers)


def _checked_data(onnx: Path, location: str, needed_bytes: int) -> Path:
    path = onnx.parent / location
    if not _is_beside(onnx, location):
        raise EngineBuildError(
            f"{onnx}: its external data {location!r} lies outside the model's directory, which is "
            "refused; move the data beside the model"
        )
    if not path.is_file():
        raise EngineBuildError(
            f"{path}: this file with external data of {onnx.name} is missing; was it copied, or "
            "fetched from Git LFS, together with the model?"
        )
    size = path.stat().st_size
    if size < needed_bytes:
        raise EngineBuildError(
            f"{path}: {onnx.name} needs {needed_bytes} bytes of external data, the file has "
            f"{size}; is it truncated, or a Git LFS pointer?"
        )
    return path


def _is_beside(onnx: Path, location: str) -> bool:
    relative = Path(location)
    if relative.is_absolute() or ".." in relative.parts:
        return False
    data = (onnx.parent / relative).resolve()
    # Model caches link the model and its data into one store: beside the linked model is beside.
    return any(data.is_relative_to(root) for root in (onnx.parent.resolve(), onnx.resolve().parent))
