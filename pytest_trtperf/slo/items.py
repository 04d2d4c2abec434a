"""The tests that the entries of a table are: for each model, precision and measurement one."""

from __future__ import annotations

import glob
import itertools
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any, cast

import msgspec

from pytest_trtperf.analysis.costs import COSTS
from pytest_trtperf.engine.dimensions import parse_dims
from pytest_trtperf.engine.options import FILE_OPTIONS, OWN, checked_options
from pytest_trtperf.engine.shapes import Shapes, format_shape, parse_profiles, parse_shape
from pytest_trtperf.options.declared import Settings
from pytest_trtperf.options.resolve import override
from pytest_trtperf.slo.budgets import OfMetric, budgets_of_metrics
from pytest_trtperf.slo.table import TableEntry, marks_by_name, read_table
from pytest_trtperf.slo.types import (
    MEASURED,
    OPTIONS,
    Accuracy,
    Entry,
    Limit,
    MaxQpsSearch,
    Measured,
    Measurement,
)
from pytest_trtperf.text import meant, with_escapes


@dataclass(frozen=True)
class SloTest:
    """One test of a table.

    Attributes:
        name: such as `resnet50[N=8]`.
        of: the entry that it comes from.
        onnx: the model; None where a glob matches none.
        build: arguments of `trt_engine` beside the path.
        shapes: arguments of the measurement, and of the comparison of outputs.
        options: of the measurement, as those of the mark.
        budgets: of each metric; None is the one that is judged.
        transfer_share: the budget of what copies are of the latency.
        max_qps: the search for the highest request rate; None for none.
        costs: the budget of each of `COSTS`.
        gates: the tolerance of each that is compared with the baseline.
        missing_ok: whether no option fails the test where one of these is not known.
        marks: the arguments of each by its name.
    """

    name: str
    of: TableEntry
    onnx: Path | None
    build: Mapping[str, Any] = field(default_factory=dict)
    shapes: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    budgets: Mapping[str | None, OfMetric] = field(default_factory=dict)
    transfer_share: Limit | None = None
    qps: Limit | None = None
    max_qps: MaxQpsSearch | None = None
    costs: Mapping[str, Limit] = field(default_factory=dict)
    gates: Mapping[str, float] = field(default_factory=dict)
    missing_ok: bool = False
    accuracy: Mapping[str, Any] | None = None
    baseline: bool = True
    marks: Mapping[str, Any] = field(default_factory=dict)

    @property
    def lacking(self) -> str | None:
        """Why it has no model; None where the file is there."""
        given = self.of.entry.onnx
        if self.onnx is None:
            return f"{given!r} matches no file: change the pattern"
        # Not Path.exists, which raises for odd names.
        is_there = os.path.exists(self.onnx)  # noqa: PTH110
        return None if is_there else f"{given!r}: there is no file {self.onnx}"

    @property
    def has_budget(self) -> bool:
        """Whether it holds anything to a limit."""
        highest = self.max_qps and self.max_qps.at_least
        limits = (self.budgets, self.costs, self.qps, highest, self.transfer_share)
        return any(limit not in (None, {}) for limit in limits)


def items_of(path: Path) -> list[SloTest]:
    """The tests of a table, in its order. No model is opened.

    Raises:
        TableError: see `read_table`; or two tests have one name.
    """
    found = [test for entry in read_table(path) for test in _of_entry(entry)]
    seen: set[str] = set()
    for test in found:
        if test.name in seen:
            raise test.of.problem(
                "measure", f"two tests would be called {test.name}: give one of them a name="
            )
        seen.add(test.name)
    return found


def models_of(entry: TableEntry) -> list[Path]:
    """The ONNX files of an entry, as absolute paths; those of a glob are there, and sorted."""
    folder, pattern = entry.path.parent, entry.entry.onnx
    if not _is_glob(folder, pattern):
        return [_absolute(folder, pattern)]
    left_out = {one for each in entry.entry.exclude for one in _matches(folder, each)}
    return sorted(_matches(folder, pattern) - left_out)


