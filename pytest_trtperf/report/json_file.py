"""The JSON file of a run."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import msgspec

from pytest_trtperf.report.record import RunRecord


def write_json(path: Path, record: RunRecord) -> None:
    """Writes a run's record, whole or not at all.

    Raises:
        OSError: the directory cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    data = msgspec.json.format(msgspec.json.encode(record), indent=1)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data + b"\n")
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
