"""`trtperf slo`: checks tables of SLOs, and prints the JSON Schema that editors take."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path

from pytest_trtperf.baseline.layout import TABLE_SUFFIX
from pytest_trtperf.commands.common import (
    ExitStatus,
    Parsers,
    add_command,
    say,
    say_json,
    say_text,
)
from pytest_trtperf.errors import TableError
from pytest_trtperf.slo.items import SloTest, items_of
from pytest_trtperf.slo.problems import shown
from pytest_trtperf.slo.schema import FILE
from pytest_trtperf.text import counted

_CHECK_EXAMPLE = """\
  trtperf slo check models/
  trtperf slo check models/ --table perf/models.slo.toml
"""

_CHECK_DETAILS = """\
No model is opened. Tables are all *.slo.toml below the current directory unless --table names
some. Exits with 1 if a model is in no table, and with 2 if a table is wrong. Tests in Python are
not looked at.
"""

_SCHEMA_EXAMPLE = """\
  trtperf slo schema > slo.schema.json
"""

_SCHEMA_DETAILS = """\
Taplo, and Even Better TOML of VS Code, check and complete a table that begins with the line
  #:schema ./slo.schema.json
"""


def add(commands: Parsers) -> None:
    """Adds `slo` and its actions."""
    parser = commands.add_parser(
        "slo",
        help="check tables of SLOs, and print their JSON Schema",
        description="Checks tables of SLOs (*.slo.toml), and prints their JSON Schema.",
        allow_abbrev=False,
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    check = add_command(
        actions,
        "check",
        _check,
        help="check tables, and list the models of directories that are in none",
        example=_CHECK_EXAMPLE,
        details=_CHECK_DETAILS,
    )
    option = check.add_argument
    option("directories", nargs="+", type=Path, metavar="DIR", help="of ONNX files")
    option("--table", action="append", type=Path, metavar="FILE", help="a table; may be repeated")
    add_command(
        actions,
        "schema",
        _schema,
        help="print the JSON Schema of tables",
        example=_SCHEMA_EXAMPLE,
        details=_SCHEMA_DETAILS,
    )


def _check(arguments: argparse.Namespace) -> int:
    for folder in arguments.directories:
        if not folder.is_dir():
            raise TableError(f"{folder} is not a directory")
    tables = arguments.table or sorted(_below(Path.cwd(), TABLE_SUFFIX))
    tests = [test for table in tables for test in items_of(Path(os.path.abspath(table)))]  # noqa: PTH100
    models = sorted({one for folder in arguments.directories for one in _below(folder, ".onnx")})
    if not models:
        raise TableError(f"no ONNX file is in {', '.join(map(str, arguments.directories))}")
    known = {_real(test.onnx): False for test in tests if test.onnx}
    for test in tests:
        if test.onnx and _has_budget(test):
            known[_real(test.onnx)] = True
    without = [str(model) for model in models if _real(model) not in known]
    unlimited = [str(model) for model in models if known.get(_real(model)) is False]
    if arguments.json:
        names = [shown(Path(table)) for table in tables]
        say_json(
            {"tables": names, "models": len(models), "in_no_table": without,
             "without_budget": unlimited}
        )  # fmt: skip
    else:
        _say_found(tables, models, without, unlimited)
    return ExitStatus.FOUND if without else ExitStatus.OK


def _say_found(
    tables: Sequence[Path], models: Sequence[Path], without: Sequence[str], unlimited: Sequence[str]
) -> None:
    say(f"{counted(len(models), 'model')}, {counted(len(tables), 'table')}")
    for title, found in (("in no table", without), ("in a table without a budget", unlimited)):
        if found:
            say(f"{title} ({len(found)}):", *(f"  {model}" for model in found))
    if not (without or unlimited):
        say("each model has a budget")


def _schema(arguments: argparse.Namespace) -> int:
    del arguments  # it is JSON anyway
    say_text(files("pytest_trtperf.slo").joinpath(FILE).read_text(encoding="utf-8").rstrip())
    return ExitStatus.OK


def _has_budget(test: SloTest) -> bool:
    return bool(test.percentiles_ms) or not (test.qps is None and test.device_memory_mib is None)


def _below(folder: Path, suffix: str) -> Iterator[Path]:
    """The files of a folder and below, without hidden folders and virtual environments."""
    for path, folders, names in os.walk(folder):
        plain = [name for name in folders if not name.startswith(".")]
        folders[:] = [one for one in plain if not Path(path, one, "pyvenv.cfg").exists()]
        yield from (Path(path, name) for name in names if name.endswith(suffix))


def _real(path: Path) -> str:
    return os.path.realpath(path)
