"""`trtperf baseline accept`: turns the measurements of records into baselines."""

from __future__ import annotations

import argparse
import fnmatch
import shlex
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from pytest_trtperf.baseline.layout import Layout
from pytest_trtperf.baseline.merge import add_run, has_run
from pytest_trtperf.baseline.schema import BaselineEntry
from pytest_trtperf.baseline.store import BaselineStore
from pytest_trtperf.commands.baseline_changes import EntryChange, EntryId, change_lines, changes
from pytest_trtperf.commands.common import (
    MOST_NAMED,
    ExitStatus,
    Parsers,
    add_baseline_command,
    say,
    say_json,
)
from pytest_trtperf.errors import BaselineError
from pytest_trtperf.judge.attribution import doubts
from pytest_trtperf.options.declared import Settings
from pytest_trtperf.record.acceptable import acceptable
from pytest_trtperf.record.as_baseline import baseline_entry
from pytest_trtperf.record.json_file import read_runs
from pytest_trtperf.record.model import MeasurementRecord, RunRecord
from pytest_trtperf.record.text import matches, shortened
from pytest_trtperf.text import counted

_THERE = "the baseline has this run already"

LONGEST_REASON = 300
"""Characters, of why a measurement is left out."""

_EXAMPLE = """\
  trtperf baseline accept h200/performance.json l4/performance.json --dry-run
  trtperf baseline accept performance.json --test "tests/test_perf.py::test_resnet50*"
"""
_DETAILS = """\
A measurement becomes a run of its test's entry, as --trtperf-update would have recorded it. What
recording leaves out is left out: tests that failed, unless by the comparison with their baseline
alone. Each hardware class has a folder of its own, so that one command takes the records of all.

Exit status 1 says that nothing was accepted, and that not all is there already.

A record has numbers and no engines. Where a comparison is to race against the engine of its
baseline, record with --trtperf-update on that machine.
"""


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """The result; `left_out` says by test why, `notes` what to know of what was taken."""

    changes: list[EntryChange]
    left_out: dict[str, str]
    notes: list[str]
    written: list[str]
    dry_run: bool


def add(actions: Parsers) -> None:
    """Adds the parser."""
    parser = add_baseline_command(
        actions,
        "accept",
        _run,
        help="make baselines of the measurements of records",
        example=_EXAMPLE,
        details=_DETAILS,
    )
    parser.set_defaults(baseline_files=None)
    option = parser.add_argument
    option(
        "records",
        metavar="RECORD.json",
        nargs="+",
        type=Path,
        help="from --trtperf-json or trtperf merge, such as the artifacts of CI",
    )
    option("--test", metavar="KEY", help="only these tests; * and ? match as in a shell")
    option(
        "--replace",
        action="store_true",
        help="begin the entries anew: their earlier runs are of a level that is given up",
    )
    option("--dry-run", action="store_true", help="show what would change, and write nothing")
    option("--all", action="store_true", help="name each test that is left out or in doubt")


@dataclass
class _Acceptance:
    """What the records make of the baselines of one directory."""

    directory: Path
    layout: Layout | None
    replaces: bool
    old: dict[EntryId, BaselineEntry] = field(default_factory=dict)
    new: dict[EntryId, BaselineEntry] = field(default_factory=dict)
    left_out: dict[EntryId, str] = field(default_factory=dict)
    notes: list[tuple[EntryId, str]] = field(default_factory=list)
    _stores: dict[tuple[str, str], BaselineStore] = field(default_factory=dict)

    def take(self, run: RunRecord, record: MeasurementRecord) -> None:
        """Adds a measurement to its entry."""
        one = EntryId(record.module, record.key, run.hardware_class, run.backend)
        if one not in self.new and (stored := self._store(one).get(one.module, one.key)):
            self.old[one] = stored
        before = self.new.get(one) or (None if self.replaces else self.old.get(one))
        measured = baseline_entry(record, run.software, run.created)
        if before and has_run(before, measured):
            self.left_out[one] = _THERE
        elif before and before.runs[-1].recorded > run.created:
            self.left_out[one] = (
                f"the baseline has a newer run, of {before.runs[-1].recorded}: --replace takes "
                f"that of {run.created} in its place"
            )
        else:
            self.new[one] = add_run(before, measured)
            remarks = (*doubts(measured), *_few_sessions(measured))
            self.notes += [(one, text) for text in remarks]

    def leave_out(self, run: RunRecord, record: MeasurementRecord, why: str) -> None:
        """Notes why a measurement is not taken."""
        one = EntryId(record.module, record.key, run.hardware_class, run.backend)
        self.left_out[one] = why

    @property
    def is_vain(self) -> bool:
        """Whether nothing is accepted, other than because it is there already."""
        return not self.new and any(why != _THERE for why in self.left_out.values())

    def _store(self, one: EntryId) -> BaselineStore:
        """The baselines of a hardware class and backend."""
        place = one.hardware_class, one.backend
        if place not in self._stores:
            self._stores[place] = BaselineStore(self.directory, *place, self.layout)
        return self._stores[place]

    def write(self) -> Iterator[Path]:
        """Writes the entries, and gives the paths."""
        modules: dict[tuple[str, str, str], list[EntryId]] = defaultdict(list)
        for one in self.new:
            modules[one.hardware_class, one.backend, one.module].append(one)
        for those in modules.values():
            entries = {one.key: self.new[one] for one in those}
            if path := self._store(those[0]).update(those[0].module, entries):
                yield path


