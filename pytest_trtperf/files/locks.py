"""Locks on files; the kernel releases them when their process ends, however it ends.

They are not filelock's. On a file system without locks filelock waits for ever, or its lock is the
presence of a file, which a killed process leaves behind; and it refuses the lock of another user.
"""

from __future__ import annotations

import errno
import fcntl
import math
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_FLAGS = os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW
_LOOK_EVERY_S = 0.02
# Another user may have made a file, and not yet have given it its mode.
_SETTLES_S = 1.0
_MOST_TRIES = 100
_OF_OTHERS = 0o066

NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
"""What a file system without locks answers."""


class LockTimeout(Exception):
    """A lock was not free in time."""


@contextmanager
def exclusive(path: Path, mode: int, *, wait: bool) -> Iterator[bool]:
    """Holds the lock of a file, which it makes if necessary; yields whether it got the lock.

    Args:
        mode: the permission bits of a new file.
        wait: wait until the lock is free; otherwise yield False if it is not.

    Raises:
        OSError: the file cannot be made or is no lock, or the file system has no locks; its
            `strerror` says which.
    """
    handle = _acquire(path, mode, wait=wait)
    try:
        yield handle is not None
    finally:
        if handle is not None:
            release(handle)


def hold(path: Path, mode: int) -> int | None:
    """The lock of a file, which it makes if necessary, as a descriptor; None if it is not free.

    A process that inherits the descriptor shares the lock: it ends when all have closed it.

    Raises:
        OSError: as of `exclusive`.
    """
    return _acquire(path, mode, wait=False)


def wait_for(
    path: Path,
    mode: int,
    timeout_s: float = math.inf,
    on_wait: Callable[[float], None] | None = None,
) -> int:
    """The same, which waits until the lock is free.

    Args:
        on_wait: called with the seconds waited so far, again and again.

    Raises:
        LockTimeout: it was not free in time.
        OSError: as of `exclusive`.
    """
    begun = time.monotonic()
    while (handle := hold(path, mode)) is None:
        waited = time.monotonic() - begun
        if waited >= timeout_s:
            raise LockTimeout(f"{path} was not free within {timeout_s:g} s")
        if on_wait:
            on_wait(waited)
        time.sleep(_LOOK_EVERY_S)
    return handle


def release(handle: int) -> None:
    """Ends what `hold` and `wait_for` gave, and closes the file."""
    # Before closing: a forked process has the file open too.
    with suppress(OSError):
        fcntl.flock(handle, fcntl.LOCK_UN)
    os.close(handle)


def _acquire(path: Path, mode: int, *, wait: bool) -> int | None:
    for _ in range(_MOST_TRIES):
        handle = open_lock(path, mode)
        try:
            _lock(path, handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            is_current = _is_at(path, handle)
        except BaseException as error:
            os.close(handle)
            if isinstance(error, BlockingIOError):
                return None
            if isinstance(error, OSError) and error.errno == errno.ESTALE:
                continue  # its last holder removed it, on another client of NFS
            raise
        if is_current:
            return handle
        os.close(handle)  # the last holder removed this file, and others lock a new one now
    raise OSError(errno.ESTALE, f"it was gone {_MOST_TRIES} times while it was locked", str(path))


def open_lock(path: Path, mode: int) -> int:
    """Opens the file of a lock; makes it only if there is none.

    In a sticky directory, fs.protected_regular refuses O_CREAT for another user's file.

    Raises:
        OSError: as of `exclusive`.
    """
    deadline = time.monotonic() + _SETTLES_S
    while True:
        try:
            handle = _open(path, mode)
        except OSError as error:
            if not _may_pass(path, error) or time.monotonic() > deadline:
                raise _in_words(path, error) from None
            time.sleep(_LOOK_EVERY_S)
            continue
        try:
            _check(path, handle, mode)
        except BaseException:
            os.close(handle)
            raise
        return handle


def _open(path: Path, mode: int) -> int:
    with suppress(FileNotFoundError):
        try:
            return os.open(path, os.O_RDWR | _FLAGS)
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EROFS):
                raise
            # Locks need no right to write, but on NFS.
            return os.open(path, os.O_RDONLY | _FLAGS)
    return os.open(path, os.O_RDWR | _FLAGS | os.O_CREAT | os.O_EXCL, mode)


def _may_pass(path: Path, error: OSError) -> bool:
    """Whether another process may just be making or removing the file."""
    if error.errno == errno.EACCES:
        with suppress(OSError):
            return abs(time.time() - path.lstat().st_ctime) < _SETTLES_S
    return error.errno in (errno.EEXIST, errno.ESTALE)


def _check(path: Path, handle: int, mode: int) -> None:
    """Refuses what is no lock, and gives it its mode: a umask must not close it to others."""
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "it is no regular file", str(path))
    # Where others may write, the other name may be that of a file which they may not change.
    if status.st_nlink > 1 and mode & _OF_OTHERS:
        raise OSError(errno.EMLINK, "it has more than one name (a hard link)", str(path))
    if stat.S_IMODE(status.st_mode) != mode:
        with suppress(OSError):  # another user's file, who has set the mode
            os.fchmod(handle, mode)


def _lock(path: Path, handle: int, how: int) -> None:
    try:
        fcntl.flock(handle, how)
    except BlockingIOError:
        raise
    except OSError as error:
        raise _in_words(path, error) from None


def _in_words(path: Path, error: OSError) -> OSError:
    """The same error, whose `strerror` says what is wrong with a lock."""
    what = _what_is_wrong(path, error.errno or 0)
    said = error.strerror or str(error)
    return OSError(error.errno, f"{what} ({said})" if what else said, str(path))


def _what_is_wrong(path: Path, number: int) -> str | None:
    if number in NO_LOCKS:
        return "its file system has no locks"
    if number == errno.EBADF:
        return "this user may only read it, and NFS locks what may be written"
    if number == errno.EISDIR:
        return "it is a directory"
    if number == errno.ENXIO:
        return "it is no regular file"
    if number == errno.ELOOP:
        return "it is a link, and is not followed"
    if number in (errno.EACCES, errno.EPERM):
        try:
            status = path.lstat()
        except OSError:  # it is the directory that may not be written
            return None
        owner, mode = status.st_uid, stat.S_IMODE(status.st_mode)
        return f"it belongs to user {owner}, with mode {mode:o}: its owner or root can remove it"
    return None


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
    handle = os.open(path, os.O_RDWR | _FLAGS)
    try:
        try:
            _lock(path, handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
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
