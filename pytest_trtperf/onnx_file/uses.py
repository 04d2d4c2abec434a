"""What a model does with its inputs, as far as the graph shows it: indices, and what steers it."""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pytest_trtperf.onnx_file.protobuf import Malformed, Span, fields, messages, text, varints

_GRAPH = 7  # of a model
_NODE, _WEIGHT, _INPUT = 1, 5, 11  # of a graph
_NAME_OF_INPUT = 1
_NODE_INPUT, _NODE_OUTPUT, _NODE_OPERATOR, _NODE_ATTRIBUTE = 1, 2, 4, 5
_ATTRIBUTE_INT, _ATTRIBUTE_TENSOR, _ATTRIBUTE_GRAPHS = 3, 5, (6, 11)
_DIMS, _TYPE, _INT32_DATA, _INT64_DATA, _NAME, _RAW = 1, 2, 5, 7, 8, 9  # of a tensor
_INTEGERS = {6: "<i", 7: "<q"}  # of TensorProto.DataType: int32, int64

_SAME = frozenset(
    {"Cast", "Expand", "Flatten", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze"}
)
"""Operators whose output has the values of their first input."""

_OF = _SAME | {
    *("Add", "Ceil", "Clip", "Div", "Floor", "Max", "Min", "Mod", "Mul", "Sub"),
    *("Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Where"),
    *("And", "Not", "Or", "Xor", "ReduceMax", "ReduceMin", "ReduceSum"),
}
"""Operators whose output is computed from the values of their inputs."""


@dataclass
class InputUse:
    """What is done with an input.

    Attributes:
        rows: of the smallest table that its values are indices into; None where there is none.
        steers: the operators that its value steers, such as ``If`` and ``Loop``.
        compared: the whole numbers that the graph compares it with.
    """

    rows: int | None = None
    steers: list[str] = field(default_factory=list)
    compared: list[int] = field(default_factory=list)


def input_uses(onnx: Path) -> dict[str, InputUse]:
    """What a model does with each of its inputs; of one that cannot be read, nothing."""
    try:
        with onnx.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return _Reader(data).read()
    except (OSError, ValueError, Malformed):
        return {}


def whole_value(value: int, dtype: str) -> str:
    """A number as `inputs=` takes it for an input of this type."""
    return str(value) if dtype == "int64" else f"np.array({value}, {dtype!r})"


class _Reader:
    """Follows inputs through one pass over the nodes, which are sorted as ONNX demands."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self._uses: dict[str, InputUse] = {}
        self._same: dict[str, str] = {}  # a tensor that has the values of an input
        self._of: dict[str, set[str]] = {}  # a tensor that is computed from inputs
        self._dims: dict[str, tuple[int, ...]] = {}
        self._numbers: dict[str, int] = {}

    def read(self) -> dict[str, InputUse]:
        """See `input_uses`."""
        for number, graph in messages(self._data, (0, len(self._data))):
            if number == _GRAPH:
                self._read_graph(graph)
        return self._uses

    def _read_graph(self, graph: Span) -> None:
        nodes: list[Span] = []
        for part, inner in messages(self._data, graph):
            if part == _WEIGHT:
                self._read_weight(inner)
            elif part == _INPUT:
                name = text(self._data, dict(fields(self._data, inner)).get(_NAME_OF_INPUT))
                self._uses[name], self._same[name], self._of[name] = InputUse(), name, {name}
            elif part == _NODE:
                nodes.append(inner)
        for name in self._dims:  # an input with a value in the file is a weight
            self._uses.pop(name, None), self._same.pop(name, None), self._of.pop(name, None)
        pending = [*reversed(nodes)]  # a stack of our own, since graphs may be nested deeply
        while pending:
            pending += reversed([*self._read_node(pending.pop())])

    def _read_weight(self, tensor: Span, name: str = "") -> None:
        dims: list[int] = []
        kind, found = 0, dict[int, int | Span]()
        for number, value in fields(self._data, tensor):
            if number == _DIMS:
                dims += [value] if isinstance(value, int) else varints(self._data, value)
            elif number == _TYPE and isinstance(value, int):
                kind = value
            elif number in (_INT32_DATA, _INT64_DATA, _NAME, _RAW):
                found[number] = value
        name = name or text(self._data, found.get(_NAME))
        self._dims[name] = tuple(dims)
        is_one = kind in _INTEGERS and all(dim == 1 for dim in dims)
        if is_one and (value_found := self._number(kind, found)) is not None:
            self._numbers[name] = value_found

    def _number(self, kind: int, found: Mapping[int, int | Span]) -> int | None:
        """The value of a tensor of one whole number."""
        form, raw = _INTEGERS[kind], found.get(_RAW)
        if isinstance(raw, tuple):
            whole = self._data[slice(*raw)]
            is_whole = len(whole) == struct.calcsize(form)
            return int(struct.unpack(form, whole)[0]) if is_whole else None
        value = found.get(_INT64_DATA, found.get(_INT32_DATA))
        if isinstance(value, tuple):
            value = next(varints(self._data, value), None)
        return None if value is None else value - (value >> 63 << 64)

    def _read_node(self, node: Span) -> Iterator[Span]:
        """Notes what a node does with inputs; the nodes inside of it."""
        names: dict[int, list[str]] = {_NODE_INPUT: [], _NODE_OUTPUT: []}
        operator, attributes = "", []
        for number, span in messages(self._data, node):
            if number in names:
                names[number].append(text(self._data, span))
            elif number == _NODE_OPERATOR:
                operator = text(self._data, span)
            elif number == _NODE_ATTRIBUTE:
                attributes.append(span)
        taken, given = names[_NODE_INPUT], names[_NODE_OUTPUT]
        if operator == "Constant" and given:
            self._read_constant(attributes, given[0])
        elif operator == "Gather" and len(taken) > 1:
            self._note_rows(taken, attributes)
        elif operator in ("If", "Loop"):
            self._note_steered(operator, taken[: 1 if operator == "If" else 2])
        elif operator == "Equal":
            self._note_compared(taken)
        self._follow(operator, taken, given)
        for attribute in attributes:
            for number, graph in messages(self._data, attribute):
                if number in _ATTRIBUTE_GRAPHS:
                    yield from self._inner(graph)

    def _inner(self, graph: Span) -> Iterator[Span]:
        for part, inner in messages(self._data, graph):
            if part == _WEIGHT:
                self._read_weight(inner)
            elif part == _NODE:
                yield inner

    def _read_constant(self, attributes: list[Span], name: str) -> None:
        for attribute in attributes:
            for number, value in fields(self._data, attribute):
                if number == _ATTRIBUTE_TENSOR and isinstance(value, tuple):
                    self._read_weight(value, name)
                elif number == _ATTRIBUTE_INT and isinstance(value, int):
                    self._numbers[name] = value - (value >> 63 << 64)

    def _note_rows(self, taken: list[str], attributes: list[Span]) -> None:
        source, dims = self._same.get(taken[1]), self._dims.get(taken[0])
        if source is None or not dims:
            return
        axis = 0
        for attribute in attributes:
            value = dict(fields(self._data, attribute)).get(_ATTRIBUTE_INT, 0)
            axis = value - (value >> 63 << 64) if isinstance(value, int) else 0
        if -len(dims) <= axis < len(dims):
            use = self._uses[source]
            use.rows = min(dims[axis], use.rows or dims[axis])

    def _note_steered(self, operator: str, by: list[str]) -> None:
        for source in sorted({one for name in by for one in self._of.get(name, ())}):
            if operator not in self._uses[source].steers:
                self._uses[source].steers.append(operator)

    def _note_compared(self, taken: list[str]) -> None:
        for one, other in zip(taken, reversed(taken), strict=True):
            if one in self._same and other in self._numbers:
                compared = self._uses[self._same[one]].compared
                if self._numbers[other] not in compared:
                    compared.append(self._numbers[other])

    def _follow(self, operator: str, taken: list[str], given: list[str]) -> None:
        for name in given[:1]:
            if operator in _SAME and taken and taken[0] in self._same:
                self._same[name] = self._same[taken[0]]
            if operator in _OF:
                self._of[name] = {one for source in taken for one in self._of.get(source, ())}
            if operator in _SAME and taken and taken[0] in self._numbers:
                self._numbers[name] = self._numbers[taken[0]]
