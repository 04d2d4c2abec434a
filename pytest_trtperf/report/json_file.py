"""The JSON file of a run."""

from __future__ import annotations

from pathlib import Path

import msgspec

from pytest_trtperf.errors import BaselineError
from pytest_trtperf.report.files import write_atomically
from pytest_trtperf.report.record import RUN_SCHEMA, RunRecord


def write_json(path: Path, record: RunRecord) -> None:
    """Writes a run's record, whole or not at all.

    Raises:
        OSError: the directory cannot be written.
    """
    write_atomically(path, msgspec.json.format(msgspec.json.encode(record), indent=1) + b"\n")


def read_json(path: Path) -> RunRecord:
    """A run's record as `write_json` wrote it.

    Raises:
        BaselineError: the file cannot be read, is cut short or of another schema; says where.
    """
    try:
        content = msgspec.json.decode(path.read_bytes())
        schema = content.get("schema") if isinstance(content, dict) else None
        if schema != RUN_SCHEMA:
            raise BaselineError(
                f"{path}: a record of --trtperf-json has the schema {RUN_SCHEMA!r}, this has "
                f"{schema!r}: record it with this version of pytest-trtperf"
            )
        return msgspec.convert(content, RunRecord)
    except OSError as error:
        raise BaselineError(f"{path}: the record cannot be read: {error.strerror}") from error
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        message = f"{path}: this is no whole record of --trtperf-json: {error}"
        raise BaselineError(message) from error