def _few_sessions(measured: BaselineEntry) -> Iterator[str]:
    if (count := len(measured.sessions)) < Settings.sessions:
        yield (
            f"{counted(count, 'session')}, where recording takes {Settings.sessions}: what "
            "sessions differ by is known less well"
        )


def _run(arguments: argparse.Namespace) -> int:
    runs = [run for path in arguments.records for run in _read(path)]
    accepted = _Acceptance(
        arguments.baseline_dir, arguments.baseline_files, replaces=arguments.replace
    )
    for run in _of_class(runs, arguments.hardware_class):
        chosen = [(one, why) for one, why in acceptable(run) if _is_named(one, arguments.test)]
        _check_directories([one for one, _ in chosen])
        for one, why in chosen:
            if why:
                accepted.leave_out(run, one, why)
            else:
                accepted.take(run, one)
    if not (accepted.new or accepted.left_out):
        raise BaselineError(
            f"no test of the records is named {arguments.test!r}"
            if arguments.test
            else "the records have no measurement that becomes a baseline"
        )
    written = [] if arguments.dry_run else [str(path) for path in accepted.write()]
    result = Accepted(
        changes=changes(accepted.old, {**accepted.old, **accepted.new}),
        left_out={str(one): why for one, why in accepted.left_out.items()},
        notes=[f"{one}: {text}" for one, text in accepted.notes],
        written=written,
        dry_run=arguments.dry_run,
    )
    if arguments.json:
        say_json(result)
    else:
        say(*change_lines(result.changes))
        say(*_by_kind(accepted.notes, "", everything=arguments.all))
        say(*_by_kind(accepted.left_out.items(), "left out ", everything=arguments.all))
        say(*(f"baseline written: {path}" for path in written))
        ending = ", and nothing was written" if arguments.dry_run or not written else ""
        say(f"accepted {len(accepted.new)}, left out {len(accepted.left_out)}{ending}")
    return ExitStatus.FOUND if accepted.is_vain else ExitStatus.OK


def _read(path: Path) -> list[RunRecord]:
    """The runs of a record; the error of what is more like a test says what is wanted."""
    try:
        return read_runs(path)
    except BaselineError as error:
        if ".json" in path.suffixes or not isinstance(error.__cause__, FileNotFoundError):
            raise
        name = str(path)
        test = "" if "::" in name else "-k "
        instead = (
            "; to measure now instead, run "
            f"pytest --trtperf --trtperf-update {test}{shlex.quote(name)}"
        )
        raise BaselineError(
            f"{path}: there is no such file: give a RECORD.json that a run wrote with "
            "--trtperf-json, and choose tests of it with --test"
            + ("" if test and "/" in name else instead)
        ) from None


def _by_kind(
    remarks: Iterable[tuple[EntryId, str]], begin: str, *, everything: bool
) -> Iterator[str]:
    """A line for each thing that is said, with the first of the tests of which it is."""
    kinds: dict[str, list[EntryId]] = defaultdict(list)
    for one, text in remarks:
        kinds[shortened(" ".join(text.split()), LONGEST_REASON)].append(one)
    lines = list(kinds.items())
    for text, those in lines if everything else lines[:MOST_NAMED]:
        if everything or len(those) == 1:
            yield from (f"{begin}{one}: {text}" for one in those)
        else:
            more = counted(len(those) - 1, "other")
            yield f"{begin}{those[0]} and {more}: {text}"
    rest = sum(len(those) for _, those in lines[MOST_NAMED:])
    if rest and not everything:
        yield f"{begin}{counted(rest, 'more test')} for other reasons: --all names them"


def _of_class(runs: Sequence[RunRecord], pattern: str) -> list[RunRecord]:
    """The runs of the hardware classes that match, the oldest first."""
    found = [run for run in runs if fnmatch.fnmatchcase(run.hardware_class, pattern)]
    if not found:
        classes = ", ".join(sorted({run.hardware_class for run in runs}))
        raise BaselineError(
            f"no record is of hardware class {pattern!r}: they were made on {classes}"
        )
    return sorted(found, key=lambda run: run.created)


def _is_named(one: MeasurementRecord, pattern: str | None) -> bool:
    return pattern is None or matches(pattern, one.key) or matches(pattern, one.test)


def _check_directories(records: Sequence[MeasurementRecord]) -> None:
    """Refuses a run whose measurements belong into several baseline directories."""
    directories = sorted({one.baseline_dir for one in records})
    if len(directories) > 1:
        raise BaselineError(
            f"the tests of one record have their baselines in several directories "
            f"({', '.join(directories)}): accept those of one directory at a time, with --test and "
            "--baseline-dir"
        )
