"""The JSON file of a run."""

from __future__ import annotations

from pathlib import Path

import msgspec

from pytest_trtperf.report.files import write_atomically
from pytest_trtperf.report.record import RunRecord


def write_json(path: Path, record: RunRecord) -> None:
    """Writes a run's record, whole or not at all.

    Raises:
        OSError: the directory cannot be written.
    """
    write_atomically(path, msgspec.json.format(msgspec.json.encode(record), indent=1) + b"\n")
