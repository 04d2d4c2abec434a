"""The log of a build: TensorRT's messages, in a file beside the plan."""

from __future__ import annotations

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

    def __init__(self, path: Path, file: BinaryIO | None) -> None:
        self._path, self._file = path, file
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


@contextmanager
def build_log(files: CacheFiles, key: str) -> Iterator[BuildLog]:
    """Yields a new log in place of the last build's; errors of this package name its file."""
    file = None
    with suppress(OSError):
        file = files.create(key, LOG)
    log = BuildLog(files.path(key, LOG), file)
    try:
        yield log
    except TrtPerfError as error:
        if log.path:
            error.args = (f"{error}\n  the whole log: {log.path}",)
        raise
    finally:
        if file is not None:
            file.close()
            if not log.path:
                with suppress(OSError):
                    files.path(key, LOG).unlink()
