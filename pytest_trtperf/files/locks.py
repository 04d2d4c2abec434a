"""Locks on files; the kernel releases them when their process ends, however it ends.

They are not filelock's. On a file system without locks filelock waits for ever, or its lock is the
presence of a file, which a killed process leaves behind.
"""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_FLAGS = os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW


@contextmanager
def exclusive(path: Path, mode: int, *, wait: bool) -> Iterator[bool]:
    """Holds the lock of a file, which it makes if necessary; yields whether it got the lock.

    Args:
        mode: the permission bits of a new file.
        wait: wait until the lock is free; otherwise yield False if it is not.

    Raises:
        OSError: the file cannot be made, or the file system has no locks.
    """
    handle = _acquire(path, mode, wait=wait)
    try:
        yield handle is not None
    finally:
        if handle is not None:
            # Before closing: a forked process has the file open too.
            fcntl.flock(handle, fcntl.LOCK_UN)
            os.close(handle)


def hold(path: Path, mode: int) -> int | None:
    """The lock of a file, which it makes if necessary, as a descriptor; None if it is not free.

    A process that inherits the descriptor shares the lock: it ends when all have closed it.

    Raises:
        OSError: the file cannot be made, or the file system has no locks.
    """
    return _acquire(path, mode, wait=False)


def _acquire(path: Path, mode: int, *, wait: bool) -> int | None:
    while True:
        handle = _open(path, mode)
        try:
            with suppress(PermissionError):  # another user's file, who has set the mode
                os.fchmod(handle, mode)
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            is_current = _is_at(path, handle)
        except BaseException as error:
            os.close(handle)
            if isinstance(error, BlockingIOError):
                return None
            raise
        if is_current:
            return handle
        os.close(handle)  # the last holder removed this file, and others lock a new one now


def _open(path: Path, mode: int) -> int:
    """Opens the file; makes it only if there is none.

    In a sticky directory, fs.protected_regular refuses O_CREAT for another user's file.
    """
    while True:
        with suppress(FileNotFoundError):
            return os.open(path, _FLAGS)
        with suppress(FileExistsError):  # another process was quicker
            return os.open(path, _FLAGS | os.O_CREAT | os.O_EXCL, mode)


def _is_at(path: Path, handle: int) -> bool:
    """Whether an open file is still the file at this path.

    The number of links does not show it: NFS renames a file that is removed while it is open.
    """
    try:
        return os.path.samestat(path.stat(), os.fstat(handle))
    except OSError:  # it was removed; NFS may call the open file stale
        return False


def use(path: Path, descriptor: int, *, wait: bool) -> bool:
    """Marks an open file as in use until it is closed; False if it is being removed.

    On a file system without locks nothing is marked, and `unused` raises an error.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError:
        return True
    return _is_at(path, descriptor)


def let_go(descriptor: int) -> None:
    """Ends `use` at once, also for forked processes that have the file open."""
    with suppress(OSError):  # the file system has no locks
        fcntl.flock(descriptor, fcntl.LOCK_UN)


@contextmanager
def unused(path: Path) -> Iterator[bool]:
    """Keeps other processes from using a file during the block; yields whether nobody uses it.

    A link counts as unused: its target stays when the link is removed.

    Raises:
        OSError: it cannot be opened, or the file system has no locks.
    """
    if not _is_regular(path):
        yield True
        return
    # NFS gives an exclusive lock only on a file that is open for writing.
    handle = os.open(path, _FLAGS)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(handle)


def _is_regular(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except FileNotFoundError:
        return False
