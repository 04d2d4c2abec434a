"""`trtperf baseline`: lists, shows, compares, accepts and removes stored baselines."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import msgspec

from pytest_trtperf.baseline.schema import BaselineRun
from pytest_trtperf.commands import baseline_accept, baseline_diff, baseline_prune
from pytest_trtperf.commands.common import (
    ExitStatus,
    Parsers,
    add_baseline_command,
    add_group,
    say,
    say_json,
)
from pytest_trtperf.commands.stored_baselines import (
    Stored,
    about,
    figures,
    stored_baselines,
)
from pytest_trtperf.errors import BaselineError
from pytest_trtperf.record.text import matches, shortened
from pytest_trtperf.report.tables import aligned
from pytest_trtperf.text import counted

_LIST_EXAMPLE = """\
  trtperf baseline list --hardware-class "nvidia-*"
"""
_SHOW_EXAMPLE = """\
  trtperf baseline show "tests/test_perf.py::test_resnet50*"
"""


def add(commands: Parsers) -> None:
    """Adds `baseline` and its subcommands."""
    actions = add_group(
        commands,
        "baseline",
        help="list, show, accept, compare and remove stored baselines",
        description="Lists, shows, accepts, compares and removes stored baselines.",
    )
    add_baseline_command(
        actions, "list", _list, help="list the entries, one per line", example=_LIST_EXAMPLE
    )
    show = add_baseline_command(
        actions, "show", _show, help="show the runs and numbers of entries", example=_SHOW_EXAMPLE
    )
    show.add_argument(
        "key",
        metavar="KEY",
        nargs="?",
        help="key of the test; * and ? match as in a shell (default: all)",
    )
    for command in (baseline_accept, baseline_diff, baseline_prune):
        command.add(actions)


def _list(arguments: argparse.Namespace) -> int:
    found = stored_baselines(arguments)
    if arguments.json:
        say_json([about(one) for one in found])
        return ExitStatus.OK
    columns = ("test", "hardware", "backend", "runs", "last recorded", *_figure_names(found))
    rows = []
    for one in found:
        numbers = figures(one.entry)
        rows.append(
            (
                shortened(one.key),
                one.store.hardware_class,
                one.store.backend,
                str(len(one.entry.runs)),
                one.newest[:10],
                *(f"{numbers[n]:.4g}" if n in numbers else "-" for n in columns[5:]),
            )
        )
    table = aligned([columns, *rows], left=(0, 1, 2, 4)) if rows else []
    say(*table, counted(len(found), "entry"))
    return ExitStatus.OK


def _show(arguments: argparse.Namespace) -> int:
    key = arguments.key or "*"
    found = [one for one in stored_baselines(arguments) if matches(key, one.key)]
    if not found and arguments.key:
        raise BaselineError(
            f"no entry of {arguments.baseline_dir} is named {arguments.key!r}: "
            "see trtperf baseline list for the names"
        )
    if arguments.json:
        say_json([{**about(one), "entry": one.entry} for one in found])
        return ExitStatus.OK
    for one in found:
        say(one.key, *(f"  {line}" for line in _details(one)))
    if not arguments.key:
        say(counted(len(found), "entry"))
    return ExitStatus.OK


def _figure_names(found: list[Stored]) -> list[str]:
    return list(dict.fromkeys(name for one in found for name in figures(one.entry)))


def _details(one: Stored) -> Iterator[str]:
    entry = one.entry
    yield f"{one.place}, {one.store.path(one.module)}"
    yield f"shapes: {_compact_json(entry.shapes)}"
    yield f"mode: {_compact_json(entry.mode)}"
    for run in entry.runs:
        alone = msgspec.structs.replace(entry, runs=[run])
        numbers = ", ".join(f"{name} {value:.5g}" for name, value in figures(alone).items())
        software = ", ".join(f"{name} {version}" for name, version in sorted(run.software.items()))
        yield f"{run.recorded}: {numbers} ({_extent(run)}; {software})"


def _extent(run: BaselineRun) -> str:
    sessions = len(run.sessions)
    return counted(len(run.rounds), "round") + (f" in {sessions} sessions" if sessions > 1 else "")


def _compact_json(values: object) -> str:
    return msgspec.json.encode(values).decode()
