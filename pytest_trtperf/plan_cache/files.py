"""The files of an engine cache: their names, their locks, and how they are written whole.

Each key has these files:

- `KEY.plan`: the plan. Each process that loaded it holds a shared lock on it.
- `KEY.json`: its identity.
- `KEY.runtime`: its runtime cache, of TensorRT for RTX.
- `KEY.log`: TensorRT's messages during the build.
- `KEY.lock`: whoever writes any of these files locks it.

A timing cache is `NAME.timing`, with `NAME.timing.lock`. All files but logs are first written as
`.OWNER.RANDOM.tmp`, under the lock `OWNER.lock`.
"""

from __future__ import annotations

import errno
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from pytest_trtperf.errors import CacheError
from pytest_trtperf.files.atomic import write_in_order
from pytest_trtperf.files.locks import NO_LOCKS, exclusive, unused
from pytest_trtperf.plan_cache.trust import check_directory, open_cached

PLAN, IDENTITY, RUNTIME_CACHE = ".plan", ".json", ".runtime"
LOG, LOCK = ".log", ".lock"
TIMING = ".timing"
KEY = re.compile("[0-9a-f]{64}")
"""The cache lists and removes no file of another name."""

_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NO_PERMISSION = (errno.EACCES, errno.EPERM, errno.EROFS)
# pytest and `trtperf cache` spell their options differently; both read this variable.
_OTHER_DIRECTORY = "name another directory with TRTPERF_CACHE_DIR or the option of that name"


class CacheFiles:
    """The files in the directory of a cache.

    Args:
        shared: other users may read the files, and everyone who may write there is trusted.
    """

    def __init__(self, directory: Path, *, shared: bool) -> None:
        self.directory, self.shared = directory, shared
        self._lock_mode = 0o666 if shared else 0o600
        self._file_mode = 0o644 if shared else 0o600

    def path(self, key: str, suffix: str) -> Path:
        """Where a file of a key lies, whether it exists or not.

        Raises:
            ValueError: the key is no SHA-256.
        """
        if not KEY.fullmatch(key):
            raise ValueError(f"{key!r} is no cache key: it takes a SHA-256, 64 hexadecimal digits")
        return self.directory / f"{key}{suffix}"

    def list_keys(self, *suffixes: str) -> list[str]:
        """The keys that have a file with one of these suffixes, or any file; sorted."""
        if not self.directory.exists():
            return []
        wanted = suffixes or _SUFFIXES
        found = {path.stem for path in self.directory.iterdir() if path.suffix in wanted}
        return sorted(key for key in found if KEY.fullmatch(key))

    def touch(self, key: str) -> None:
        """Records that a plan was used just now; does nothing in a read-only cache.

        In a shared cache every user may touch the lock, and nothing else.
        """
        for suffix in (LOCK, IDENTITY):
            with suppress(OSError):
                os.utime(self.path(key, suffix), follow_symlinks=False)

    def used(self, key: str) -> float:
        """When a plan was last built or used, in seconds since the epoch."""
        return max(_used(self.path(key, suffix)) for suffix in (LOCK, PLAN, IDENTITY))

    def has_entry(self, key: str) -> bool:
        """Whether a key has more than a lock and the log of a build that failed."""
        return any(_size(self.path(key, suffix)) for suffix in _ENTRY)

    def size(self, key: str) -> int:
        """The bytes of all files of a key."""
        return sum(_size(self.path(key, suffix)) for suffix in _SUFFIXES)

    def prepare(self) -> None:
        """Makes the directory; unless it is shared, checks that it is this user's alone.

        Raises:
            CacheError: it cannot be made, or others could write to it.
        """
        with explained(self.directory):
            mode = 0o755 if self.shared else 0o700
            self.directory.mkdir(mode=mode, parents=True, exist_ok=True)
            if not self.shared:
                check_directory(self.directory)

    def is_being_built(self, key: str) -> bool:
        """Whether a process writes files of a key; False where nothing can be written."""
        try:
            with self.locked_now(key) as is_free:
                return not is_free
        except OSError:
            return False

    def make_way(self, key: str) -> None:
        """Removes the plan that a build will replace, and its identity.

        So a long build does not start where its plan could not be written. In a sticky directory,
        for one, nobody can replace the files of another user.

        Raises:
            CacheError: the directory cannot be written.
        """
        with explained(self.directory), tempfile.TemporaryFile(dir=self.directory):
            for suffix in (PLAN, IDENTITY):
                self.path(key, suffix).unlink(missing_ok=True)

    def open(self, key: str, suffix: str) -> BinaryIO:
        """Opens a file of a key for reading.

        Raises:
            FileNotFoundError: there is none.
            Damaged: see `open_cached`.
        """
        return open_cached(self.path(key, suffix), shared=self.shared)

    @contextmanager
    def locked(self, key: str) -> Iterator[None]:
        """Holds the lock of a key; waits for it.

        Raises:
            CacheError: the lock cannot be made.
        """
        with ExitStack() as held:
            with explained(self.directory):
                held.enter_context(exclusive(self.path(key, LOCK), self._lock_mode, wait=True))
            yield

    def locked_now(self, key: str) -> AbstractContextManager[bool]:
        """Holds the lock of a key if it is free; yields whether it was.

        Raises:
            OSError: the lock cannot be made.
        """
        return exclusive(self.path(key, LOCK), self._lock_mode, wait=False)

    def replace(self, key: str, contents: Mapping[str, bytes]) -> None:
        """Writes the files of a key, given by suffix, under temporary names; renames them in order.

        Raises:
            CacheError: the directory cannot be written.
        """
        with explained(self.directory):
            write_in_order(
                {self.path(key, suffix): content for suffix, content in contents.items()},
                mode=self._file_mode, sync=True, owner=key,
            )  # fmt: skip

    def sweep(self, key: str | None = None) -> list[Path]:
        """Removes temporary files that nobody writes any more; returns their paths.

        Args:
            key: the caller holds the lock of this one.
        """
        removed = []
        for path in sorted(self.directory.glob(".*.tmp")):
            owner = path.name[1:].rsplit(".", 2)[0]
            if not (KEY.fullmatch(owner) or owner.endswith(TIMING)):
                continue
            with suppress(OSError):
                if owner == key:
                    path.unlink()
                    removed.append(path)
                    continue
                lock = self.directory / f"{owner}{LOCK}"
                with exclusive(lock, self._lock_mode, wait=False) as nobody_writes:
                    if nobody_writes:
                        path.unlink()
                        removed.append(path)
        return removed

    def remove(self, key: str) -> bool:
        """Removes all files of a key but for its lock; False if a process writes or uses it.

        Raises:
            OSError: not permitted, or the file system has no locks.
        """
        with self.locked_now(key) as nobody_writes:
            if not nobody_writes:
                return False
            with unused(self.path(key, PLAN)) as nobody_uses:
                if nobody_uses:
                    for suffix in (*_ENTRY, LOG):
                        self.path(key, suffix).unlink(missing_ok=True)
            return nobody_uses

    def size_lock(self) -> AbstractContextManager[bool]:
        """The lock for removing plans by size: two processes would remove the same excess twice."""
        return exclusive(self.directory / ".size.lock", self._lock_mode, wait=True)

    def remove_remains(self, key: str) -> bool:
        """Removes log and lock of a key without other files; returns whether there was a log."""
        # Asked before locking, too: a lock that is made now would count as a use of the plan.
        if self.has_entry(key):
            return False
        with self.locked_now(key) as nobody_writes:
            if not nobody_writes or self.has_entry(key):
                return False
            log = self.path(key, LOG)
            had_log = log.exists()
            log.unlink(missing_ok=True)
            self.path(key, LOCK).unlink(missing_ok=True)
            return had_log


