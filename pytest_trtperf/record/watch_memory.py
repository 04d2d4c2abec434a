"""What the trend knew before the last night, so that one more night takes little.

It lies beside the records, in hidden files, which can be removed at any time.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from pytest_trtperf.analysis.night_memory import Memory
from pytest_trtperf.files.atomic import write_atomically
from pytest_trtperf.version import VERSION

_NAME = ".trtperf-trend-{}.npz"


class WatchMemory:
    """The memories of a directory of records, one for each hardware class and backend."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def load(self, place: tuple[str, str]) -> Memory | None:
        """The memory of a place; None where there is none, or one of another version."""
        try:
            with np.load(self._file(place), allow_pickle=False) as arrays:
                memory = {name: arrays[name] for name in arrays.files}
        except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile):
            return None
        return memory if str(memory.pop("version", "")) == VERSION else None

    def save(self, place: tuple[str, str], memory: Memory) -> None:
        """Writes it, where the directory can be written."""
        data = io.BytesIO()
        arrays: dict[str, Any] = {**memory, "version": np.array(VERSION)}
        np.savez(data, **arrays)
        with suppress(OSError):
            write_atomically(self._file(place), data.getvalue())

    def _file(self, place: tuple[str, str]) -> Path:
        digest = hashlib.sha256("\0".join(place).encode("utf-8", "surrogatepass")).hexdigest()
        return self._directory / _NAME.format(digest[:16])
