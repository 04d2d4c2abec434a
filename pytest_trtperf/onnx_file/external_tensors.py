"""The tensors of an ONNX model whose data is in other files.

Only messages that may hold a tensor are read.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from pytest_trtperf.onnx_file.protobuf import Malformed, Span, fields, messages, text, varints
from pytest_trtperf.onnx_file.types import element_bits

# The fields that lead to a tensor: message -> field number -> message.
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
# Those of them that are no lists: protobuf merges two parts of one, here each would stand alone.
_SINGLE: Mapping[str, frozenset[int]] = {
    "Attribute": frozenset({5, 22}), "Sparse": frozenset({1, 2})
}  # fmt: skip
_MODEL_NEEDS: Mapping[int, str] = {1: "ir_version", 7: "graph", 8: "opset_import"}
_DIMS, _DATA_TYPE, _NAME, _EXTERNAL_DATA, _DATA_LOCATION = 1, 2, 8, 13, 14  # of a tensor
_EXTERNAL = 1  # a location
_ENTRY_KEY, _ENTRY_VALUE = 1, 2
# More elements than any file has bytes; it stops products from growing without end.
_MAX_ELEMENTS = 2**63


@dataclass(frozen=True)
class ExternalTensor:
    """A tensor whose data is in another file.

    Attributes:
        title: its name in messages; many constants have no name of their own.
        entries: where the data is, from the model: ``location``, ``offset``, ``length``.
        size: of its elements in bytes; None if its type is not known here.
    """

    title: str
    entries: Mapping[str, str]
    size: int | None


def external_tensors(data: mmap.mmap) -> Iterator[ExternalTensor]:
    """The tensors of a model that have external data.

    Raises:
        Malformed: it is not a complete ONNX model.
    """
    _check_model(data)
    # A stack of our own: deep nesting in a hostile file must not exhaust Python's.
    pending: list[tuple[str, Span]] = [("Model", (0, len(data)))]
    while pending:
        message, span = pending.pop()
        if message == "Tensor":
            tensor = _external_tensor(data, span)
            if tensor is not None:
                yield tensor
            continue
        seen: set[int] = set()
        for number, child in messages(data, span):
            if number not in _CHILDREN[message]:
                continue
            if number in seen and number in _SINGLE.get(message, ()):
                raise Malformed(f"a tensor comes in two parts, the second at byte {child[0]}")
            seen.add(number)
            pending.append((_CHILDREN[message][number], child))


def _check_model(data: mmap.mmap) -> None:
    seen = {number for number, _ in fields(data, (0, len(data)))}
    missing = [name for number, name in _MODEL_NEEDS.items() if number not in seen]
    if missing:
        raise Malformed(f"it has no {', '.join(missing)}")


def _external_tensor(data: mmap.mmap, span: Span) -> ExternalTensor | None:
    found: dict[int, list[int | Span]] = {
        number: [] for number in (_DIMS, _DATA_TYPE, _NAME, _EXTERNAL_DATA, _DATA_LOCATION)
    }
    for number, value in fields(data, span):
        if number in found:
            found[number].append(value)
    # Of several values protobuf takes the last one that it knows.
    if _EXTERNAL not in _enumeration(found[_DATA_LOCATION]):
        return None
    name = text(data, found[_NAME][-1], errors="replace") if found[_NAME] else ""
    title = f"tensor {name!r}" if name else "a tensor without a name"
    bits = element_bits((_enumeration(found[_DATA_TYPE]) or [0])[-1])
    size = None
    if bits is not None:
        size = -(-_element_count(title, _dims(data, found[_DIMS])) * bits // 8)
    return ExternalTensor(title, _entries(data, title, found[_EXTERNAL_DATA]), size)


def _enumeration(values: Iterable[int | Span]) -> list[int]:
    """The numbers, cut to 32 bits; values of another kind are skipped. Both as protobuf does."""
    return [value & 0xFFFFFFFF for value in values if isinstance(value, int)]


def _entries(data: mmap.mmap, title: str, spans: Iterable[int | Span]) -> dict[str, str]:
    entries: dict[str, str] = {}
    for span in spans:
        if not isinstance(span, tuple):
            continue
        entry = dict(fields(data, span))
        key, value = (text(data, entry.get(part)) for part in (_ENTRY_KEY, _ENTRY_VALUE))
        # Readers may take either of two values, and only one of them would be checked.
        if entries.setdefault(key, value) != value:
            raise Malformed(f"{title} has two values for {key!r} of its external data")
    return entries


def _dims(data: mmap.mmap, values: Iterable[int | Span]) -> Iterator[int]:
    """The dimensions, packed into one field or one by one."""
    for value in values:
        yield from (value,) if isinstance(value, int) else varints(data, value)


def _element_count(title: str, dims: Iterable[int]) -> int:
    count = 1
    for dim in dims:
        if dim >> 63:
            raise Malformed(f"{title} has a negative dimension")
        count = min(count * dim, _MAX_ELEMENTS)
    return count
