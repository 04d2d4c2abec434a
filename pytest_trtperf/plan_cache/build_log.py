"""The log of a build: TensorRT's messages, in a file beside the plan."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from pytest_trtperf.errors import TrtPerfError
from pytest_trtperf.plan_cache.files import LOG, CacheFiles


class BuildLog:
    """Writes each message at once, so that the log of a killed build has them all.

    A message that cannot be written is lost: no build fails because of its log.
    """

    def __init__(self, files: CacheFiles, key: str) -> None:
        """Makes the file, in place of the log of the last build."""
        self._path = files.path(key, LOG)
        self._file: BinaryIO | None = None
        with suppress(OSError):
            self._path.unlink(missing_ok=True)
            # "x" follows no link that somebody may put there meanwhile.
            self._file = open(self._path, "xb", buffering=0, opener=_open_private)  # noqa: SIM115
            if files.shared:
                os.fchmod(self._file.fileno(), 0o644)
        self._has_lines = False

    @property
    def path(self) -> Path | None:
        """The file; None if nothing was written."""
        return self._path if self._has_lines else None

    def write(self, message: str) -> None:
        """Adds a line; further lines of the same message are indented."""
        if self._file is None:
            return
        with suppress(OSError, ValueError):  # the disk is full, or another thread closed the file
            self._file.write(message.replace("\n", "\n  ").encode(errors="replace") + b"\n")
            self._has_lines = True

    def close(self) -> None:
        """Closes the file, and removes it if it is empty."""
        if self._file is not None:
            self._file.close()
            if not self._has_lines:
                with suppress(OSError):
                    self._path.unlink()


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


@contextmanager
def build_log(files: CacheFiles, key: str) -> Iterator[BuildLog]:
    """Yields a new log in place of the last build's; errors of this package name its file."""
    log = BuildLog(files, key)
    try:
        yield log
    except TrtPerfError as error:
        if log.path:
            error.args = (f"{error}\n  the whole log: {log.path}",)
        raise
    finally:
        log.close()
