"""`trtperf merge`: puts the records of a CI matrix, or of several hosts, into one file."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from pytest_trtperf.commands.common import (
    MOST_NAMED,
    ExitStatus,
    Parsers,
    add_command,
    note,
    say,
    say_json,
)
from pytest_trtperf.commands.shards import check_shards
from pytest_trtperf.errors import BaselineError
from pytest_trtperf.record.json_file import (
    MeasurementId,
    measurement_id,
    measurement_ids,
    read_runs,
    write_json,
)
from pytest_trtperf.record.model import MergedRecord, RunRecord
from pytest_trtperf.text import counted

_RAN = (0, 1)
"""Exit statuses of pytest when all tests have run."""

_EXAMPLE = """\
  trtperf merge h200/performance.json l4/performance.json -o performance.json
  trtperf merge --shards shard-*.json -o performance.json
"""

_DETAILS = """\
Each run keeps its environment. All have to be of one commit, and those of one hardware class and
backend of the same options, such as round_ms or tolerance. Two measurements are duplicates if
hardware class, backend, test and key are the same. Other commands read the merged file like any
record.
"""


def add(commands: Parsers) -> None:
    """Adds the parser."""
    parser = add_command(
        commands,
        "merge",
        _run,
        help="put several records into one file",
        example=_EXAMPLE,
        details=_DETAILS,
    )
    option = parser.add_argument
    option("records", metavar="RECORD.json", nargs="+", type=Path, help="the records, in order")
    option("-o", "--output", metavar="FILE", required=True, type=Path, help="the file to write")
    option(
        "--keep",
        choices=("last",),
        help="of duplicate measurements keep that of the last record (default: refuse duplicates)",
    )
    option(
        "--shards",
        action="store_true",
        help="refuse records that are not all of one hardware class and backend",
    )
    option(
        "--mixed",
        action="store_true",
        help="accept records of several commits, and of several sets of options",
    )


def merge_runs(runs: Sequence[RunRecord], *, keep_last: bool = False) -> MergedRecord:
    """Runs as one record.

    Raises:
        BaselineError: there are duplicate measurements, and not `keep_last`.
    """
    twice = [one for one, count in Counter(measurement_ids(runs)).items() if count > 1]
    if twice and not keep_last:
        named = "\n".join(f"  {one}" for one in twice[:MOST_NAMED])
        more = f"\n  and {len(twice) - MOST_NAMED} more" if len(twice) > MOST_NAMED else ""
        raise BaselineError(
            f"the records have {counted(len(twice), 'measurement')} more than once:\n{named}{more}"
            "\nleave a record out, or keep the last of each with --keep last"
        )
    return MergedRecord(runs=_last(runs) if twice else list(runs))


def _last(runs: Sequence[RunRecord]) -> list[RunRecord]:
    """The runs without measurements, and without outcomes of tests, that a later run repeats."""
    seen: set[MeasurementId] = set()
    tests: set[tuple[str, str, str]] = set()
    kept = []
    for run in reversed(runs):
        place = run.hardware_class, run.backend
        parts: dict[str, list[Any]] = {
            name: [one for one in getattr(run, name) if measurement_id(run, one) not in seen]
            for name in ("measurements", "max_qps", "pairs")
        }
        parts["tests"] = [item for item in run.tests if (*place, item.test) not in tests]
        seen.update(measurement_ids([run]))
        tests.update((*place, item.test) for item in run.tests)
        kept.append(msgspec.structs.replace(run, **parts))
    return kept[::-1]


def _run(arguments: argparse.Namespace) -> int:
    named = [(path, run) for path in arguments.records for run in read_runs(path)]
    if not arguments.mixed:
        check_shards(named, one_class=arguments.shards)
    for path, run in named:
        if not run.complete:
            note(f"{path}: the run did not end: it has what was measured until then")
        elif run.exit_status not in _RAN:
            note(f"{path}: the run ended with exit status {run.exit_status}: tests may be absent")
    runs = [run for _, run in named]
    merged = merge_runs(runs, keep_last=arguments.keep == "last")
    write_json(arguments.output, merged)
    count = sum(1 for _ in measurement_ids(merged.runs))
    if arguments.json:
        say_json({"path": str(arguments.output), "runs": len(runs), "measurements": count})
    else:
        say(f"{arguments.output}: {counted(len(runs), 'run')}, {counted(count, 'measurement')}")
    return ExitStatus.OK