def _matches(folder: Path, pattern: str) -> set[Path]:
    if "\0" in pattern:  # no file has one, and glob raises
        return set()
    # Not pathlib's, which takes no absolute patterns.
    found = glob.glob(pattern, root_dir=folder, recursive=True)  # noqa: PTH207
    paths = {_absolute(folder, name) for name in found}
    return {path for path in paths if not path.is_dir()}


def _is_glob(folder: Path, pattern: str) -> bool:
    # Not Path.exists, which raises where a name is too long or has a NUL.
    return glob.has_magic(pattern) and not os.path.exists(folder / pattern)  # noqa: PTH110


def _plain_part(pattern: str) -> str:
    """The folders of a pattern that stand before its first wildcard."""
    parts = PurePath(pattern).parts
    return str(PurePath(*itertools.takewhile(lambda part: not glob.has_magic(part), parts)))


def _absolute(folder: Path, name: str) -> Path:
    return Path(os.path.abspath(folder / name))  # noqa: PTH100  # a link stays one


def _of_entry(entry: TableEntry) -> Iterator[SloTest]:
    folder, pattern = entry.path.parent, entry.entry.onnx
    models = models_of(entry)
    _check_entry(entry)
    if not models:
        yield SloTest(
            f"{entry.name}[{with_escapes(pattern)}]",
            entry,
            None,
            marks=marks_by_name(entry.entry.marks),
        )
    is_one, base = not _is_glob(folder, pattern), _absolute(folder, _plain_part(pattern))
    for model in models:
        label = "" if is_one else model.relative_to(base).with_suffix("").as_posix()
        yield from _of_model(entry, model, label)


def _of_model(entry: TableEntry, model: Path, label: str) -> Iterator[SloTest]:
    is_named = isinstance(entry.entry.precision, list)
    for precision in _variants(entry.entry):
        shown = [label, precision or "" if is_named else ""]
        for place, one in enumerate(entry.entry.measure or [Measurement()]):
            if one.precision in (None, precision):
                key = f"measure[{place}]" if entry.entry.measure else ""
                yield _test(entry, model, precision, one, key, shown)


def _variants(entry: Entry) -> list[Any]:
    """The precisions of an entry, each a build; None is that of its build options."""
    return entry.precision if isinstance(entry.precision, list) else [entry.precision]


def _test(
    entry: TableEntry,
    model: Path,
    precision: str | None,
    one: Measurement,
    key: str,
    shown: list[str],
) -> SloTest:
    whole, table = _inherited(entry.entry, one), entry.entry
    if whole.max_qps and whole.idle_ms:
        raise entry.problem(
            ".".join(filter(None, (key, "max_qps"))),
            "idle_ms is for a closed load, and this is about open ones: leave one of them out",
        )
    parts = [part for part in (*shown, one.name or _sizes(one)) if part]
    dims: Mapping[str, Any] | None = table.dims
    if dims is None and not table.shapes:
        dims = one.dims or None
    build = _build_options(entry)
    if precision not in (None, OWN):
        build["precision"] = precision
    return SloTest(
        name=f"{entry.name}[{with_escapes('-'.join(parts))}]" if parts else entry.name,
        of=entry,
        onnx=model,
        build={"shapes": table.shapes, "dims": dims, **build},
        shapes={"shapes": one.shapes or None, "dims": None if dims is None else one.dims},
        options=_options(entry, whole, key),
        budgets=budgets_of_metrics(entry, whole, key),
        transfer_share=whole.transfer_share,
        qps=whole.qps,
        max_qps=whole.max_qps,
        costs={
            name: limit
            for name, cost in COSTS.items()
            if (limit := getattr(whole, cost.budget)) is not None
        },
        gates={str(name): share for name, share in (whole.gate or {}).items()},
        missing_ok=bool(whole.missing_ok),
        accuracy=_accuracy(entry, whole),
        baseline=whole.baseline is not False,
        marks=marks_by_name(whole.marks),
    )


def _build_options(entry: TableEntry) -> dict[str, Any]:
    """Those of the entry, whose paths start from the table's folder."""
    found = dict(entry.entry.build or {})
    for name in FILE_OPTIONS:
        if isinstance(paths := found.get(name), list):
            found[name] = [str(_absolute(entry.path.parent, path)) for path in paths]
        elif isinstance(paths, str):
            found[name] = str(_absolute(entry.path.parent, paths))
    return found


