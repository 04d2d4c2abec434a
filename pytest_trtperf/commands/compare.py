"""`trtperf compare`: compares two records test by test, like --trtperf-against."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Collection
from datetime import datetime, timezone
from pathlib import Path

from pytest_trtperf.analysis.gates import P99_TOLERANCE, TOLERANCE
from pytest_trtperf.commands.common import (
    ExitStatus,
    Parsers,
    add_command,
    note,
    parsed,
    say,
    say_json,
    say_text,
)
from pytest_trtperf.commands.compare_markdown import markdown_text
from pytest_trtperf.commands.compare_text import text_lines
from pytest_trtperf.commands.compared_records import compare_runs
from pytest_trtperf.errors import BaselineError
from pytest_trtperf.judge.policy import RECORD, Policy
from pytest_trtperf.options.values import INCONCLUSIVE_POLICIES, parse_tolerance
from pytest_trtperf.record.acknowledged import FILE, read_quarantine
from pytest_trtperf.record.json_file import read_runs

_EXAMPLE = """\
  pytest --trtperf --trtperf-json=old.json      # the merge base
  pytest --trtperf --trtperf-json=new.json      # the branch, on the same machine
  trtperf compare old.json new.json --fail
"""

_DETAILS = """\
Measurements are matched by hardware class, backend, test and key. Searches for the highest rate
have no rounds, and pairs are comparisons themselves: neither is compared. A test is broken if it
failed in the new record, though not by its comparison with a baseline, and not in the old record;
records of earlier versions do not know of tests without a measurement. What the new run left out as
unchanged (--trtperf-changed-only) is not missing. What the old run left out, as unchanged or since
it did not end, is compared with nothing: --fail is red then.

What engines cost beside their queries (load time, cold start, energy, size, build time, memory) is
listed where it changed by over 1 %, the ten largest changes without --all. It is judged, by the
tolerance of the new run, where the test has a gate= and a baseline was there.

Tests that are expected to fail count apart, and are not red: those that the new record has as
xfailed or xpassed, and those in quarantine.
"""


def add(commands: Parsers) -> None:
    """Adds the parser."""
    parser = add_command(
        commands,
        "compare",
        _run,
        help="compare two records of --trtperf-json, test by test",
        example=_EXAMPLE,
        details=_DETAILS,
    )
    option = parser.add_argument
    option("old", metavar="OLD.json", type=Path, help="the record to compare with")
    option("new", metavar="NEW.json", type=Path, help="the record to judge")
    option(
        "--fail",
        action="store_true",
        help="exit with 1 when something regressed, is missing from a record or is broken",
    )
    option(
        "--missing",
        choices=("fail", "warn"),
        default="fail",
        help="what becomes of missing and broken tests, and of an old run that did not end, under "
        "--fail (default: %(default)s)",
    )
    option(
        "--acknowledged",
        type=Path,
        default=Path(FILE),
        metavar="FILE",
        help="the file with the quarantine (default: %(default)s in the current directory)",
    )
    option(
        "--tolerance",
        type=parsed(parse_tolerance),
        metavar="SHARE",
        help="tolerated change: 0.02, or median=0.02,p99=0.1,throughput=0.02 "
        f"(default: {TOLERANCE:g}, and {P99_TOLERANCE:g} for P99)",
    )
    option(
        "--inconclusive",
        choices=INCONCLUSIVE_POLICIES,
        default="warn",
        help="what becomes of an inconclusive comparison (default: %(default)s; estimate is "
        "deprecated and means warn)",
    )
    option("--all", action="store_true", help="show unchanged measurements, too")
    option(
        "--format",
        choices=("text", "markdown"),
        default="text",
        help="text, or Markdown for a comment (default: %(default)s)",
    )
    option(
        "--marker",
        default="trtperf compare",
        type=_marker,
        metavar="NAME",
        help="the comment of HTML that the Markdown begins with, by which a job finds its own "
        "comment again (default: %(default)s)",
    )


def _marker(text: str) -> str:
    if not re.fullmatch(r"[\w][\w .:/-]*", text) or "--" in text:
        raise argparse.ArgumentTypeError(f"{text!r}: letters, digits, spaces and .:/- are expected")
    return text


def _run(arguments: argparse.Namespace) -> int:
    if arguments.inconclusive == "estimate":
        note("--inconclusive=estimate is deprecated and means warn")
    failed_by = "--inconclusive=fail" if arguments.inconclusive == "fail" else None
    # A record has what it has: one session has to do, and chance is allowed for.
    policy = Policy(arguments.tolerance, failed_by, RECORD, confirming=1)
    old, new = read_runs(arguments.old), read_runs(arguments.new)
    found = compare_runs(old, new, policy, _quarantine(arguments.acknowledged))
    if arguments.json:
        say_json(found)
    elif arguments.format == "markdown":
        say_text(markdown_text(found, arguments.marker, everything=arguments.all))
    else:
        say(*text_lines(found, everything=arguments.all))
    if not (found.compared or found.unchanged):
        raise BaselineError(
            f"{arguments.old} and {arguments.new} have no measurement in common: the same tests "
            "have to be measured on the same hardware with the same backend"
        )
    is_red = found.regressed or (arguments.missing == "fail" and found.lacks_something)
    return ExitStatus.FOUND if arguments.fail and is_red else ExitStatus.OK


def _quarantine(path: Path) -> Callable[[Collection[str]], str]:
    """Why a test of these names may regress today; empty where it may not."""
    today = datetime.now(timezone.utc).date()
    known = read_quarantine(path, today)

    def why(names: Collection[str]) -> str:
        one = known.quarantined(names, today)
        return f"in quarantine until {one.until} by {one.by}: {one.reason}" if one else ""

    return why
