"""ONNX files -> the source of a test module: what `trtperf init` writes."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pytest_trtperf.commands.first_names import not_taken
from pytest_trtperf.engine.dimensions import proposed_size, size_label
from pytest_trtperf.onnx_file.outline import Dimension, Outline
from pytest_trtperf.onnx_file.uses import input_uses, whole_value
from pytest_trtperf.text import one_line

_HEAD = '''\
"""Performance of models: each is measured, held to its budgets and compared with its baseline."""
'''

_TEST = """

def test_{name}(trt_engine, trt_measure):
{lines}
    # Your limits, then record a baseline with --trtperf-update and commit it:
    # perf.assert_p99(ms=10)
    # perf.assert_qps(100)
"""


def first_tests(models: Sequence[tuple[Path, Outline]]) -> str:
    """A test for each model."""
    taken: set[str] = set()
    tests = []
    for path, model in models:
        name = not_taken(_identifier(path.stem), taken, "_")
        taken.add(name)
        lines = "\n".join(f"    {line}" for line in _lines(path, model))
        tests.append(_TEST.format(name=name, lines=lines))
    source = "".join(tests)
    return (
        _HEAD
        + ("\nimport numpy as np\n" if re.search(r"\bnp\.(array|full)\(", source) else "")
        + source
    )


def _lines(path: Path, model: Outline) -> Iterator[str]:
    """The body of a test, as far as it measures."""
    compared = _compared(path, model)
    variables = _variables(model)
    for name in model.inputs:
        yield f"# {_quoted(name)}: {one_line(model.tensors[name])}"
    for variable, size in dict.fromkeys(variables.values()):
        yield f"{variable} = {size}"
    dynamic = [name for name in model.inputs if not _is_fixed(model.shapes.get(name, ()))]
    if not dynamic:
        yield f"engine = trt_engine({_quoted(str(path))})"
    else:
        yield "shapes = {"
        for name in dynamic:
            yield f"    {_quoted(name)}: {_shape(model, name, variables)},"
        yield "}"
        yield f"engine = trt_engine({_quoted(str(path))}, shapes=shapes)"
    texts = {
        name: f'np.full({_shape(model, name, variables)}, "a text")'
        for name in model.inputs
        if model.tensors[name].startswith("string")
    }
    if texts:
        yield "# Texts are not made up: put those of production here."
    if compared:
        named = " and ".join(map(_quoted, compared))
        yield f"# The model compares {named} with this, which decides what it runs."
    values = ", ".join(f"{_quoted(name)}: {value}" for name, value in {**texts, **compared}.items())
    yield (
        f"perf = trt_measure(engine, inputs={{{values}}})"
        if values
        else ("perf = trt_measure(engine)")
    )


def _shape(
    model: Outline, name: str, variables: Mapping[tuple[str, int] | str, tuple[str, int]]
) -> str:
    """The shape of an input, with the variables of its dynamic dimensions."""
    terms = [
        str(dim) if isinstance(dim, int) else variables[_key(model, name, axis)][0]
        for axis, dim in enumerate(model.shapes.get(name, ()))
    ]
    return f"({', '.join(terms)}{',' * (len(terms) == 1)})"


def _is_fixed(shape: Sequence[Dimension]) -> bool:
    return all(isinstance(dim, int) for dim in shape)


def _variables(model: Outline) -> dict[tuple[str, int] | str, tuple[str, int]]:
    """The variable and the first size of each dimension: by its name, or by input and axis."""
    found: dict[tuple[str, int] | str, tuple[str, int]] = {}
    taken = {"np", "engine", "perf", "shapes", "trt_engine", "trt_measure"}
    for name in model.inputs:
        for axis, dim in enumerate(model.shapes.get(name, ())):
            if isinstance(dim, int) or (key := _key(model, name, axis)) in found:
                continue
            label = dim or size_label(name, model.shapes[name], axis)
            variable = not_taken(_identifier(label), taken, "_")
            taken.add(variable)
            found[key] = variable, proposed_size(name, model.shapes[name], axis)
    return found


def _key(model: Outline, name: str, axis: int) -> tuple[str, int] | str:
    """What the variable of a dimension stands for: its name, or input and axis.

    The batch of a state is that of the first input.
    """
    shape = model.shapes[name]
    dim = shape[axis]
    if isinstance(dim, str):
        return dim
    if axis and size_label(name, shape, axis) == "batch":
        name = next((one for one in model.inputs if model.shapes.get(one, ())[:1] == (None,)), name)
        axis = 0 if model.shapes[name][:1] == (None,) else axis
    return name, axis


def _compared(path: Path, model: Outline) -> dict[str, str]:
    """The values that a model compares inputs with, of those whose value decides what runs."""
    uses = input_uses(path)
    return {
        name: whole_value(use.compared[0], model.tensors[name].partition(" ")[0])
        for name in model.inputs
        if (use := uses.get(name)) and use.steers and use.compared
    }


def _identifier(text: str) -> str:
    """The text as a name in Python."""
    name = re.sub(r"[^0-9A-Za-z]+", "_", text).strip("_").lower() or "model"
    return f"{name}_" if keyword.iskeyword(name) else f"n{name}" if name[0].isdigit() else name


def _quoted(text: str) -> str:
    """The text as a literal, in the quotes that formatters like."""
    literal = ascii(text)
    if literal[0] == "'" and '"' not in text:
        return '"' + literal[1:-1].replace("\\'", "'") + '"'
    return literal
