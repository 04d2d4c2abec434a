"""Messages of a parser or builder about an ONNX file, completed by node, operator and types."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pytest_trtperf.onnx_file.external_data import tensors_elsewhere
from pytest_trtperf.onnx_file.outline import Outline, outline

_MAX_OPERATORS = 40
_NAME = re.compile(r"[\w./:-]+")
_NO_GPU = "Cuda Runtime (In catchCudaError"
"""An error of CUDA without a reason; without a GPU it follows every failure."""
_NO_SUCH_TYPE = "convertDtype(onnxDtype"
_NO_WEIGHTS = "Failed to import initializer"


def parser_messages(parser: Any, onnx: Path) -> list[str]:
    """All errors of TensorRT's ONNX parser, each once, with node, operator and types.

    Args:
        parser: an `IOnnxParser` that refused `onnx`.
    """
    model = outline(onnx)
    errors = [parser.get_error(index) for index in range(parser.num_errors)]
    messages = _explained(model, _parser_errors(errors, model))
    if any(_NO_WEIGHTS in message for message in messages):
        messages += _other_lengths(onnx)
    return messages


def build_messages(errors: Sequence[str], onnx: Path) -> list[str]:
    """The errors logged while `onnx` was read or built, each once, with operators and types."""
    return _explained(outline(onnx), [e for e in errors if _NO_GPU not in e] or errors)


def _parser_errors(errors: Sequence[Any], model: Outline) -> list[str]:
    """A message for each, where one operator fails in one way at many nodes one for the first."""
    nodes: dict[Any, list[Any]] = {}
    for number, error in enumerate(errors):
        operator = getattr(error, "node_operator", str)()
        where = (error.desc(), error.file(), error.line()) if operator else number
        nodes.setdefault((operator, where), []).append(error)
    return [
        _parser_message(first, model) + (f", and {len(more)} more of these" if more else "")
        for first, *more in nodes.values()
    ]


def _parser_message(error: Any, model: Outline) -> str:
    if _NO_SUCH_TYPE in error.desc() and error.file() in model.tensors:
        kind = model.tensors[error.file()]
        return f"tensor {error.file()!r}: TensorRT has no type for {kind}"
    what = "not supported by this TensorRT" if error.desc() == "false" else error.desc().strip()
    lines = [line for line in what.splitlines() if _NO_GPU not in line]
    what = "\n  ".join(lines) + f" [{error.file()}:{error.line()}]"
    if not hasattr(error, "node_operator"):
        return f"node {error.node()}: {what}"
    if error.node() < 0 and not error.node_operator():
        return what
    return f"node {error.node()} {error.node_name()!r} ({error.node_operator()}): {what}"


def _other_lengths(onnx: Path) -> list[str]:
    """The first tensor whose external data has another length than its elements need."""
    for tensor in tensors_elsewhere(onnx):
        location = tensor.entries["location"]
        length = int(tensor.entries.get("length") or 0) or (onnx.parent / location).stat().st_size
        if tensor.size and tensor.size != length:
            message = (
                f"{tensor.title} needs {tensor.size} bytes, and TensorRT counts {length} in "
                f"{location!r}: all of the file, unless external_data in the model has a length; "
                f"write a length of {tensor.size} there"
            )
            return [message]
    return []


def _explained(model: Outline, messages: Sequence[str]) -> list[str]:
    unique = [_with_operators(model, message) for message in dict.fromkeys(messages)]
    known = sorted(set(model.operators.values()))
    if known and not set(re.findall(r"\w+", " ".join(unique))).intersection(known):
        more = f" and {len(known) - _MAX_OPERATORS} more" if len(known) > _MAX_OPERATORS else ""
        listed = ", ".join(known[:_MAX_OPERATORS])
        unique.append(f"operators of the model (opset {model.opset}): {listed}{more}")
    return unique


def _with_operators(model: Outline, message: str) -> str:
    found: dict[str, str] = {}
    for word in _NAME.findall(message.replace("...", " ")):
        name = word.rstrip(".:")
        # TensorRT adds a number to a name that is taken.
        operator = model.operators.get(name) or model.operators.get(re.sub(r"_\d+$", "", name))
        if operator and operator not in message:
            found[name] = operator
    meant = ", ".join(f"{name} is {operator}" for name, operator in found.items())
    return f"{message} ({meant})" if meant else message
