"""ONNX files -> the source of a test module: what `trtperf init` writes."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from pytest_trtperf.commands.first_names import not_taken
from pytest_trtperf.engine.dimensions import usual_size
from pytest_trtperf.onnx_file.outline import Dimension, Outline
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
    return _HEAD + "".join(tests)


def _lines(path: Path, model: Outline) -> Iterator[str]:
    """The body of a test, as far as it measures."""
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
            dims = enumerate(model.shapes[name])
            terms = [_term(name, axis, dim, variables) for axis, dim in dims]
            yield f"    {_quoted(name)}: ({', '.join(terms)}{',' * (len(terms) == 1)}),"
        yield "}"
        yield f"engine = trt_engine({_quoted(str(path))}, shapes=shapes)"
    if lacking := [name for name in model.inputs if model.tensors[name].startswith("string")]:
        yield f"# Texts are not made up: pass inputs={{{_quoted(lacking[0])}: …}} to trt_measure."
    yield "perf = trt_measure(engine)"


def _is_fixed(shape: Sequence[Dimension]) -> bool:
    return all(isinstance(dim, int) for dim in shape)


def _variables(model: Outline) -> dict[tuple[str, int] | str, tuple[str, int]]:
    """The variable and the first size of each dimension: by its name, or by input and axis."""
    found: dict[tuple[str, int] | str, tuple[str, int]] = {}
    taken = {"engine", "perf", "shapes", "trt_engine", "trt_measure"}
    for name in model.inputs:
        for axis, dim in enumerate(model.shapes.get(name, ())):
            key = dim if isinstance(dim, str) else (name, axis)
            if isinstance(dim, int) or key in found:
                continue
            label = dim or ("batch" if axis == 0 else f"{name}_{axis}")
            variable = not_taken(_identifier(label), taken, "_")
            taken.add(variable)
            found[key] = variable, usual_size(label)
    return found


def _term(
    name: str,
    axis: int,
    dim: Dimension,
    variables: dict[tuple[str, int] | str, tuple[str, int]],
) -> str:
    if isinstance(dim, int):
        return str(dim)
    return variables[dim or (name, axis)][0]


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
