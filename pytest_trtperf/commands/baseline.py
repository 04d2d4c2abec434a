"""`trtperf baseline`: lists, shows and removes stored baselines."""

from __future__ import annotations

import argparse
import fnmatch
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

import msgspec
import numpy as np

from pytest_trtperf.analysis.gates import OPEN_LOAD_GATES, Gate, closed_load_gates
from pytest_trtperf.baseline.schema import BaselineEntry, BaselineRun
from pytest_trtperf.baseline.store import BaselineStore
from pytest_trtperf.commands.common import (
    ExitStatus,
    Parsers,
    Subcommand,
    add_baseline_dir,
    add_command,
    existing_directory,
    parsed,
    say,
    say_json,
)
from pytest_trtperf.errors import BaselineError
from pytest_trtperf.options.values import parse_count
from pytest_trtperf.record.json_file import measurement_ids, read_runs
from pytest_trtperf.record.text import shortened
from pytest_trtperf.report.tables import aligned

_LIST_EXAMPLE = """\
  trtperf baseline list --hardware-class "nvidia-*"
"""
_SHOW_EXAMPLE = """\
  trtperf baseline show "tests/test_perf.py::test_resnet50*"
"""
_PRUNE_EXAMPLE = """\
  trtperf baseline prune --gone --dry-run
  trtperf baseline prune --not-in performance.json
"""


@dataclass(frozen=True)
class Stored:
    """A baseline entry and where it is stored."""

    store: BaselineStore
    module: str
    key: str
    entry: BaselineEntry

    @property
    def newest(self) -> str:
        """When its last run was recorded."""
        return self.entry.runs[-1].recorded


def add(commands: Parsers) -> None:
    """Adds `baseline` and its three subcommands."""
    parser = commands.add_parser(
        "baseline",
        help="list, show and remove stored baselines",
        description="Lists, shows and removes stored baselines.",
        allow_abbrev=False,
    )
    actions = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add(actions, "list", _list, "list the entries, one per line", _LIST_EXAMPLE)
    show = _add(
        actions,
        "show",
        _show,
        "show the runs and numbers of entries",
        _SHOW_EXAMPLE,
    )
    show.add_argument("key", metavar="KEY", help="key of the test; * and ? match as in a shell")
    prune = _add(
        actions, "prune", _prune, "remove the entries that match any of the options", _PRUNE_EXAMPLE
    )
    option = prune.add_argument
    option("--gone", action="store_true", help="entries whose test module no longer exists")
    option(
        "--root",
        type=existing_directory,
        metavar="DIR",
        help="where --gone looks for the test modules (default: the baseline directory's parent)",
    )
    option(
        "--not-in",
        type=Path,
        metavar="RECORD.json",
        help="entries without a measurement in this record, which must be of a whole run on the "
        "same hardware",
    )
    option(
        "--older-than",
        type=parsed(parse_count(0, 36_500)),
        metavar="DAYS",
        help="entries whose last run was recorded more than DAYS ago",
    )
    option("--test", metavar="KEY", help="entries of these tests; * and ? match as in a shell")
    option("--dry-run", action="store_true", help="list what would be removed, and remove nothing")


def _add(
    actions: Parsers, name: str, run: Subcommand, help: str, example: str
) -> argparse.ArgumentParser:
    parser = add_command(actions, name, run, help=help, example=example)
    add_baseline_dir(parser)
    parser.add_argument(
        "--hardware-class", default="*", metavar="NAME", help="only these classes; * and ? match"
    )
    return parser


def _stored(arguments: argparse.Namespace) -> list[Stored]:
    """All entries of the hardware classes that match."""
    directory = arguments.baseline_dir
    if not directory.is_dir():
        raise BaselineError(
            f"there is no baseline directory {directory}: name another with --baseline-dir"
        )
    return [
        Stored(store, module, key, entry)
        for store in _stores(directory, arguments.hardware_class)
        for module in store.list_modules()
        for key, entry in store.entries(module).items()
    ]


def _stores(directory: Path, pattern: str) -> Iterator[BaselineStore]:
    for hardware in sorted(directory.iterdir()):
        if hardware.is_dir() and fnmatch.fnmatchcase(hardware.name, pattern):
            for backend in sorted(path for path in hardware.iterdir() if path.is_dir()):
                yield BaselineStore(directory, hardware.name, backend.name)


def _list(arguments: argparse.Namespace) -> int:
    found = _stored(arguments)
    if arguments.json:
        say_json([_about(one) for one in found])
        return ExitStatus.OK
    columns = ("test", "hardware", "backend", "runs", "last recorded", *_figure_names(found))
    rows = []
    for one in found:
        figures = _figures(one.entry)
        rows.append(
            (
                shortened(one.key),
                one.store.hardware_class,
                one.store.backend,
                str(len(one.entry.runs)),
                one.newest[:10],
                *(f"{figures[n]:.4g}" if n in figures else "-" for n in columns[5:]),
            )
        )
    say(*aligned([columns, *rows], left=(0, 1, 2, 4)) if rows else [], f"{len(found)} entries")
    return ExitStatus.OK


