"""The command git, which runs no hook or monitor of a repository and reaches no network."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

# What a caller, such as a hook of git, sets for one repository; configuration stays.
_OF_GIT = "GIT_"
_KEPT = tuple(_OF_GIT + name for name in ("CONFIG", "CEILING_DIRECTORIES", "DISCOVERY"))
# Objects that a partial clone lacks are not fetched, and no index is written.
_SET = {
    "ALLOW_PROTOCOL": "none",
    "NO_LAZY_FETCH": "1",
    "NO_REPLACE_OBJECTS": "1",
    "OPTIONAL_LOCKS": "0",
}
_WITHOUT_PROGRAMS = ("-c", "core.fsmonitor=false", "-c", f"core.hooksPath={os.devnull}")


class GitError(Exception):
    """A revision, or its tree, cannot be had; the text says why."""


def run_git(folder: Path, *words: str, timeout_s: float | None = None) -> bytes:
    """What git writes when it runs in a folder.

    Raises:
        GitError: it is missing, fails or takes too long.
    """
    try:
        done = subprocess.run(  # noqa: S603
            ["git", "-C", str(folder), *_WITHOUT_PROGRAMS, *words],  # noqa: S607
            env=git_environment(), stdin=subprocess.DEVNULL, capture_output=True, check=False,
            timeout=timeout_s,
        )  # fmt: skip
    except FileNotFoundError:
        raise GitError("git is not installed, or not on the PATH") from None
    except subprocess.TimeoutExpired:
        raise GitError(f"git {words[0]} took longer than {timeout_s:g} s") from None
    except OSError as error:
        raise GitError(f"git cannot be started: {error.strerror}") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().replace("\n", "; ")
        raise GitError(said.removeprefix("fatal: ") or f"git {words[0]} failed")
    return done.stdout


def git_environment() -> dict[str, str]:
    """The environment of git's process."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_OF_GIT) or name.startswith(_KEPT)
    }
    return kept | {_OF_GIT + name: value for name, value in _SET.items()} | {"LC_ALL": "C"}
