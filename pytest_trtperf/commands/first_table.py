"""ONNX files -> a table of SLOs: what `trtperf init --table` writes."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from pytest_trtperf.commands.first_names import not_taken
from pytest_trtperf.commands.toml_text import inline_table, quoted
from pytest_trtperf.engine.dimensions import proposed_size
from pytest_trtperf.engine.shapes import format_shape
from pytest_trtperf.onnx_file.outline import Outline
from pytest_trtperf.text import one_line

_HEAD = """\
# Tests of models: each is measured, held to its budgets and compared with its baseline.
# Your limits go below, then record a baseline with --trtperf-update and commit it.
"""


def first_table(models: Sequence[tuple[Path, Outline]], folder: Path = Path()) -> str:
    """An entry for each model.

    Args:
        folder: of the table, which paths start from.
    """
    taken = {"defaults"}
    entries = []
    for path, model in models:
        stem = re.sub(r"[^0-9A-Za-z_-]+", "-", path.stem).strip("-")
        name = not_taken(stem or "model", taken, "-")
        taken.add(name)
        lines = "\n".join(_lines(os.path.relpath(path, folder), model))
        entries.append(f"\n[{name}]\n{lines}\n# p99_ms = 10\n# qps = 100\n")
    return _HEAD + "".join(entries)


def _lines(path: str, model: Outline) -> Iterator[str]:
    """An entry, as far as it measures."""
    for name in model.inputs:
        yield f"# {quoted(name)}: {one_line(model.tensors[name])}"
    yield f"onnx = {quoted(path)}"
    sizes = {
        name: [
            dim if isinstance(dim, int) else proposed_size(name, model.shapes[name], axis)
            for axis, dim in enumerate(model.shapes.get(name, ()))
        ]
        for name in model.inputs
    }
    dims: dict[str, str] = {}
    for name in model.inputs:
        for dim, size in zip(model.shapes.get(name, ()), sizes[name], strict=True):
            if isinstance(dim, str):
                dims.setdefault(dim, str(size))
    if dims:
        yield f"dims = {inline_table(dims)}"
    shapes = {
        name: format_shape(sizes[name])
        for name in model.inputs
        if None in model.shapes.get(name, ())
    }
    if shapes:
        yield f"shapes = {inline_table({name: quoted(shape) for name, shape in shapes.items()})}"
    if lacking := [name for name in model.inputs if model.tensors[name].startswith("string")]:
        yield f"# Texts are not made up: inputs = {inline_table({lacking[0]: quoted('FILE.npy')})}"
