"""The content of a record's file, which may be compressed, or the lines of a record."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

from pytest_trtperf.record.json_lines import SUFFIX, as_one_record

_PACKED = ".gz"

SUFFIXES = tuple(one + packed for one in (".json", SUFFIX) for packed in ("", _PACKED))
"""What the names of records end with, where a directory is searched for them."""


def unpacked(path: Path) -> bytes:
    """The bytes of a file, without gzip.

    Raises:
        OSError: it cannot be read.
        ValueError: it is compressed and cut short.
    """
    data = path.read_bytes()
    if path.suffix != _PACKED:
        return data
    try:
        return gzip.decompress(data)
    except (EOFError, zlib.error) as error:
        raise ValueError(f"it is cut short: {error}") from error


def whole_record(path: Path, data: bytes) -> bytes:
    """What a file has as one record, whether it is one or the lines of one.

    Raises:
        msgspec.DecodeError: they are not the lines of a record.
    """
    return as_one_record(data) if path.name.removesuffix(_PACKED).endswith(SUFFIX) else data
