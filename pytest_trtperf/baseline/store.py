"""Baseline files on disk, by hardware class, backend and module; always replaced as a whole."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

import filelock

from pytest_trtperf.baseline.schema import (
    BaselineEntry,
    BaselineFile,
    decode,
    encode_and_read_back,
)
from pytest_trtperf.errors import BaselineError
from pytest_trtperf.files.atomic import leftovers, write_atomically

LOCK_TIMEOUT_S = 60.0


def baseline_path(directory: Path, hardware_class: str, backend: str, module: str) -> Path:
    """The path of the baseline file of `module`, a posix path such as "tests/test_x.py".

    Raises:
        BaselineError: a part would lead out of `directory`, or `module` is no Python file.
    """
    parts = PurePosixPath(module)
    if parts.suffix != ".py" or parts.is_absolute() or not _stay_inside(*module.split("/")):
        raise BaselineError(
            f"module {module!r} cannot have a baseline: its path must be that of a Python file, "
            f"relative to the parent of the baseline directory and inside it"
        )
    for name in (hardware_class, backend):
        if "/" in name or not _stay_inside(name):
            raise BaselineError(f"{name!r} cannot name a folder of baselines")
    return directory.joinpath(hardware_class, backend, *parts.with_suffix(".json").parts)


def _stay_inside(*parts: str) -> bool:
    return all(part not in ("", ".", "..") and not set(part) & set("\\:\0") for part in parts)


class BaselineStore:
    """The baselines of one hardware class and backend; reads each file once."""

    def __init__(self, directory: Path, hardware_class: str, backend: str) -> None:
        """The directory need not exist; the first `update` creates it."""
        self.directory = directory
        self.hardware_class = hardware_class
        self.backend = backend
        self._files: dict[str, BaselineFile] = {}

    def path(self, module: str) -> Path:
        """The path of the baseline file of `module`, whether it exists or not."""
        return baseline_path(self.directory, self.hardware_class, self.backend, module)

    def entries(self, module: str) -> dict[str, BaselineEntry]:
        """All entries of `module`; empty without a file. Raises BaselineError if it is broken."""
        return dict(self._file(module).entries)

    def get(self, module: str, key: str) -> BaselineEntry | None:
        """The entry `key` of `module`, None if absent. Raises BaselineError for a broken file."""
        return self._file(module).entries.get(key)

    def _file(self, module: str) -> BaselineFile:
        if module not in self._files:
            self._files[module] = _read(self.path(module))
        return self._files[module]

    def list_modules(self) -> list[str]:
        """The modules that have a baseline, sorted."""
        root = self.directory / self.hardware_class / self.backend
        found = (path.relative_to(root) for path in root.rglob("*.json"))
        return sorted(
            path.with_suffix(".py").as_posix() for path in found if not path.name.startswith(".")
        )

    def update(
        self, module: str, changes: Mapping[str, BaselineEntry], remove: Iterable[str] = ()
    ) -> Path | None:
        """Merge `changes` into the file of `module` and drop the keys in `remove`.

        The file is read again under a lock, so that entries of another process stay, and replaced
        atomically: a process killed at any point leaves the old file or the new one. A file
        without entries is deleted. Returns the path, or None when nothing changed.

        Raises:
            BaselineError: the file is broken (it stays as it is) or cannot be written.
        """
        path = self.path(module)
        try:
            with _lock(path):
                changed = self._replace(module, path, changes, set(remove))
        except filelock.Timeout as error:
            raise BaselineError(
                f"baseline {path} has been locked by another process for {LOCK_TIMEOUT_S:g} s; "
                f"let that one finish, then record again"
            ) from error
        except OSError as error:
            raise _unusable(path, "written", error) from error
        return path if changed else None

    def _replace(
        self, module: str, path: Path, changes: Mapping[str, BaselineEntry], remove: set[str]
    ) -> bool:
        stored = _read(path)
        kept = {key: entry for key, entry in stored.entries.items() if key not in remove}
        merged = BaselineFile(entries={**kept, **changes})
        data, written = encode_and_read_back(merged)
        if written == stored:
            return False
        # This process holds the lock: the writer of these files was killed.
        for stale in leftovers(path):
            stale.unlink(missing_ok=True)
        if merged.entries:
            write_atomically(path, data, mode=None, sync=True)
        else:
            path.unlink()
        self._files[module] = written
        return True


def _read(path: Path) -> BaselineFile:
    try:
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return BaselineFile()
    except OSError as error:
        raise _unusable(path, "read", error) from error
    return decode(data, path)


def _unusable(path: Path, verb: str, error: OSError) -> BaselineError:
    return BaselineError(
        f"baseline {path} cannot be {verb}: {error}; check the permissions and "
        f"the free space, or name another place with --trtperf-baseline-dir"
    )


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    """One writer of `path` at a time on this host; the lock file is outside the repository."""
    name = hashlib.sha256(os.fsencode(path.resolve())).hexdigest()
    with filelock.FileLock(_lock_directory() / f"{name}.lock", timeout=LOCK_TIMEOUT_S):
        yield


def _lock_directory() -> Path:
    user = os.getuid() if hasattr(os, "getuid") else 0
    directory = Path(tempfile.gettempdir()) / f"trtperf-baseline-locks-{user}"
    directory.mkdir(mode=0o700, exist_ok=True)
    found = directory.lstat()
    # anybody can write to the temporary directory: a link planted there must not be followed
    if not stat.S_ISDIR(found.st_mode) or (hasattr(os, "getuid") and found.st_uid != user):
        raise PermissionError(f"{directory} is not a directory of this user")
    return directory
