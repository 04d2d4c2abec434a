"""What of a repository is checked out in a folder."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from pytest_trtperf.files.git_command import GitError, run_git
from pytest_trtperf.utc import utc_text

_LONGEST_S = 10.0


@dataclass(frozen=True)
class CheckedOut:
    """What is checked out; None where git cannot say.

    Attributes:
        commit: hexadecimal.
        commit_time: of the committer, UTC.
        branch: None of a commit by itself, as CI services check it out.
        dirty: whether tracked files differ from the commit.
    """

    commit: str | None = None
    commit_time: str | None = None
    branch: str | None = None
    dirty: bool | None = None


def checked_out(folder: Path) -> CheckedOut:
    """What is checked out in a folder; all None without git or a repository."""
    # Configuration can have git check signatures, whose result it would write as well.
    shown = _said(folder, "show", "--no-patch", "--no-show-signature", "--format=%H %ct", "HEAD")
    if shown is None or not (found := re.fullmatch(r"([0-9a-f]+) (\d+)", shown)):
        return CheckedOut()
    commit, seconds = found.groups()
    changed = _said(
        folder, "status", "--porcelain", "--untracked-files=no", "--ignore-submodules=dirty"
    )
    return CheckedOut(
        commit=commit,
        commit_time=utc_text(int(seconds)),
        branch=_said(folder, "symbolic-ref", "--short", "--quiet", "HEAD"),
        dirty=None if changed is None else bool(changed),
    )


def _said(folder: Path, *words: str) -> str | None:
    try:
        return run_git(folder, *words, timeout_s=_LONGEST_S).decode(errors="replace").strip()
    except GitError:
        return None


def bisect_log(folder: Path) -> str:
    """The log of the bisection under way; empty without one.

    Raises:
        GitError: git is missing, or there is no repository.
    """
    path = os.fsdecode(run_git(folder, "rev-parse", "--git-path", "BISECT_LOG").rstrip(b"\n"))
    try:
        return (folder / path).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
