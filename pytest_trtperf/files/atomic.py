"""Files that are there whole or not at all: written under a temporary name, then renamed."""

from __future__ import annotations

import glob
import os
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from pytest_trtperf.files.locks import unused, use

_STALE_S = 60.0
_PRIVATE = 0o600
# A name has at most 255 bytes, and a character at most four.
_LONGEST_OWNER = 60


class PendingFile:
    """A file under a temporary name beside its place: `publish` or `discard` ends it.

    Args:
        path: its place; the directory has to exist.
        mode: the permission bits; None leaves them to the umask.
        owner: what its temporary name, ``.OWNER.RANDOM.tmp``, begins with; the path's own name
            if none is given.

    Attributes:
        temporary: where it is until it is published.

    Raises:
        OSError: the directory cannot be written.
    """

    def __init__(self, path: Path, *, mode: int | None = 0o644, owner: str = "") -> None:
        self.path = path
        self._mode = mode
        with naming(path):
            self.temporary, handle = _create(path, owner, 0o666 if mode is None else _PRIVATE)
        use(self.temporary, handle, wait=False)  # for `remove_leftovers`
        self.file: BinaryIO = os.fdopen(handle, "w+b")

    def finish(self, *, sync: bool = False) -> None:
        """Closes the file; nothing more is written.

        Args:
            sync: wait until the bytes are on the disk, so that no power cut loses them.
        """
        with naming(self.path):
            self.file.flush()
            if self._mode is not None and self._mode != _PRIVATE:
                os.fchmod(self.file.fileno(), self._mode)
            if sync:
                os.fsync(self.file.fileno())
            self.file.close()

    def publish(self) -> None:
        """Renames the finished file, in place of what is there."""
        with naming(self.path):
            os.replace(self.temporary, self.path)

    def discard(self) -> None:
        """Removes the temporary file, if it was not published."""
        with suppress(OSError):  # what is buffered may not fit the disk
            self.file.close()
        self.temporary.unlink(missing_ok=True)


def write_atomically(
    path: Path, data: bytes, *, mode: int | None = 0o644, sync: bool = False
) -> None:
    """Writes one file whole, and makes its directory.

    Args:
        mode, sync: as of `write_in_order`.

    Raises:
        OSError: the directory cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_leftovers(path)
    write_in_order({path: data}, mode=mode, sync=sync)


def write_in_order(
    contents: Mapping[Path, bytes], *, mode: int | None, sync: bool, owner: str = ""
) -> None:
    """Writes all files of one directory, and then renames them in the order given.

    Args:
        mode, owner: as of `PendingFile`.
        sync: wait until the disk has bytes and names.

    Raises:
        OSError: the directory cannot be written.
    """
    pending: list[PendingFile] = []
    try:
        for path, data in contents.items():
            pending.append(one := PendingFile(path, mode=mode, owner=owner))
            with naming(path):
                one.file.write(data)
            one.finish(sync=sync)
        for one in pending:
            one.publish()
    finally:
        for one in pending:
            one.discard()
    if sync:
        for directory in {path.parent for path in contents}:
            _sync_directory(directory)


def leftovers(path: Path) -> Iterator[Path]:
    """The temporary files of a path: its killed writers left them, unless one writes now."""
    return path.parent.glob(f".{glob.escape(_owner(path, ''))}.*.tmp")


def remove_leftovers(path: Path) -> None:
    """Removes the temporary files of a path that nobody has open, and nobody wrote for a while."""
    for stale in leftovers(path):
        with suppress(OSError):  # it is gone, another user's, or there are no locks
            if time.time() - stale.lstat().st_mtime > _STALE_S:
                with unused(stale) as nobody_writes:
                    if nobody_writes:
                        stale.unlink()


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Errors of the operating system name this file: those of writing name none."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error


def _owner(path: Path, owner: str) -> str:
    name = owner or path.name
    return name if len(os.fsencode(name)) <= _LONGEST_OWNER * 4 else name[:_LONGEST_OWNER]


def _create(path: Path, owner: str, mode: int) -> tuple[Path, int]:
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    while True:
        temporary = path.parent / f".{_owner(path, owner)}.{secrets.token_hex(4)}.tmp"
        with suppress(FileExistsError):
            return temporary, os.open(temporary, flags, mode)


def _sync_directory(directory: Path) -> None:
    # Some file systems refuse, and the files are there all the same.
    with suppress(OSError):
        handle = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
