"""The bytes of a model as they were first seen, whatever becomes of its files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pytest_trtperf.backend.process.shared_bytes import SharedBytes
from pytest_trtperf.errors import EngineBuildError
from pytest_trtperf.onnx_file.external_data import external_files

Stamp = Sequence[Any]
"""A file's path, inode, size and time of change."""


def model_source(path: Path) -> dict[str, Any]:
    """What the process of a session reads a model from.

    Tests export models into directories that are gone before the last session starts, and to paths
    that the next export writes to. So a model is kept in memory. External data may be larger than
    that; such a model is read from its files, which must not change.

    Raises:
        EngineBuildError: the model cannot be read, see `external_files`.
    """
    here = path.absolute()
    if external := external_files(here):
        return {"path": str(here), "model": b"", "stamps": _stamps([here, *external])}
    try:
        return {"path": str(here), "model": SharedBytes.of_file(here), "stamps": []}
    except OSError as error:
        raise EngineBuildError(f"{path}: cannot be read: {error.strerror or error}") from error


def check_unchanged(path: Path, stamps: Sequence[Stamp]) -> None:
    """Refuses what was loaded from files that are no longer those of the first session.

    Raises:
        EngineBuildError: one of them changed or is gone.
    """
    for known in stamps:
        try:
            (now,) = _stamps([Path(known[0])])
        except OSError:
            now = []
        if list(known) != now:
            raise EngineBuildError(
                f"{path}: {known[0]} changed after the first session of this engine had loaded "
                "it; keep a model and its external data as they are until the test has ended"
            )


def _stamps(files: Iterable[Path]) -> list[list[Any]]:
    states = [(str(file), file.stat()) for file in files]
    return [[file, state.st_ino, state.st_size, state.st_mtime_ns] for file, state in states]
