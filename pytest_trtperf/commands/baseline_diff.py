"""`trtperf baseline diff`: what changed between two states of the baselines."""

from __future__ import annotations

import argparse
import fnmatch
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from pytest_trtperf.baseline.layout import is_baseline, module_of
from pytest_trtperf.baseline.schema import BaselineEntry, decode
from pytest_trtperf.commands.baseline_changes import Entries, EntryId, change_lines, changes
from pytest_trtperf.commands.common import (
    ExitStatus,
    Parsers,
    add_baseline_command,
    say,
    say_json,
)
from pytest_trtperf.commands.stored_baselines import stored_baselines
from pytest_trtperf.errors import BaselineError
from pytest_trtperf.files.git_command import GitError
from pytest_trtperf.files.git_tree import read_files, resolve_commit, top_of

GIT = "git:"

_EXAMPLE = """\
  trtperf baseline diff                       # what is not committed yet
  trtperf baseline diff git:origin/main       # what this branch changes
  trtperf baseline diff git:v1.0 git:v1.1
  trtperf baseline diff other-checkout/perf-baselines
"""
_DETAILS = """\
A state is a directory, or git:REV for the baseline directory in a revision. Numbers are geometric
means of runs, each that of its sessions, which is what later runs are compared with.
"""


def add(actions: Parsers) -> None:
    """Adds the parser."""
    parser = add_baseline_command(
        actions,
        "diff",
        _run,
        help="show which entries changed, and their numbers",
        example=_EXAMPLE,
        details=_DETAILS,
    )
    option = parser.add_argument
    option("old", metavar="OLD", nargs="?", default="git:HEAD", help="default: %(default)s")
    option("new", metavar="NEW", nargs="?", help="default: the baseline directory")


def _run(arguments: argparse.Namespace) -> int:
    directory: Path = arguments.baseline_dir
    pattern: str = arguments.hardware_class
    old = _state(arguments.old, directory, pattern)
    new = _state(arguments.new or str(directory), directory, pattern)
    found = changes(old, new)
    if arguments.json:
        say_json(found)
    else:
        say(*change_lines(found))
    return ExitStatus.OK


def _state(name: str, directory: Path, pattern: str) -> Entries:
    """The entries of a directory, or of the baseline directory in a revision.

    Raises:
        BaselineError: there is no such directory or revision, or a file is broken.
    """
    if name.startswith(GIT):
        return dict(_of_revision(name.removeprefix(GIT), directory.resolve(), pattern))
    if name != str(directory) and not Path(name).is_dir():
        raise BaselineError(
            f"there is no baseline directory {name}; a revision is written {GIT}REV"
        )
    where = argparse.Namespace(baseline_dir=Path(name), hardware_class=pattern)
    return {
        EntryId(one.module, one.key, one.store.hardware_class, one.store.backend): one.entry
        for one in stored_baselines(where)
    }


def _of_revision(
    revision: str, directory: Path, pattern: str
) -> Iterator[tuple[EntryId, BaselineEntry]]:
    folder = next(one for one in (directory, *directory.parents) if one.is_dir())
    try:
        commit, top = resolve_commit(folder, revision), top_of(folder).resolve()
        below = PurePosixPath(directory.relative_to(top).as_posix())
        files = list(read_files(folder, commit, below))
    except GitError as error:
        raise BaselineError(f"{GIT}{revision}: {error}") from None
    for path, data in files:
        place = path.relative_to(below)
        if len(place.parts) < 3 or not is_baseline(place.name):
            continue
        hardware, backend, *rest = place.parts
        if not fnmatch.fnmatchcase(hardware, pattern):
            continue
        module = module_of(PurePosixPath(*rest))
        for key, entry in decode(data, f"{revision}:{path}").entries.items():
            yield EntryId(module, key, hardware, backend), entry
