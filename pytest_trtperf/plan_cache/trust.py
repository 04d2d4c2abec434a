"""Whether anybody else could have written a file: a plan is code, and only ours is loaded."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

from pytest_trtperf.errors import CacheError

_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH
_ROOT = 0
_ALL_USERS = 2**32 - 1
_WAY_OUT = (
    "name another directory with TRTPERF_CACHE_DIR, or trust everyone who may write there with "
    "TRTPERF_SHARED_CACHE=1, or use the options of these names"
)


class Damaged(Exception):
    """A file of the cache is not what was written, or may not be; the text says why."""


def check_directory(directory: Path) -> None:
    """Refuses a directory that anybody else may write to or replace, also by a link or a parent.

    Raises:
        CacheError: names what is wrong and where.
        OSError: its permissions cannot be read.
    """
    status = directory.stat()
    if status.st_uid != os.geteuid():
        raise CacheError(
            f"{directory}: this engine cache belongs to user {status.st_uid}, whose plans would "
            f"be loaded; {_WAY_OUT}"
        )
    if status.st_mode & _WRITABLE_BY_OTHERS:
        raise CacheError(
            f"{directory}: other users may write to this engine cache, and their plans would be "
            f"loaded; run chmod 700 on it, {_WAY_OUT}"
        )
    check_way(directory)


def check_way(directory: Path) -> None:
    """Refuses a directory whose parents or links anybody else may replace.

    Those that do not exist yet will be this user's.

    Raises:
        CacheError: names what is wrong and where.
        OSError: permissions cannot be read.
    """
    trusted = _trusted_owners()
    for step in _steps(directory.absolute()):
        if os.path.lexists(step) and (problem := _problem_above(step, trusted)):
            raise CacheError(
                f"{directory}: this engine cache could be replaced by others: {problem}; {_WAY_OUT}"
            )


def _steps(directory: Path) -> set[Path]:
    """All directories on the way to this one, those of links included."""
    steps: set[Path] = set()
    pending = [directory]
    while pending:
        path = pending.pop()
        if path in steps:
            continue
        steps.add(path)
        pending.append(path.parent)
        if path.is_symlink():
            pending.append(path.parent / path.readlink())
    return steps


def _problem_above(step: Path, trusted: set[int]) -> str | None:
    status = step.stat()
    if strangers := {status.st_uid, step.lstat().st_uid} - trusted:
        return f"{step} belongs to user {min(strangers)}"
    if status.st_mode & _writable_by_strangers(status) and not status.st_mode & stat.S_ISVTX:
        return f"other users may write to {step}"
    return None


def _trusted_owners() -> set[int]:
    return {_ROOT, os.geteuid(), *_unmapped_owner()}


def _unmapped_owner() -> set[int]:
    """The owner that the host's root appears as, if this user namespace does not map root."""
    try:
        ranges = Path("/proc/self/uid_map").read_text().splitlines()
        mapped = sum(int(line.split()[2]) for line in ranges)
        overflow = int(Path("/proc/sys/kernel/overflowuid").read_text())
    except (OSError, ValueError, IndexError):
        return set()
    return {overflow} if mapped < _ALL_USERS else set()


def _writable_by_strangers(status: os.stat_result) -> int:
    # By convention a group with the same number as a user has no other member.
    own_group = status.st_gid == status.st_uid == os.geteuid()
    return stat.S_IWOTH if own_group else _WRITABLE_BY_OTHERS


def open_cached(path: Path, *, shared: bool) -> BinaryIO:
    """Opens a file of a cache for reading.

    Args:
        shared: accept a link and any owner: everyone who may write to the directory is trusted.

    Raises:
        FileNotFoundError: there is none.
        Damaged: it cannot be opened, it is no regular file, or a user other than this one and root
            owns it or may write to it.
    """
    # A pipe in its place must not make `open` wait.
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | (0 if shared else os.O_NOFOLLOW)
    if path.is_symlink() and not shared:
        raise Damaged("is a link")
    try:
        handle = os.open(path, flags)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise Damaged(f"cannot be read: {error.strerror}") from error
    try:
        _check_file(os.fstat(handle), shared=shared)
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


def _check_file(status: os.stat_result, *, shared: bool) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise Damaged("is not a regular file")
    if shared:
        return
    if status.st_uid not in (_ROOT, os.geteuid()):
        raise Damaged(f"belongs to user {status.st_uid}")
    if status.st_mode & _WRITABLE_BY_OTHERS:
        raise Damaged("can be written by other users")