# The plan goes first: it is never visible without the checksum that verifies it.
_ENTRY = (PLAN, IDENTITY, RUNTIME_CACHE)
_SUFFIXES = (*_ENTRY, LOG, LOCK)


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except FileNotFoundError:
        return 0


def _used(path: Path) -> float:
    try:
        return path.lstat().st_mtime
    except FileNotFoundError:
        return 0.0


@contextmanager
def explained(directory: Path) -> Iterator[None]:
    """Turns errors of the operating system into a `CacheError` about the directory.

    Raises:
        CacheError: in place of an OSError.
    """
    try:
        yield
    except OSError as error:
        raise CacheError(f"engine cache {directory}: {explain(error)}") from error


def is_full(error: CacheError) -> bool:
    """Whether a cache could not be written for want of room, and not of permission."""
    cause = error.__cause__
    return isinstance(cause, OSError) and cause.errno in _NO_SPACE


def explain(error: OSError) -> str:
    """An error of the operating system in words, and what to do."""
    if error.errno in NO_LOCKS:
        return f"{error.strerror}; {_OTHER_DIRECTORY}"
    said = f"{error.strerror or error}" + (f" ({error.filename})" if error.filename else "")
    if error.errno in _NO_SPACE:
        return f"no room to write: {said}; free some space, or {_OTHER_DIRECTORY}"
    if error.errno == errno.EISDIR:
        return f"{said}; remove it, or {_OTHER_DIRECTORY}"
    if error.errno in _NO_PERMISSION:
        return f"not permitted: {said}; make it writable, or {_OTHER_DIRECTORY}"
    return f"{said}; {_OTHER_DIRECTORY}"
