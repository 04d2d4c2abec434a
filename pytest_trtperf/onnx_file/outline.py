"""The parts of an ONNX file that messages about it name: tensors, operators, opset."""

from __future__ import annotations

import mmap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from pytest_trtperf.onnx_file.protobuf import Malformed, Span, fields, messages, text
from pytest_trtperf.onnx_file.types import type_name

_GRAPH, _OPSET, _FUNCTION = 7, 8, 25  # of a model
_FUNCTION_NODE = 7
_NODE, _WEIGHT, _INPUT, _OUTPUT = 1, 5, 11, 12  # of a graph
_WEIGHT_NAME = 8
_NODE_OUTPUT, _NODE_NAME, _NODE_OPERATOR, _NODE_ATTRIBUTE = 2, 3, 4, 5
_ATTRIBUTE_GRAPHS = (6, 11)
_TENSOR, _SPARSE = 1, 8  # of a type
_NESTED = {4: "sequence", 5: "map", 9: "optional"}
_SIZE, _NAME = 1, 2  # of a dimension
_MAX_DEPTH = 8
_MAX_TENSORS = 10_000  # no model has so many, and odd files have a million


Dimension: TypeAlias = "int | str | None"


@dataclass
class Outline:
    """An ONNX model without its weights.

    Attributes:
        opset: of ONNX's own operators; 0 where it imports none.
        tensors: inputs and outputs by name, each as ``float32 1x3`` or ``int64 batch x 16``.
        shapes: those with a shape by name; a dimension is its size, its name or None.
        inputs, outputs: their names in order; an input with a value in the file is a weight.
        operators: of each node, by name. A node without a name has TensorRT's name for it:
            ``node_of_`` and the name of its first output.
        problem: why the file could not be read to its end; empty if it could.
    """

    opset: int = 0
    tensors: dict[str, str] = field(default_factory=dict)
    shapes: dict[str, tuple[Dimension, ...]] = field(default_factory=dict)
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    operators: dict[str, str] = field(default_factory=dict)
    problem: str = ""


def outline(onnx: Path, *, with_operators: bool = True) -> Outline:
    """The outline of a model, as far as the file can be read.

    Args:
        with_operators: False leaves them out, which is all the same for inputs and outputs.
    """
    found = Outline()
    try:
        with onnx.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            _read_model(data, found, with_operators=with_operators)
    except OSError as error:
        found.problem = f"cannot be read: {error.strerror}"
    except (ValueError, Malformed):
        found.problem = "is not an ONNX model"
    return found


def _read_model(data: mmap.mmap, found: Outline, *, with_operators: bool) -> None:
    nodes: list[Span] = []
    weights: set[str] = set()
    for number, span in messages(data, (0, len(data))):
        if number == _OPSET:
            opset = dict(fields(data, span))
            if text(data, opset.get(1)) in ("", "ai.onnx"):
                found.opset = _number(opset, 2)
        elif number == _FUNCTION:
            nodes += [node for part, node in messages(data, span) if part == _FUNCTION_NODE]
        elif number == _GRAPH:
            for part, inner in messages(data, span):
                if part == _NODE:
                    nodes.append(inner)
                elif part == _WEIGHT:
                    weights.add(text(data, dict(fields(data, inner)).get(_WEIGHT_NAME)))
                elif part in (_INPUT, _OUTPUT):
                    names = found.inputs if part == _INPUT else found.outputs
                    if len(names) < _MAX_TENSORS:
                        names.append(_read_tensor(data, inner, found))
    found.inputs = [name for name in found.inputs if name not in weights]
    if with_operators:
        _read_nodes(data, nodes, found)


def _read_tensor(data: mmap.mmap, span: Span, found: Outline) -> str:
    """The name of a tensor; its type is added to the outline."""
    value = dict(fields(data, span))
    name = text(data, value.get(1))
    found.tensors[name] = _type(data, value.get(2))
    tensor = dict(messages(data, value.get(2))).get(_TENSOR)
    if (shape := dict(messages(data, tensor)).get(2)) is not None:
        found.shapes[name] = _shape(data, shape)
    return name


def _read_nodes(data: mmap.mmap, nodes: list[Span], found: Outline) -> None:
    while nodes:
        first_output, name, operator = "", "", ""
        for number, span in messages(data, nodes.pop()):
            if number == _NODE_OUTPUT:
                first_output = first_output or text(data, span)
            elif number == _NODE_NAME:
                name = text(data, span)
            elif number == _NODE_OPERATOR:
                operator = text(data, span)
            elif number == _NODE_ATTRIBUTE:
                nodes += _nodes_of_attribute(data, span)
        found.operators[name or f"node_of_{first_output}"] = operator


def _nodes_of_attribute(data: mmap.mmap, span: Span) -> list[Span]:
    graphs = [graph for number, graph in messages(data, span) if number in _ATTRIBUTE_GRAPHS]
    return [node for graph in graphs for part, node in messages(data, graph) if part == _NODE]


def _type(data: mmap.mmap, span: int | Span | None, depth: int = 0) -> str:
    if depth > _MAX_DEPTH:
        return "…"
    for number, inner in messages(data, span):
        parts = dict(fields(data, inner))
        if number in _NESTED:
            element = parts.get(2 if number == 5 else 1)
            return f"{_NESTED[number]}({_type(data, element, depth + 1)})"
        if number in (_TENSOR, _SPARSE):
            kind = type_name(_number(parts, 1))
            shape = "" if 2 not in parts else f" {_shape_text(_shape(data, parts[2]))}"
            return f"sparse({kind})" if number == _SPARSE else f"{kind}{shape}"
    return "undefined"


def _shape(data: mmap.mmap, span: int | Span) -> tuple[Dimension, ...]:
    dims = (dict(fields(data, dim)) for number, dim in messages(data, span) if number == 1)
    return tuple(_size(dim) if _SIZE in dim else text(data, dim.get(_NAME)) or None for dim in dims)


def _size(dim: Mapping[int, int | Span]) -> int | None:
    """The size of a dimension; exporters write a negative one for what is dynamic."""
    size = _number(dim, _SIZE)
    return None if size >> 63 else size


def _shape_text(shape: Sequence[Dimension]) -> str:
    """``1x3``, or with names ``batch x 3``; ``?`` is a dimension that has neither."""
    by = " x " if any(isinstance(dim, str) for dim in shape) else "x"
    return by.join("?" if dim is None else str(dim) for dim in shape) or "scalar"


def _number(parts: Mapping[int, int | Span], field_number: int) -> int:
    value = parts.get(field_number, 0)
    return value if isinstance(value, int) else 0
