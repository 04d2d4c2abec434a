"""References on disk: the engines that baselines were recorded with, kept to be measured again.

Each has a folder of its own, named by its key, and beside it `KEY.lock`: whoever writes or removes
the folder holds the lock alone, whoever measures with it shares it. A folder is filled under the
name `.KEY.RANDOM.tmp`, and then renamed.
"""

from __future__ import annotations

import math
import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from pytest_trtperf.errors import CacheError
from pytest_trtperf.files.atomic import write_in_order
from pytest_trtperf.files.copies import copy_file
from pytest_trtperf.files.locks import exclusive
from pytest_trtperf.files.shared_locks import SharedLocks
from pytest_trtperf.onnx_file.external_data import model_files
from pytest_trtperf.plan_cache.entries import with_checksum
from pytest_trtperf.plan_cache.files import KEY, LOCK, explained
from pytest_trtperf.plan_cache.reference import (
    METADATA,
    RUNTIME_CACHE,
    OpenReference,
    Reference,
    ToKeep,
    open_reference,
    read_reference,
    size_of,
)
from pytest_trtperf.plan_cache.trust import Damaged, check_directory

DIRECTORY = "references"
"""The folder of a cache that has them."""

LEAST_AGE_S = 60 * 86400.0
"""A reference that was used since is not removed for want of room: a baseline still needs it."""

_PRIVATE_LIMIT = 50 << 30
_TEMPORARY = re.compile(r"\.([0-9a-f]{64})\.[0-9a-f]+\.tmp")


def default_reference_limit(*, shared: bool) -> float:
    """Bytes; a shared cache has no limit, as of plans."""
    return math.inf if shared else _PRIVATE_LIMIT


@dataclass(frozen=True)
class ReferenceEntry:
    """The folder of one key.

    Attributes:
        size: of its files, in bytes.
        used: when it was last kept, compared with or measured, in seconds since the epoch.
    """

    key: str
    size: int
    used: float


