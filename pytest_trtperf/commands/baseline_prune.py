"""`trtperf baseline prune`: removes stored baselines, after it has listed them."""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

from pytest_trtperf.baseline.keys import possible_tests
from pytest_trtperf.commands.collected_tests import collect_tests
from pytest_trtperf.commands.common import (
    ExitStatus,
    Parsers,
    add_baseline_command,
    existing_directory,
    note,
    parsed,
    say,
    say_json,
)
from pytest_trtperf.commands.stored_baselines import Stored, about, stored_baselines
from pytest_trtperf.errors import BaselineError
from pytest_trtperf.options.values import parse_count
from pytest_trtperf.record.item import PASSED
from pytest_trtperf.record.json_file import measurement_ids, read_runs
from pytest_trtperf.record.model import RunRecord
from pytest_trtperf.record.text import matches
from pytest_trtperf.text import counted
from pytest_trtperf.utc import utc_text

_DAY_S = 86_400

_EXAMPLE = """\
  trtperf baseline prune --gone --dry-run
  trtperf baseline prune --not-collected
  trtperf baseline prune --not-collected -- tests/perf --model a,b,c
  trtperf baseline prune --not-in performance.json
"""
_DETAILS = """\
Lists the entries first, and then removes them. --not-collected only collects tests, so that it
needs no GPU. It takes all tests that a module has, whatever other plugins leave out of a run; where
an option of your own makes tests, give it after -- with all of its values. The entries of a module
that skips itself stay.
"""


def add(actions: Parsers) -> None:
    """Adds the parser."""
    parser = add_baseline_command(
        actions,
        "prune",
        _run,
        help="list and remove the entries that match any of the options",
        example=_EXAMPLE,
        details=_DETAILS,
    )
    option = parser.add_argument
    option("--gone", action="store_true", help="entries whose test module no longer exists")
    option(
        "--root",
        type=existing_directory,
        metavar="DIR",
        help="where --gone looks for the test modules (default: the baseline directory's parent)",
    )
    option(
        "--not-collected",
        action="store_true",
        help="entries of tests that their module, which still exists, does not have any more",
    )
    option(
        "pytest",
        metavar="ARGUMENT",
        nargs="*",
        help="of pytest, for --not-collected: the folders of tests, and options",
    )
    option(
        "--not-in",
        type=Path,
        metavar="RECORD.json",
        help="entries without a measurement in this record, which must be of a whole run on the "
        "same hardware; those of tests that did not pass there stay",
    )
    option(
        "--older-than",
        type=parsed(parse_count(0, 36_500)),
        metavar="DAYS",
        help="entries whose last run was recorded more than DAYS ago",
    )
    option("--test", metavar="KEY", help="entries of these tests; * and ? match as in a shell")
    option("--dry-run", action="store_true", help="list what would be removed, and remove nothing")


def _run(arguments: argparse.Namespace) -> int:
    if arguments.pytest and not arguments.not_collected:
        raise BaselineError(f"{arguments.pytest[0]!r} is for pytest: give --not-collected as well")
    stored = stored_baselines(arguments)
    unwanted = _criteria(arguments, stored)
    if not unwanted:
        raise BaselineError(
            "no entries are selected: use --gone, --not-collected, --not-in, --older-than or --test"
        )
    found = [one for one in stored if any(test(one) for test in unwanted)]
    if not arguments.json:
        say(*(f"{one.key} ({one.place})" for one in found))
    if not arguments.dry_run:
        _remove(found)
    if arguments.json:
        say_json({"removed": [about(one) for one in found], "dry_run": arguments.dry_run})
    else:
        verb = "would be removed" if arguments.dry_run else "removed"
        say(f"{counted(len(found), 'entry')} {verb}")
    return ExitStatus.OK


def _remove(found: Sequence[Stored]) -> None:
    modules: dict[tuple[str, str, str], list[Stored]] = defaultdict(list)
    for one in found:
        modules[one.store.hardware_class, one.store.backend, one.module].append(one)
    for those in modules.values():
        store, module = those[0].store, those[0].module
        store.update(module, {}, [one.key for one in those])
        store.remove_empty_folders(module)


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
    if arguments.not_collected:
        found = collect_tests(arguments.pytest, arguments.baseline_dir)
        for module in sorted(found.skipped.keys() & {one.module for one in stored}):
            note(f"{module} is skipped: its entries stay: {found.skipped[module]}")
        tests.append(
            lambda one: (
                one.module in found.modules and found.tests.isdisjoint(possible_tests(one.key))
            )
        )
    if arguments.not_in is not None:
        tests.append(_is_not_in(read_runs(arguments.not_in), arguments.not_in))
    if arguments.older_than is not None:
        limit = utc_text(time.time() - arguments.older_than * _DAY_S)
        tests.append(lambda one: one.newest < limit)
    if arguments.test is not None:
        tests.append(lambda one: matches(arguments.test, one.key))
    return tests


def _is_not_in(runs: Sequence[RunRecord], path: Path) -> Callable[[Stored], bool]:
    """Whether a record of whole runs says that no test measures an entry any more.

    Raises:
        BaselineError: a run was killed before it ended.
    """
    if not all(run.complete for run in runs):
        raise BaselineError(f"{path}: the run did not end, so that tests may be missing from it")
    places = {(run.hardware_class, run.backend) for run in runs}
    measured = {(one.hardware_class, one.backend, one.key) for one in measurement_ids(runs)}
    # A test that was skipped, or failed before it measured, may measure the next time.
    unsure = {
        (run.hardware_class, run.backend, item.key)
        for run in runs
        for item in run.tests
        if item.outcome not in PASSED
    }

    def is_not_in(one: Stored) -> bool:
        place = one.store.hardware_class, one.store.backend
        known = {(*place, test) for test in possible_tests(one.key)}
        return place in places and (*place, one.key) not in measured and known.isdisjoint(unsure)

    return is_not_in