def _inherited(entry: Measured, one: Measured) -> Measured:
    """What a measurement has, with what its entry gives it."""
    found = {name: getattr(entry if getattr(one, name) is None else one, name) for name in MEASURED}
    if entry.labels and one.labels:
        found["labels"] = {**entry.labels, **one.labels}
    found["marks"] = {**marks_by_name(entry.marks), **marks_by_name(one.marks)}
    return Measured(**found)


def _sizes(one: Measurement) -> str:
    shapes = {name: format_shape(parse_shape(shape)) for name, shape in one.shapes.items()}
    return "-".join(f"{name}={size}" for name, size in (*one.dims.items(), *shapes.items()))


def _check_entry(entry: TableEntry) -> None:
    """Refuses what no measurement could make right, before anything is built."""
    table = entry.entry
    checks: list[tuple[str, Any]] = [
        ("dims", lambda: parse_dims(table.dims)),
        ("shapes", lambda: parse_profiles(cast("Shapes", table.shapes))),
        ("build", lambda: checked_options(table.build or {})),
    ]
    for place, one in enumerate(table.measure or ()):
        checks.append((f"measure[{place}].shapes", lambda one=one: _sizes(one)))
    for key, check in checks:
        try:
            check()
        except ValueError as error:
            raise entry.problem(key, error) from None
    variants = _variants(table)
    if len(set(variants)) < len(variants):
        raise entry.problem("precision", "one comes twice: leave it out")
    if table.precision is not None and "precision" in (table.build or {}):
        raise entry.problem("precision", "build= has one, too: write it in precision= alone")
    for place, one in enumerate(table.measure or ()):
        where = f"measure[{place}]"
        _check_sizes(entry, where, one)
        if one.precision is not None and one.precision not in variants:
            raise entry.problem(
                f"{where}.precision", f"the entry's precision= has no {one.precision!r}"
            )


def _check_sizes(entry: TableEntry, where: str, one: Measurement) -> None:
    """Refuses sizes that the profile of the entry's `dims=` does not have."""
    for ends in parse_dims(entry.entry.dims):
        for name, size in one.dims.items():
            if name not in ends:
                names = meant(name, ends)
                raise entry.problem(f"{where}.dims", f"dims= has no {name!r}{names}")
            low, _, high = ends[name]
            if not low <= size <= high:
                what = f"{name} = {size} is outside of the entry's dims=, {low} to {high}"
                raise entry.problem(where, f"{what}: widen it or measure another size")


def _options(entry: TableEntry, whole: Measured, key: str) -> dict[str, Any]:
    found = {name: getattr(whole, name) for name in OPTIONS}
    given = {name: value for name, value in found.items() if value is not None}
    folder = entry.path.parent
    try:
        inputs = override(Settings(), given, "options").inputs
    except ValueError as error:
        raise entry.problem(key, str(error).removeprefix("options: ")) from None
    if inputs is not None:
        given["inputs"] = _beside(folder, inputs)
    return given


def _beside(folder: Path, inputs: Any) -> Any:
    """Values of inputs, or several sets of them, whose paths start from the table's folder.

    Texts are paths; a list has values.
    """
    if isinstance(inputs, tuple):
        return [_beside(folder, one) for one in inputs]
    if isinstance(inputs, Path):
        return str(folder / inputs)
    return {
        name: str(folder / value) if isinstance(value, Path) else value
        for name, value in inputs.items()
    }


def _accuracy(entry: TableEntry, whole: Measured) -> dict[str, Any] | None:
    """The arguments of `Engine.assert_close`; None where outputs are not compared."""
    if not whole.accuracy:
        return None
    if not isinstance(whole.accuracy, Accuracy):
        return {}
    given = {
        name: value
        for name, value in msgspec.structs.asdict(whole.accuracy).items()
        if value is not None
    }
    if (reference := given.get("reference")) and PurePath(reference).suffix:
        given["reference"] = _absolute(entry.path.parent, reference)
    return given
