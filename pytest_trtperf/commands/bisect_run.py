"""`trtperf bisect-run`: judges one commit, in the exit statuses that `git bisect run` reads."""

from __future__ import annotations

import argparse
import re
import tempfile
import traceback
from collections.abc import Sequence
from enum import IntEnum
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import pytest

from pytest_trtperf.baseline.locate import DIRECTORY_NAME
from pytest_trtperf.commands.bisect_judgement import judge
from pytest_trtperf.commands.common import QUIET_IMPORTS, Parsers, note
from pytest_trtperf.commands.project_options import ProjectOptions
from pytest_trtperf.errors import TrtPerfError
from pytest_trtperf.files.git_command import GitError
from pytest_trtperf.files.git_state import bisect_log
from pytest_trtperf.record.model import RunRecord


class BisectStatus(IntEnum):
    """What `git bisect run` makes of a command's exit status: from 128 on it ends."""

    GOOD = 0
    BAD = 1
    SKIP = 125
    ABORT = 128


_DETAILS = """\
example:
  git bisect start HEAD v1.4
  git bisect run trtperf bisect-run -- pytest tests/perf -k resnet50

Runs the tests and compares with the revision that the bisection began with as good: its engines are
built here, and raced in turns with those of the commit. Stored baselines are not looked at, since
they change from commit to commit. If the command names --trtperf-baseline-dir, tests are compared
with the baselines in that directory, and raced where their references are kept.

exit status:
  0    good: all tests that measured something are as fast
  1    bad: a test regressed, or missed a budget
  125  skip: a test broke or could not be built, nothing was compared, or a verdict stayed open
  128  the bisection ends: wrong usage, or an interrupt from the keyboard
"""


def add(commands: Parsers) -> None:
    """Adds the parser."""
    parser = commands.add_parser(
        "bisect-run",
        help="judge a commit for git bisect run",
        description="Judges a commit for git bisect run: good, bad, or to be skipped.",
        epilog=_DETAILS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    # argparse's own status for wrong usage is that of a bad commit.
    parser.error = partial(_refuse, parser)
    option = parser.add_argument
    option(
        "--good",
        metavar="REV",
        help="the revision to compare with (default: the first that was good when the bisection "
        "began)",
    )
    option(
        "--metric",
        action="append",
        metavar="NAME",
        help='judge by this number alone, such as "gpu_compute median" or "latency P99"; may be '
        "repeated (default: all that are compared, and budgets)",
    )
    option(
        "command",
        nargs=argparse.REMAINDER,
        metavar="-- pytest ARGUMENT",
        help="the command, which begins with pytest or python -m pytest",
    )
    parser.set_defaults(run=_run)


def _refuse(parser: argparse.ArgumentParser, message: str) -> NoReturn:
    parser.print_usage()
    note(f"error: {message}")
    parser.exit(BisectStatus.ABORT)


class _Watch:
    """Takes the record of a run, and notices an interrupt."""

    record: RunRecord | None = None
    interrupted = False

    @pytest.hookimpl(optionalhook=True)
    def pytest_trtperf_run_finished(self, record: RunRecord) -> None:
        """Keeps the record."""
        self.record = record

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[Any]) -> None:
        """https://docs.pytest.org/en/stable/reference/reference.html#std-hook-pytest_keyboard_interrupt"""
        # What ends a run whose tests cannot be collected is of a class below it.
        self.interrupted |= excinfo.type is KeyboardInterrupt


def _run(arguments: argparse.Namespace) -> int:
    try:
        words = _words_of_pytest(arguments.command)
        with tempfile.TemporaryDirectory(prefix="trtperf-bisect-") as place:
            (empty := Path(place, DIRECTORY_NAME)).mkdir()
            ours = _own_options(words, arguments.good, empty)
            watch = _Watch()
            # The options of --trtperf-changed-only are about baselines, which are not looked at.
            status = pytest.main(
                [*QUIET_IMPORTS, "--trtperf", "--no-trtperf-changed-only", *words, *ours],
                plugins=[watch],
            )
    except KeyboardInterrupt:
        return BisectStatus.ABORT
    except Exception as error:  # noqa: BLE001
        # Python's own status for an error is that of a bad commit.
        if not isinstance(error, (TrtPerfError, GitError, OSError)):
            traceback.print_exc()
        note(f"error: {error}")
        return BisectStatus.ABORT
    if watch.interrupted:
        note("interrupted: the commit was not judged")
        return BisectStatus.ABORT
    if watch.record is None:
        note(f"skip: pytest ended with status {int(status)}, and measured nothing")
        return BisectStatus.SKIP
    word, why = judge(watch.record, arguments.metric)
    note(f"{word}: {why}")
    return BisectStatus[word.upper()]


def _words_of_pytest(command: Sequence[str]) -> list[str]:
    """The arguments of the command of pytest.

    Raises:
        TrtPerfError: it is another command.
    """
    words = list(command[command[:1] == ["--"] :])
    if words and Path(words[0]).name in ("pytest", "py.test"):
        return words[1:]
    if words[1:3] == ["-m", "pytest"] and re.match(r"python[\d.]*$", Path(words[0]).name):
        return words[3:]
    raise TrtPerfError(
        f"{' '.join(words) or 'nothing'!r} is not a command of pytest: write trtperf bisect-run -- "
        "pytest ARGUMENTS"
    )


def _own_options(words: Sequence[str], good: str | None, empty: Path) -> list[str]:
    """What makes the tests race against the good revision, unless `words` name baselines.

    Args:
        empty: a directory without baselines.

    Raises:
        TrtPerfError: no good revision is known.
    """
    project = ProjectOptions(words)
    place = project.find("baseline_dir")
    if place.source.startswith("--"):
        if good:
            raise TrtPerfError("--good is for a race without baselines: leave it out")
        return []
    if project.find("reference").source.startswith("--"):
        raise TrtPerfError(
            "--trtperf-reference needs baselines that stay as they are: name a copy of them with "
            "--trtperf-baseline-dir, or name a revision with --good"
        )
    return [
        f"--trtperf-reference=git:{good or _first_good()}",
        "--trtperf-race=always",
        f"--trtperf-baseline-dir={empty}",
    ]


def _first_good() -> str:
    found = re.search(r"^# good: \[([0-9a-f]+)\]", bisect_log(Path.cwd()), flags=re.MULTILINE)
    if not found:
        raise TrtPerfError(
            "no bisection with a good revision is under way here: begin with git bisect start BAD "
            "GOOD, or name the revision with --good"
        )
    return found[1]
