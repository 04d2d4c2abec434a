"""Finds the files that an ONNX model keeps its weights in, without the onnx package.

It descends only into the messages which may hold a tensor. Field numbers are those of onnx.proto
(https://github.com/onnx/onnx/blob/main/onnx/onnx.proto).
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Mapping
from pathlib import Path

from pytest_trtperf.engine.protobuf import Malformed, Span, fields, text
from pytest_trtperf.errors import EngineBuildError

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
_MOST_BYTES = 2**31 - 1
_EXTERNAL_DATA, _DATA_LOCATION, _EXTERNAL = 13, 14, 1
_ENTRY_KEY, _ENTRY_VALUE = 1, 2


def external_files(onnx: Path) -> list[Path]:
    """The files with external data of a model, each once, sorted by their location in it.

    Raises:
        EngineBuildError: naming the file, when the model is missing, empty, truncated or no ONNX
            model, or above 2 GiB, or external data is missing, too short or outside the model's
            directory.
    """
    needed: dict[str, int] = {}
    for entries in _external_entries(onnx):
        location, end = _location_and_end(onnx, entries)
        needed[location] = max(needed.get(location, 0), end)
    return [_checked_data(onnx, location, needed[location]) for location in sorted(needed)]


def _external_entries(onnx: Path) -> list[dict[str, str]]:
    try:
        with onnx.open("rb") as file:
            _check_size(onnx, onnx.stat().st_size)
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return list(_walk(data))
    except FileNotFoundError:
        raise EngineBuildError(f"{onnx}: there is no such file") from None
    except IsADirectoryError:
        raise EngineBuildError(f"{onnx}: this is a directory, not an ONNX file") from None
    except OSError as error:
        raise EngineBuildError(f"{onnx}: cannot be read: {error.strerror}") from error
    except Malformed as error:
        raise EngineBuildError(
            f"{onnx}: not a complete ONNX model ({error}); is it truncated, or a Git LFS pointer?"
        ) from None


def _check_size(onnx: Path, size: int) -> None:
    if not size:
        raise EngineBuildError(f"{onnx}: the file is empty, not an ONNX model")
    if size > _MOST_BYTES:
        raise EngineBuildError(
            f"{onnx}: the file has {size / 2**30:.1f} GiB, and no parser reads a protobuf above "
            "2 GiB; keep the weights in a file beside it: "
            "onnx.save(model, path, save_as_external_data=True), or "
            "torch.onnx.export(…, external_data=True)"
        )


def _walk(data: mmap.mmap) -> Iterator[dict[str, str]]:
    """The external data entries of every tensor of the model."""
    _check_model(data)
    # A stack of our own: nesting in a hostile file must not exhaust Python's.
    pending: list[tuple[str, Span]] = [("Model", (0, len(data)))]
    while pending:
        message, span = pending.pop()
        if message == "Tensor":
            entries = _tensor_entries(data, span)
            if entries is not None:
                yield entries
            continue
        children = _CHILDREN[message]
        for number, value in fields(data, span):
            if number in children and isinstance(value, tuple):
                pending.append((children[number], value))


def _check_model(data: mmap.mmap) -> None:
    seen = {number for number, _ in fields(data, (0, len(data)))}
    missing = [name for number, name in _MODEL_NEEDS.items() if number not in seen]
    if missing:
        raise Malformed(f"it has no {', '.join(missing)}")


def _tensor_entries(data: mmap.mmap, span: Span) -> dict[str, str] | None:
    entries: dict[str, str] = {}
    external = False
    for number, value in fields(data, span):
        if number == _DATA_LOCATION and isinstance(value, int):
            # Protobuf cuts an enumeration to 32 bits, and skips values that it does not know.
            external |= value & 0xFFFFFFFF == _EXTERNAL
        elif number == _EXTERNAL_DATA and isinstance(value, tuple):
            entry = dict(fields(data, value))
            key, told = (text(data, entry.get(part)) for part in (_ENTRY_KEY, _ENTRY_VALUE))
            # Readers may differ in which of two counts, and only one would have been checked.
            if entries.setdefault(key, told) != told:
                raise Malformed(f"a tensor has two values for {key!r} of its external data")
    return entries if external else None


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
