"""Locks on files that the kernel lets go of with their process, however that ends.

Not filelock's: where the file system has no locks it waits for ever, or turns to files whose
presence is the lock, which a killed process leaves behind.
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
    """Holds the lock of a file, which is made for it; yields whether it got it.

    Args:
        mode: of the file, if it is made.
        wait: until it is free; otherwise yields False where it is not.

    Raises:
        OSError: the file cannot be made, or the file system has no locks.
    """
    handle = _acquire(path, mode, wait=wait)
    try:
        yield handle is not None
    finally:
        if handle is not None:
            # Before closing: a process that was forked meanwhile has it open too.
            fcntl.flock(handle, fcntl.LOCK_UN)
            os.close(handle)


def _acquire(path: Path, mode: int, *, wait: bool) -> int | None:
    while True:
        handle = _open(path, mode)
        try:
            with suppress(PermissionError):  # somebody else's, who has set it
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
        os.close(handle)  # its last holder removed it: those who come now lock another file


def _open(path: Path, mode: int) -> int:
    """Opens the file, and makes it only where there is none.

    In a sticky directory fs.protected_regular refuses O_CREAT for a file of another user.
    """
    while True:
        with suppress(FileNotFoundError):
            return os.open(path, _FLAGS)
        with suppress(FileExistsError):  # somebody else was quicker
            return os.open(path, _FLAGS | os.O_CREAT | os.O_EXCL, mode)


def _is_at(path: Path, handle: int) -> bool:
    """Whether an open file is still the one of this name.

    Its number of links does not tell: NFS renames a file that is removed while it is open.
    """
    try:
        return os.path.samestat(path.stat(), os.fstat(handle))
    except OSError:  # removed; NFS may call the open one stale
        return False


def use(path: Path, descriptor: int, *, wait: bool) -> bool:
    """Marks an open file as in use until it is closed; False if it is just being removed.

    Where the file system has no locks nothing is marked, and `unused` refuses.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError:
        return True
    return _is_at(path, descriptor)


def let_go(descriptor: int) -> None:
    """Ends `use` now: a process that was forked meanwhile has the file open too."""
    with suppress(OSError):  # the file system has no locks
        fcntl.flock(descriptor, fcntl.LOCK_UN)


@contextmanager
def unused(path: Path) -> Iterator[bool]:
    """Keeps others from using a file for the length of the block; yields whether none does.

    A link counts as unused: what it leads to outlives its removal.

    Raises:
        OSError: it cannot be opened, or the file system has no locks.
    """
    if not _is_regular(path):
        yield True
        return
    # Over NFS only a file that is open for writing can be locked for oneself.
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