def _show(arguments: argparse.Namespace) -> int:
    found = [one for one in _stored(arguments) if _matches(one.key, arguments.key)]
    if not found:
        raise BaselineError(
            f"no entry of {arguments.baseline_dir} is named {arguments.key!r}: "
            "see trtperf baseline list for the names"
        )
    if arguments.json:
        say_json([{**_about(one), "entry": one.entry} for one in found])
        return ExitStatus.OK
    for one in found:
        say(one.key, *(f"  {line}" for line in _details(one)))
    return ExitStatus.OK


def _prune(arguments: argparse.Namespace) -> int:
    stored = _stored(arguments)
    unwanted = _criteria(arguments, stored)
    if not unwanted:
        raise BaselineError("no entries are selected: use --gone, --not-in, --older-than or --test")
    found = [one for one in stored if any(test(one) for test in unwanted)]
    if not arguments.dry_run:
        modules: dict[tuple[str, str, str], list[Stored]] = defaultdict(list)
        for one in found:
            modules[one.store.hardware_class, one.store.backend, one.module].append(one)
        for those in modules.values():
            those[0].store.update(those[0].module, {}, [one.key for one in those])
    if arguments.json:
        say_json({"removed": [_about(one) for one in found], "dry_run": arguments.dry_run})
    else:
        verb = "would be removed" if arguments.dry_run else "removed"
        say(*(f"{one.key} ({_place(one)})" for one in found), f"{len(found)} entries {verb}")
    return ExitStatus.OK


def _criteria(
    arguments: argparse.Namespace, stored: Sequence[Stored]
) -> list[Callable[[Stored], bool]]:
    """One predicate for each option given: whether an entry is to be removed."""
    tests: list[Callable[[Stored], bool]] = []
    if arguments.gone:
        root = arguments.root or arguments.baseline_dir.resolve().parent
        if not any((root / one.module).exists() for one in stored):
            raise BaselineError(f"{root} has none of the test modules: name their root with --root")
        tests.append(lambda one: not (root / one.module).exists())
    if arguments.not_in is not None:
        runs = read_runs(arguments.not_in)
        places = {(run.hardware_class, run.backend) for run in runs}
        measured = {(one.hardware_class, one.backend, one.key) for one in measurement_ids(runs)}
        tests.append(
            lambda one: (
                (place := (one.store.hardware_class, one.store.backend)) in places
                and (*place, one.key) not in measured
            )
        )
    if arguments.older_than is not None:
        limit = datetime.now(timezone.utc) - timedelta(days=arguments.older_than)
        text = limit.strftime("%Y-%m-%dT%H:%M:%SZ")
        tests.append(lambda one: one.newest < text)
    if arguments.test is not None:
        tests.append(lambda one: _matches(one.key, arguments.test))
    return tests


def _matches(key: str, pattern: str) -> bool:
    """Matches like a shell, except that [...] stands for itself: tests have parameters there."""
    return fnmatch.fnmatchcase(key, pattern.replace("[", "[[]"))


def _place(one: Stored) -> str:
    return f"{one.store.backend} on {one.store.hardware_class}"


def _about(one: Stored) -> dict[str, object]:
    return {
        "key": one.key,
        "hardware_class": one.store.hardware_class,
        "backend": one.store.backend,
        "path": str(one.store.path(one.module)),
        "runs": len(one.entry.runs),
        "recorded": one.newest,
        **_figures(one.entry),
    }


def _gates(entry: BaselineEntry) -> tuple[Gate, ...]:
    if entry.mode.get("load") == "open":
        return OPEN_LOAD_GATES
    return closed_load_gates(entry.runs[-1].rounds[0].quantiles)


def _figures(entry: BaselineEntry) -> dict[str, float]:
    """Of each gated metric the median over the rounds of all runs."""
    rounds = entry.rounds
    return {
        f"{gate.name} {gate.unit}": float(np.median(gate.values(rounds))) for gate in _gates(entry)
    }


def _figure_names(found: list[Stored]) -> list[str]:
    return list(dict.fromkeys(name for one in found for name in _figures(one.entry)))


def _details(one: Stored) -> Iterator[str]:
    entry = one.entry
    yield f"{_place(one)}, {one.store.path(one.module)}"
    yield f"shapes: {_compact_json(entry.shapes)}"
    yield f"mode: {_compact_json(entry.mode)}"
    for run in entry.runs:
        alone = msgspec.structs.replace(entry, runs=[run])
        figures = ", ".join(f"{name} {value:.5g}" for name, value in _figures(alone).items())
        software = ", ".join(f"{name} {version}" for name, version in sorted(run.software.items()))
        yield f"{run.recorded}: {figures} ({_extent(run)}; {software})"


def _extent(run: BaselineRun) -> str:
    sessions = len(run.sessions)
    return f"{len(run.rounds)} rounds" + (f" in {sessions} sessions" if sessions > 1 else "")


def _compact_json(values: object) -> str:
    return msgspec.json.encode(values).decode()
