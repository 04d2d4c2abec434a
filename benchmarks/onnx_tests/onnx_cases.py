"""The models of onnx's own backend tests, with the inputs and outputs stored for them.

The `onnx` package brings them along: node models as code in new releases and as files in old ones,
the others as files. The light networks come with an output and take a ramp as input.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper
from onnx.backend.test.loader import load_model_tests

KINDS = ("node", "simple", "pytorch-converted", "pytorch-operator", "real")
_DATA = Path(onnx.__file__).parent


@dataclass(frozen=True)
class DataSet:
    """What goes in and what has to come out; None for what is no tensor."""

    inputs: Mapping[str, np.ndarray | None]
    outputs: Sequence[np.ndarray | None]


class Case:
    """A model of onnx's tests, read on demand; `kind` is onnx's word for the networks: real."""

    def __init__(self, case: Any) -> None:
        self._case = case
        self.name: str = case.name
        self.kind: str = case.kind
        self.rtol: float = case.rtol
        self.atol: float = case.atol

    @property
    def _file(self) -> Path:
        if self._case.model_dir is not None:
            return Path(self._case.model_dir) / "model.onnx"
        return Path(_DATA, self._case.url.removeprefix("onnx/"))

    def model(self) -> Any:
        """The `ModelProto`."""
        return self._case.model or onnx.load(self._file)

    def data_sets(self, graph: Any) -> Iterator[DataSet]:
        """Each set of inputs of this model's graph, with the outputs."""
        weights = {tensor.name for tensor in graph.initializer}
        names = [value.name for value in graph.input]
        if self._case.data_sets is not None:
            for inputs, outputs in self._case.data_sets:
                # Values are given in the order of the inputs; some cases leave the last ones out.
                values = dict(zip(names, map(_array, inputs), strict=False))
                yield DataSet(values, [_array(value) for value in outputs])
        elif self._case.model_dir is not None:
            for folder in sorted(self._file.parent.glob("test_data_set_*")):
                inputs = dict(zip(names, _read(folder, "input", graph.input), strict=False))
                yield DataSet(inputs, _read(folder, "output", graph.output))
        else:
            stored = self._file.with_name(f"{self._file.stem}_output_0.pb")
            ramps = {value.name: _ramp(value) for value in graph.input if value.name not in weights}
            yield DataSet(ramps, [_tensor(stored)])


def load_cases(kinds: Sequence[str] = KINDS) -> dict[str, Case]:
    """All cases by name."""
    cases = (case for kind in kinds for case in load_model_tests(kind=kind))
    return {case.name: Case(case) for case in cases}


def operators(model: Any) -> set[str]:
    """The operators of a model, those inside of subgraphs and functions too."""
    found: set[str] = set()
    pending = [*model.graph.node, *(node for fn in model.functions for node in fn.node)]
    while pending:
        node = pending.pop()
        found.add(node.op_type)
        for attribute in node.attribute:
            pending += [*attribute.g.node, *(inner for g in attribute.graphs for inner in g.node)]
    return found


def _array(value: Any) -> np.ndarray | None:
    if isinstance(value, onnx.TensorProto):
        array: np.ndarray = numpy_helper.to_array(value)
        return array
    return None if value is None or isinstance(value, (list, dict)) else np.asarray(value)


def _read(folder: Path, what: str, declared: Sequence[Any]) -> list[np.ndarray | None]:
    return [
        _tensor(folder / f"{what}_{index}.pb") if value.type.HasField("tensor_type") else None
        for index, value in enumerate(declared)
        if (folder / f"{what}_{index}.pb").exists()
    ]


def _tensor(path: Path) -> np.ndarray:
    tensor: np.ndarray = numpy_helper.to_array(onnx.TensorProto.FromString(path.read_bytes()))
    return tensor


def _ramp(value: Any) -> np.ndarray:
    shape = [dim.dim_value or 1 for dim in value.type.tensor_type.shape.dim]
    count = int(np.prod(shape))
    return (np.arange(count).reshape(shape) / count).astype(np.float32)
