"""`trtperf init`: writes a first test module for ONNX files."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from pytest_trtperf.baseline.layout import TABLE_SUFFIX
from pytest_trtperf.commands.common import (
    ExitStatus,
    Parsers,
    add_command,
    note,
    say,
    say_json,
    say_text,
)
from pytest_trtperf.commands.first_table import first_table
from pytest_trtperf.commands.first_tests import first_tests
from pytest_trtperf.errors import EngineBuildError
from pytest_trtperf.onnx_file.outline import Outline, outline
from pytest_trtperf.text import counted

_EXAMPLE = """\
  trtperf init models/resnet50.onnx models/encoder.onnx
  trtperf init models/*.onnx -o tests/test_performance.py
  trtperf init --table models/*.onnx
"""

_MODULE, _TABLE = "test_performance.py", f"models{TABLE_SUFFIX}"

_DETAILS = """\
Each model gets a test that measures it with one shape, which you put at the top of the test: what
production runs. Budgets are there as comments. Nothing that is there is overwritten. Files that are
no models are named and left out; then the exit status is 1, and 2 where no model is left.
"""


def add(commands: Parsers) -> None:
    """Adds the parser."""
    parser = add_command(
        commands,
        "init",
        _run,
        help="write a first test of ONNX files, with their own names of dimensions",
        example=_EXAMPLE,
        details=_DETAILS,
    )
    option = parser.add_argument
    option("models", nargs="+", metavar="MODEL.onnx", type=Path, help="the ONNX files")
    option("--table", action="store_true", help="write a table of SLOs in place of functions")
    option(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        help=f"what is written; - prints it (default: {_MODULE}, with --table {_TABLE})",
    )


def _run(arguments: argparse.Namespace) -> int:
    paths: dict[Path, Path] = {}
    for path in arguments.models:  # a file that is given by two paths is one model
        paths.setdefault(path.parent.resolve() / path.name, path)
    outlines = [(path, outline(path)) for path in paths.values()]
    models = [(path, found) for path, found in outlines if not _problem(found)]
    left_out = {str(path): why for path, found in outlines if (why := _problem(found))}
    if not models:
        raise EngineBuildError("\n  ".join(f"{path}: {why}" for path, why in left_out.items()))
    output: Path = arguments.output or Path(_TABLE if arguments.table else _MODULE)
    if arguments.table and str(output) != "-" and not output.name.endswith(TABLE_SUFFIX):
        note(f"error: pytest collects tables by the end of their name: write -o NAME{TABLE_SUFFIX}")
        return ExitStatus.TROUBLE
    folder = Path() if str(output) == "-" else output.parent
    source = first_table(models, folder) if arguments.table else first_tests(models)
    is_printed = str(output) == "-"
    if not is_printed and os.path.lexists(output):
        note(f"error: {output} is there already: name another file with -o, or take -o - to print")
        return ExitStatus.TROUBLE
    if not is_printed:
        output.parent.mkdir(parents=True, exist_ok=True)
        with output.open("x", encoding="utf-8") as file:
            file.write(source)
    if arguments.json:
        written = None if is_printed else str(output)
        say_json({"written": written, "source": source, "left_out": left_out})
    elif is_printed:
        say_text(source)
    else:
        _say_what_is_next(output, len(models))
    for path, why in left_out.items():
        note(f"left out {path}: {why}")
    return ExitStatus.FOUND if left_out else ExitStatus.OK


def _say_what_is_next(output: Path, tests: int) -> None:
    say(
        f"written: {output}, with {counted(tests, 'test')}",
        "next: fill in shapes and budgets, then run",
        f"  pytest --trtperf {output}",
        "or on a machine without a GPU",
        f"  pytest --trtperf --trtperf-backend=auto,onnxruntime {output}",
        "once it passes, record the baseline with the same options, and commit it",
        f"  pytest --trtperf --trtperf-update {output}",
    )


def _problem(found: Outline) -> str:
    """Why there is no test of it; what has no outputs only happens to be read as a model."""
    return found.problem or ("" if found.outputs else "is not an ONNX model: it has no outputs")
