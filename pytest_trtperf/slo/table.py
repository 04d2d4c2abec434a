"""A table of SLOs as it is read: its entries, each with what the defaults give it."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import msgspec

from pytest_trtperf.errors import TableError
from pytest_trtperf.files.toml import read_toml
from pytest_trtperf.slo.problems import headers, of_validation, problem, shown
from pytest_trtperf.slo.types import (
    DEFAULTS,
    Accuracy,
    Defaults,
    Entry,
    Marks,
    Measurement,
    MetricBudgets,
)
from pytest_trtperf.text import brief, in_brief, is_text

_JOINED = ("build", "labels")
"""Keys of which an entry's values join those of the defaults."""

_SHAPES = ("dims", "shapes")
_NOT_IN_NAMES = ("[", "]", "::")


@dataclass(frozen=True)
class TableEntry:
    """An entry of a table.

    Attributes:
        line: that it begins in, from 1; None where it has no header of its own.
        entry: with what the defaults give it.
    """

    path: Path
    name: str
    line: int | None
    entry: Entry

    def problem(self, key: str, what: object) -> TableError:
        """The error that says what is wrong with a key of this entry."""
        return problem(self.path, self.line, self.name, key, what)


def read_table(path: Path) -> list[TableEntry]:
    """The entries of a table, in its order. No model is opened.

    Raises:
        TableError: it cannot be read, or has what no table may have.
    """
    text = _read(path)
    try:
        tables = read_toml(text)
    except ValueError as error:
        raise TableError(f"{shown(path)}: not TOML: {in_brief(error)}") from None
    lines = headers(text)
    for name, table in tables.items():
        _check_name(path, lines.get(name), name, table)
    defaults = _converted(path, lines, DEFAULTS, tables.pop(DEFAULTS, {}), Defaults, {})
    return [
        TableEntry(path, name, lines.get(name), _entry(path, lines, name, table, defaults))
        for name, table in tables.items()
    ]


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise TableError(f"{shown(path)}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise TableError(f"{shown(path)}: not TOML: {error}") from None


def _check_name(path: Path, line: int | None, name: str, table: object) -> None:
    if not isinstance(table, dict):
        raise TableError(
            f"{shown(path)}: {brief(name)} stands outside of an entry: write it below [NAME], or "
            f"below [{DEFAULTS}] for all entries"
        )
    if not (name and is_text(name)) or any(mark in name for mark in _NOT_IN_NAMES):
        what = "the name becomes a test's: it has no [, ], :: and no control character"
        raise problem(path, line, name, "", what)
    if line is None and table and all(_is_entry(one) for one in table.values()):
        whole = f"{name}.{next(iter(table))}"
        raise problem(path, line, whole, "", f'put a name with a dot in quotes: ["{whole}"]')


def _is_entry(value: object) -> bool:
    return isinstance(value, dict) and "onnx" in value


def _entry(
    path: Path, lines: Mapping[str, int], name: str, table: dict[str, Any], defaults: Defaults
) -> Entry:
    under = {
        field: value
        for field in Defaults.__struct_fields__
        if (value := getattr(defaults, field)) is not None
    }
    # An entry that says how its inputs are shaped does not get half of the default.
    if "dims" in table or "shapes" in table:
        under = {field: value for field, value in under.items() if field not in _SHAPES}
    joined = {
        field: {**under[field], **table[field]}
        for field in _JOINED
        if field in under and isinstance(table.get(field), dict)
    }
    dims = table.get("dims", under.get("dims"))
    found: Entry = _converted(path, lines, name, {**table, **joined}, Entry, dims)
    marks = {**marks_by_name(defaults.marks), **marks_by_name(found.marks)}
    given = {field: value for field, value in under.items() if field not in table}
    return msgspec.structs.replace(found, **{**given, "marks": marks or None})


def marks_by_name(marks: Marks | None) -> dict[str, Any]:
    """The arguments of each mark."""
    return dict(marks) if isinstance(marks, dict) else {name: {} for name in marks or ()}


def _converted(
    path: Path, lines: Mapping[str, int], name: str, table: dict[str, Any], kind: Any, dims: object
) -> Any:
    named = dims if isinstance(dims, Mapping) else {}
    measure = table.get("measure")
    if isinstance(measure, list):
        table = {**table, "measure": []}
        for place, one in enumerate(measure):
            try:
                table["measure"].append(_with_dims(one, named))
            except ValueError as error:
                raise problem(path, lines.get(name), name, f"measure[{place}]", error) from None
    try:
        return msgspec.convert(table, kind)
    except msgspec.ValidationError as error:
        known = {
            "": kind.__struct_fields__,
            "measure": [*Measurement.__struct_fields__, *named],
            "accuracy": Accuracy.__struct_fields__,
            "metrics": MetricBudgets.__struct_fields__,
        }
        key, what = of_validation(error, known)
        raise problem(path, lines.get(name), name, _with_name(key, table, kind), what) from None


def _with_name(key: str, table: Mapping[str, Any], kind: Any) -> str:
    """A key with the name that msgspec leaves out: `dims[...]` is that of one dimension."""
    way, mark, rest = key.partition("[...]")
    steps = [int(step) if step.isdigit() else step for step in re.findall(r"\w+", way)]
    named = functools.reduce(lambda whole, step: whole[step], steps, cast("Any", table))
    if not mark or not isinstance(named, dict):
        return key
    for name, value in named.items():
        try:
            msgspec.convert(_replaced(table, steps, {name: value}), kind)
        except msgspec.ValidationError as error:
            if of_validation(error, {"": ()})[0].startswith(f"{way}{mark}"):
                return f"{way}[{brief(name)}]{rest}"
    return key


def _replaced(whole: Any, steps: Sequence[int | str], value: Any) -> Any:
    """The same with another value in one place."""
    if not steps:
        return value
    copied: Any = list(whole) if isinstance(whole, list) else dict(whole)
    copied[steps[0]] = _replaced(whole[steps[0]], steps[1:], value)
    return copied


def _with_dims(measurement: Any, named: Mapping[str, Any]) -> Any:
    """A measurement whose keys that are names of dimensions are in its `dims`.

    Raises:
        ValueError: one of them is there already.
    """
    if not isinstance(measurement, dict) or not isinstance(measurement.get("dims", {}), dict):
        return measurement
    own = named.keys() - {*Measurement.__struct_fields__}
    sizes = {key: value for key, value in measurement.items() if key in own}
    rest = {key: value for key, value in measurement.items() if key not in own}
    dims = rest.get("dims", {})
    if twice := [key for key in sizes if key in dims]:
        raise ValueError(f"{twice[0]!r} has a size here and in dims=: drop one of the two")
    return {**rest, "dims": {**dims, **sizes}} if sizes else rest