class References:
    """A directory of references.

    Args:
        directory: made on first use.
        shared: accept a directory that others own or may write to.
        limit: bytes; beyond it, those that were not used for `LEAST_AGE_S` are removed, and none
            is kept that does not fit then.
        clock: seconds since the epoch.

    Attributes:
        file_mode, folder_mode: the permission bits of what is written.
    """

    def __init__(
        self,
        directory: Path,
        *,
        shared: bool = False,
        limit: float = math.inf,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.directory, self.shared, self._limit = directory, shared, limit
        self._clock = clock
        self.file_mode, self._lock_mode = (0o644, 0o666) if shared else (0o600, 0o600)
        self.folder_mode = 0o755 if shared else 0o700
        self._in_use = SharedLocks(self._lock_mode)

    def path(self, key: str) -> Path:
        """The folder of a key, whether it exists or not."""
        return self.directory / key

    def keep(self, one: ToKeep) -> None:
        """Copies an engine's files, unless they are kept already.

        Raises:
            Damaged: a file is not, or no longer, what the engine was made of.
            CacheError: the directory cannot be used, or there is no room.
        """
        key = one.reference.key
        try:
            size = sum(path.stat().st_size for path in one.files.values())
        except OSError as error:
            raise Damaged(f"has a file that cannot be read: {error}") from error
        self.add(key, size, lambda folder: self._fill(folder, one))

    def add(self, key: str, size: int, fill: Callable[[Path], None]) -> bool:
        """Puts a reference in its place, whole; False if it is there already, or in use.

        Args:
            size: of its files, in bytes.
            fill: writes them into a folder of its name, which it gives.

        Raises:
            Damaged: what was written is none.
            CacheError: the directory cannot be used, or there is no room.
        """
        self._prepare()
        with explained(self.directory), self._locked(key) as is_free:
            # Whoever uses it has verified it.
            if not is_free or self._is_whole(key):
                self.touch(key)
                return False
            self._make_room(key, size)
            folder = self.directory / f".{key}.{secrets.token_hex(4)}.tmp"
            try:
                verified = folder / key
                verified.mkdir(mode=self.folder_mode, parents=True)
                fill(verified)
                open_reference(verified, shared=True)
                self._discard(key)
                verified.rename(self.path(key))
            finally:
                shutil.rmtree(folder, ignore_errors=True)
            self.touch(key)
        return True

    def open(
        self, key: str, files_of: Callable[[Path], Sequence[Path]] = model_files
    ) -> OpenReference | None:
        """A reference, verified and in use until `close`; None if none is kept.

        Args:
            files_of: the files that a model consists of, by its backend.

        Raises:
            Damaged: a file is not what was kept, or not to be trusted.
            CacheError: the directory is not to be trusted.
            OSError: it cannot be read.
        """
        if not self.path(key).is_dir():
            return None
        self.check_trusted()
        self._in_use.hold(self._lock(key))
        found: OpenReference | None = None
        try:
            with suppress(FileNotFoundError):
                found = open_reference(self.path(key), shared=self.shared, files_of=files_of)
        finally:
            if found is None:
                self._in_use.let_go(self._lock(key))
        self.touch(key)
        return found

    def store_runtime_cache(self, key: str, data: bytes) -> None:
        """Replaces the kernels of a reference that `open` gave; a read-only one has none stored."""
        with suppress(OSError):
            path = self.path(key) / RUNTIME_CACHE
            write_in_order({path: with_checksum(data)}, mode=self.file_mode, sync=True)

    def check_trusted(self) -> None:
        """Refuses a directory that others may write to, unless it is shared.

        Raises:
            CacheError: names what is wrong and where.
        """
        if not self.shared:
            check_directory(self.directory)

    def touch(self, key: str) -> None:
        """Records that a reference is in use; does nothing where there is none."""
        now = self._clock()
        for path in (self._lock(key), self.path(key) / METADATA):
            with suppress(OSError):
                os.utime(path, (now, now), follow_symlinks=False)

    def close(self) -> None:
        """Lets other processes remove what this object has opened."""
        self._in_use.close()

    def entries(self) -> list[ReferenceEntry]:
        """All references, damaged ones too, the least recently used first.

        Raises:
            OSError: the directory cannot be read.
        """
        if not self.directory.is_dir():
            return []
        keys = [one.name for one in self.directory.iterdir() if KEY.fullmatch(one.name)]
        found = [ReferenceEntry(key, size_of(self.path(key)), self._used(key)) for key in keys]
        return sorted(found, key=lambda entry: (entry.used, entry.key))

    def read(self, key: str) -> Reference | None:
        """What is known of a reference; None if that is missing or damaged."""
        try:
            return read_reference(self.path(key), shared=self.shared)
        except (OSError, Damaged):
            return None

    def find_problem(self, key: str) -> str | None:
        """Why a reference would not be used, None if it would."""
        try:
            open_reference(self.path(key), shared=self.shared)
        except FileNotFoundError:
            return f"the reference has no {METADATA}"
        except Damaged as reason:
            return f"the reference {reason}"
        return None

    def remove(self, key: str) -> bool:
        """Removes a reference; False if a process writes or uses it.

        Raises:
            OSError: not permitted, or the file system has no locks.
        """
        with self._locked(key) as is_free:
            if is_free:
                self._discard(key)
                self._lock(key).unlink(missing_ok=True)
            return is_free

    def remove_unused(self, age_s: float, excess: float = math.inf) -> list[ReferenceEntry]:
        """Removes what was not used for so long, the least recently used first; returns it.

        Args:
            excess: bytes; it ends when so many are free.

        Raises:
            OSError: the directory cannot be read or written.
        """
        removed: list[ReferenceEntry] = []
        for entry in self.entries():
            if excess <= 0 or entry.used > self._clock() - age_s:
                break
            if self.remove(entry.key):
                removed.append(entry)
                excess -= entry.size
        return removed

    def sweep(self) -> list[str]:
        """Removes what killed writers left; returns the names."""
        removed = []
        for folder in sorted(self.directory.glob(".*.tmp")):
            if not (found := _TEMPORARY.fullmatch(folder.name)):
                continue
            with suppress(OSError), self._locked(found[1]) as nobody_writes:
                if nobody_writes:
                    shutil.rmtree(folder)
                    removed.append(folder.name)
        return removed

    def _prepare(self) -> None:
        with explained(self.directory):
            self.directory.mkdir(mode=self.folder_mode, parents=True, exist_ok=True)
            self.check_trusted()
            self.sweep()

    def _make_room(self, key: str, size: int) -> None:
        others = sum(entry.size for entry in self.entries() if entry.key != key)
        excess = others + size - self._limit
        if excess <= 0:
            return
        excess -= sum(entry.size for entry in self.remove_unused(LEAST_AGE_S, excess))
        if excess > 0:
            raise CacheError(
                f"{self.directory}: it would be {excess / 2**20:.4g} MiB above its size limit, and "
                f"what is there was used in the last {LEAST_AGE_S / 86400:g} days: raise "
                "--trtperf-reference-size"
            )

    def _fill(self, target: Path, one: ToKeep) -> None:
        """Copies an engine's files into a folder."""
        for name, source in one.files.items():
            copy = target / name
            copy.parent.mkdir(mode=self.folder_mode, parents=True, exist_ok=True)
            copy_file(source, copy, self.file_mode)
        small = {target / METADATA: one.reference.encode()}
        if one.runtime_cache:
            small[target / RUNTIME_CACHE] = with_checksum(one.runtime_cache)
        write_in_order(small, mode=self.file_mode, sync=True)

    def _is_whole(self, key: str) -> bool:
        return self.path(key).exists() and self.find_problem(key) is None

    def _discard(self, key: str) -> None:
        """Removes a folder, which nobody sees half removed."""
        aside = self.directory / f".{key}.{secrets.token_hex(4)}.tmp"
        with suppress(FileNotFoundError):
            self.path(key).rename(aside)
            shutil.rmtree(aside)

    def _lock(self, key: str) -> Path:
        return self.directory / f"{key}{LOCK}"

    @contextmanager
    def _locked(self, key: str) -> Iterator[bool]:
        """Holds the lock of a key if nobody else has it; yields whether it does."""
        with exclusive(self._lock(key), self._lock_mode, wait=False) as is_free:
            yield is_free

    def _used(self, key: str) -> float:
        used = 0.0
        for path in (self._lock(key), self.path(key) / METADATA):
            with suppress(OSError):
                used = max(used, path.lstat().st_mtime)
        return used
