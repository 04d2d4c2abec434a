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
    add_group,
    existing_directory,
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
some. Exits with 1 if a model is in no table, and with 2 if a table is wrong or has an entry whose
file is not there or whose pattern matches none. Tests in Python are not looked at.
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
    actions = add_group(
        commands,
        "slo",
        help="check tables of SLOs, and print their JSON Schema",
        description="Checks tables of SLOs (*.slo.toml), and prints their JSON Schema.",
    )
    check = add_command(
        actions,
        "check",
        _check,
        help="check tables, and list the models of directories that are in none",
        example=_CHECK_EXAMPLE,
        details=_CHECK_DETAILS,
    )
    option = check.add_argument
    option("directories", nargs="+", type=existing_directory, metavar="DIR", help="of ONNX files")
    option("--table", action="append", type=_table, metavar="FILE", help="a table; may be repeated")
    add_command(
        actions,
        "schema",
        _schema,
        help="print the JSON Schema of tables",
        example=_SCHEMA_EXAMPLE,
        details=_SCHEMA_DETAILS,
    )


def _table(text: str) -> Path:
    """The path of a table, absolute."""
    if not text.endswith(TABLE_SUFFIX):
        raise argparse.ArgumentTypeError(
            f"pytest collects no table of the name {text!r}: call it NAME{TABLE_SUFFIX}"
        )
    return Path(os.path.abspath(text))  # noqa: PTH100  # a link stays one


def _check(arguments: argparse.Namespace) -> int:
    tables = [*dict.fromkeys(arguments.table or sorted(_below(Path.cwd(), TABLE_SUFFIX)))]
    models = {_real(one): one for path in arguments.directories for one in _below(path, ".onnx")}
    if not models:
        raise TableError(f"no ONNX file is in {', '.join(map(str, arguments.directories))}")
    tests = [test for table in tables for test in items_of(table)]
    _check_models(tests)
    has_budget: dict[str, bool] = {}
    for test in tests:
        if test.onnx:
            real = _real(test.onnx)
            has_budget[real] = has_budget.get(real, False) or test.has_budget
    without = sorted(str(one) for real, one in models.items() if real not in has_budget)
    unlimited = sorted(str(one) for real, one in models.items() if has_budget.get(real) is False)
    if arguments.json:
        names = [shown(table) for table in tables]
        say_json(
            {"tables": names, "models": len(models), "in_no_table": without,
             "without_budget": unlimited}
        )  # fmt: skip
    else:
        _say_found(len(tables), len(models), without, unlimited)
    return ExitStatus.FOUND if without else ExitStatus.OK


def _check_models(tests: Sequence[SloTest]) -> None:
    """Refuses tables with entries that have no model.

    Raises:
        TableError: it names each of them.
    """
    found = [str(test.of.problem("onnx", why)) for test in tests if (why := test.lacking)]
    if found:
        raise TableError("\n  ".join(dict.fromkeys(found)))


def _say_found(tables: int, models: int, without: Sequence[str], unlimited: Sequence[str]) -> None:
    say(f"{counted(models, 'model')}, {counted(tables, 'table')}")
    for title, found in (("in no table", without), ("in a table without a budget", unlimited)):
        if found:
            say(f"{title} ({len(found)}):", *(f"  {model}" for model in found))
    if not (without or unlimited):
        say("each model has a budget")


def _schema(arguments: argparse.Namespace) -> int:
    del arguments  # it is JSON anyway
    say_text(files("pytest_trtperf.slo").joinpath(FILE).read_text(encoding="utf-8").rstrip())
    return ExitStatus.OK


def _below(folder: Path, suffix: str) -> Iterator[Path]:
    """The files of a folder and below, without hidden folders and virtual environments."""
    for path, folders, names in os.walk(folder):
        plain = [name for name in folders if not name.startswith(".")]
        folders[:] = [one for one in plain if not Path(path, one, "pyvenv.cfg").exists()]
        yield from (Path(path, name) for name in names if name.endswith(suffix))


def _real(path: Path) -> str:
    return os.path.realpath(path)
