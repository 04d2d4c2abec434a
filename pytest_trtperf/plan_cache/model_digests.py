"""Digests of models, kept for as long as the files are as they were when they were read.

A run of 300 models need not read gigabytes to learn that nothing changed. A file is the same while
its place, size, inode and both of its times are: the time of the last change of an inode cannot be
set back. What changed less than `SETTLED_S` before it was read is not kept, since a clock's ticks
may be as long as that.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path

import msgspec

from pytest_trtperf.engine.spec import FilesOf
from pytest_trtperf.errors import CacheError
from pytest_trtperf.files.atomic import write_atomically
from pytest_trtperf.onnx_file.external_data import files_digest
from pytest_trtperf.plan_cache.trust import check_directory

DIRECTORY = "digests"
SETTLED_S = 2.0

_Stamp = tuple[str, int, int, int, int, int]


class _Kept(msgspec.Struct, frozen=True):
    """The digest of a model, and the files that it is of."""

    digest: str
    files: list[_Stamp]


class ModelDigests:
    """Finds the digests of models.

    Args:
        directory: of the engine cache. Nothing is kept where it is not there, or others may write.
        backend: its name, as backends differ in the files of a model.
    """

    def __init__(self, directory: Path, backend: str) -> None:
        self._cache, self._backend = directory, backend

    @cached_property
    def _directory(self) -> Path | None:
        try:
            check_directory(self._cache)
        except (CacheError, OSError):
            return None
        return self._cache / DIRECTORY

    def digest(self, onnx: Path, files_of: FilesOf) -> str:
        """See `files_digest`; a model that is as it was is not read.

        Raises:
            EngineBuildError: the model is missing or broken.
        """
        if self._directory is None:
            return files_digest(files_of(onnx))
        whole = f"{self._backend} {_absolute(onnx)}"
        name = hashlib.sha256(os.fsencode(whole)).hexdigest()
        place = self._directory / f"{name}.json"
        if (kept := _read(place)) is not None and _is_as_it_was(onnx, kept):
            return kept.digest
        now = time.time()
        files = files_of(onnx)
        before = _stamps(files)
        digest = files_digest(files)
        settled = (now - SETTLED_S) * 1e9
        if before and before == _stamps(files) and all(max(one[4:]) < settled for one in before):
            _write(place, _Kept(digest, before))
        return digest


def remove_digests(cache: Path) -> list[str]:
    """Removes those that a cache keeps; returns the name of their folder if it was there."""
    directory = cache / DIRECTORY
    there = directory.is_dir()
    shutil.rmtree(directory, ignore_errors=True)  # a run may write another one now
    return [DIRECTORY] if there and not directory.exists() else []


def remove_stale(cache: Path) -> list[str]:
    """Removes those of models that are gone or others by now; returns their names."""
    removed = []
    for place in sorted((cache / DIRECTORY).glob("*.json")):
        kept = _read(place)
        if kept is None or _stamps([Path(one[0]) for one in kept.files]) != kept.files:
            with suppress(OSError):
                place.unlink()
                removed.append(f"{DIRECTORY}/{place.name}")
    return removed


def _is_as_it_was(onnx: Path, kept: _Kept) -> bool:
    files = [Path(one[0]) for one in kept.files]
    return bool(files) and files[0] == _absolute(onnx) and _stamps(files) == kept.files


def _absolute(path: Path) -> Path:
    """The path from the root, links as they are."""
    return Path(os.path.abspath(path))  # noqa: PTH100


def _stamps(files: Sequence[Path]) -> list[_Stamp] | None:
    """Of each file what changes with it; None where one is gone."""
    found: list[_Stamp] = []
    for path in files:
        try:
            # Opened, since a network's file system may answer for a path from memory.
            handle = os.open(path, os.O_RDONLY)
        except OSError:
            return None
        try:
            state = os.fstat(handle)
        finally:
            os.close(handle)
        times = (state.st_mtime_ns, state.st_ctime_ns)
        found.append((str(_absolute(path)), state.st_dev, state.st_ino, state.st_size, *times))
    return found


def _read(place: Path) -> _Kept | None:
    try:
        return msgspec.json.decode(place.read_bytes(), type=_Kept)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None


def _write(place: Path, kept: _Kept) -> None:
    with suppress(OSError):  # a read-only cache keeps nothing
        place.parent.mkdir(mode=0o700, exist_ok=True)
        write_atomically(place, msgspec.json.encode(kept))
