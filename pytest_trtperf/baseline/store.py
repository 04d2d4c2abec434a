"""Baseline files on disk, by hardware class, backend and module; always replaced as a whole."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from pytest_trtperf.baseline.layout import (
    Layout,
    baseline_path,
    file_of_test,
    folder_of_tests,
    is_baseline,
    is_module,
    module_of,
)
from pytest_trtperf.baseline.schema import (
    BaselineEntry,
    BaselineFile,
    decode,
    encode,
    encode_and_read_back,
)
from pytest_trtperf.errors import BaselineError
from pytest_trtperf.files.atomic import leftovers, write_atomically
from pytest_trtperf.files.locks import LockTimeout, release, wait_for

LOCK_TIMEOUT_S = 60.0
_PRIVATE = 0o600


class BaselineStore:
    """The baselines of one hardware class and backend; reads each module once."""

    def __init__(
        self, directory: Path, hardware_class: str, backend: str, layout: Layout | None = None
    ) -> None:
        """The directory need not exist; the first `update` creates it.

        Args:
            layout: how `update` leaves a module; None as it is, with one file for a new module.
        """
        self.directory = directory
        self.hardware_class = hardware_class
        self.backend = backend
        self._layout = layout
        self._entries: dict[str, dict[str, BaselineEntry]] = {}

    def path(self, module: str) -> Path:
        """Where baselines of `module` are: its one file, or the folder of its tests' files.

        They need not exist.
        """
        path = self._path(module)
        return path if _layout_of(path) == "module" else folder_of_tests(path)

    def entries(self, module: str) -> dict[str, BaselineEntry]:
        """All entries of `module`; empty without a file. Raises BaselineError if one is broken."""
        return dict(self._of(module))

    def get(self, module: str, key: str) -> BaselineEntry | None:
        """The entry `key` of `module`, None if absent. Raises BaselineError for a broken file."""
        return self._of(module).get(key)

    def _of(self, module: str) -> dict[str, BaselineEntry]:
        if module not in self._entries:
            self._entries[module] = _merged(_files_of(self._path(module)))
        return self._entries[module]

    def _path(self, module: str) -> Path:
        return baseline_path(self.directory, self.hardware_class, self.backend, module)

    def list_modules(self) -> list[str]:
        """The modules that have a baseline, sorted."""
        root = self.directory / self.hardware_class / self.backend
        found = (path.relative_to(root) for path in root.rglob("*.json"))
        return sorted({module_of(path) for path in found if is_baseline(path.name)})

    def update(
        self, module: str, changes: Mapping[str, BaselineEntry], remove: Iterable[str] = ()
    ) -> Path | None:
        """Merge `changes` into the entries of `module` and drop the keys in `remove`.

        The files are read again under a lock, so that entries of another process stay, and each is
        replaced atomically: a process killed at any point leaves each entry as it was or as it is
        to be. A file without entries is deleted. Returns the path, see `path`, or None when nothing
        changed.

        Raises:
            BaselineError: a file is broken (it stays as it is) or cannot be written.
        """
        path = self._path(module)
        try:
            with _lock(path):
                changed = self._replace(module, path, changes, set(remove))
        except LockTimeout as error:
            raise BaselineError(
                f"baseline {path} has been locked by another process for {LOCK_TIMEOUT_S:g} s; "
                f"let that one finish, then record again"
            ) from error
        except OSError as error:
            raise _unusable(path, "written", error) from error
        return self.path(module) if changed else None

    def remove_empty_folders(self, module: str) -> None:
        """Removes the folders above `module` that hold nothing, below that of all baselines."""
        for folder in self._path(module).parents:
            if folder == self.directory:
                return
            try:
                folder.rmdir()
            except OSError:  # it holds something, or another process made it anew
                return

    def _replace(
        self, module: str, path: Path, changes: Mapping[str, BaselineEntry], remove: set[str]
    ) -> bool:
        files = _files_of(path)
        stored = _merged(files)
        kept = {key: entry for key, entry in stored.items() if key not in remove}
        layout = self._layout or _layout_of(path)
        encoded = {
            place: encode_and_read_back(file)
            for place, file in _laid_out(path, {**kept, **changes}, layout).items()
        }
        written = _merged({place: file for place, (_, file) in encoded.items()})
        if written == stored:
            return False
        # This process holds the lock: the writer of these files was killed.
        for stale in (*leftovers(path), *folder_of_tests(path).glob(".*.tmp")):
            stale.unlink(missing_ok=True)
        before = _laid_out(path, stored, layout)
        if before != files:
            # First as they are: killed here, this process leaves some entries twice, and equal.
            for place, file in before.items():
                if files.get(place) != file:
                    _write(place, encode(file))
            _remove(files.keys() - before.keys())
        for place, (data, file) in encoded.items():
            if before.get(place) != file:
                _write(place, data)
        _remove(before.keys() - encoded.keys())
        self._entries[module] = written
        return True


def _layout_of(path: Path) -> Layout:
    """How a module is, given the path of its one file."""
    return "test" if len(_places_of(path)) > 1 else "module"


def _laid_out(
    path: Path, entries: Mapping[str, BaselineEntry], layout: Layout
) -> dict[Path, BaselineFile]:
    """The files that hold these entries."""
    places: dict[Path, dict[str, BaselineEntry]] = defaultdict(dict)
    for key, entry in entries.items():
        places[path if layout == "module" else file_of_test(path, key)][key] = entry
    return {place: BaselineFile(entries=those) for place, those in places.items()}


def _files_of(path: Path) -> dict[Path, BaselineFile]:
    """All files of a module, in whichever layout, given the path of its one file."""
    while True:
        places = _places_of(path)
        found = {place: file for place in places if (file := _read(place))}
        # Another process may have changed the layout meanwhile.
        if _places_of(path) == places:
            return found


def _places_of(path: Path) -> list[Path]:
    folder = folder_of_tests(path)
    try:
        names = sorted(one.name for one in folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return [path]
    except OSError as error:
        raise _unusable(folder, "read", error) from error
    return [path, *(folder / name for name in names if is_baseline(name))]


def _merged(files: Mapping[Path, BaselineFile]) -> dict[str, BaselineEntry]:
    """The entries of several files.

    Raises:
        BaselineError: two of them have another entry for the same key.
    """
    entries: dict[str, BaselineEntry] = {}
    places: dict[str, Path] = {}
    for place, file in files.items():
        for key, entry in file.entries.items():
            if entries.setdefault(key, entry) != entry:
                raise BaselineError(
                    f"baselines {places[key]} and {place} have different entries for {key}. The "
                    f"files were left as they are; remove one of the entries"
                )
            places[key] = place
    return entries


def _write(path: Path, data: bytes) -> None:
    write_atomically(path, data, mode=None, sync=True)


def _remove(paths: Iterable[Path]) -> None:
    for path in paths:
        path.unlink()
        if is_module(path.parent.name):
            with contextlib.suppress(OSError):  # other files are in the folder
                path.parent.rmdir()


def _read(path: Path) -> BaselineFile | None:
    try:
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
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
    handle = wait_for(_lock_directory() / f"{name}.lock", _PRIVATE, LOCK_TIMEOUT_S)
    try:
        yield
    finally:
        release(handle)


def _lock_directory() -> Path:
    user = os.getuid() if hasattr(os, "getuid") else 0
    directory = Path(tempfile.gettempdir()) / f"trtperf-baseline-locks-{user}"
    directory.mkdir(mode=0o700, exist_ok=True)
    found = directory.lstat()
    # anybody can write to the temporary directory: a link planted there must not be followed
    if not stat.S_ISDIR(found.st_mode) or (hasattr(os, "getuid") and found.st_uid != user):
        raise PermissionError(f"{directory} is not a directory of this user")
    return directory
