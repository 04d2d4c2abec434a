"""The content of a record's file, which may be compressed, or the lines of a record."""

from __future__ import annotations

import gzip
import io
import zlib
from pathlib import Path

from pytest_trtperf.record.json_lines import SUFFIX, as_one_record

_PACKED = ".gz"
_MOST_EXPANSION, _LEAST_BOMB = 100, 16 << 20

SUFFIXES = tuple(one + packed for one in (".json", SUFFIX) for packed in ("", _PACKED))
"""What the names of records end with, where a directory is searched for them."""


def packed(path: Path, data: bytes) -> bytes:
    """What a file with this name is to hold: compressed where the name says so."""
    return gzip.compress(data, mtime=0) if path.suffix == _PACKED else data


def unpacked(path: Path) -> bytes:
    """The bytes of a file, without gzip.

    Raises:
        OSError: it cannot be read.
        ValueError: it is compressed and cut short or damaged, or fills the memory.
    """
    data = path.read_bytes()
    if path.suffix != _PACKED:
        return data
    try:
        return _expanded(data)
    except gzip.BadGzipFile as error:  # an OSError, which it is not
        raise ValueError(str(error)) from error
    except (EOFError, zlib.error) as error:
        raise ValueError(f"it is cut short: {error}") from error


def _expanded(data: bytes) -> bytes:
    most = max(_LEAST_BOMB, _MOST_EXPANSION * len(data))
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
        expanded = file.read(most + 1)
    if len(expanded) > most:
        raise ValueError(f"it expands more than {_MOST_EXPANSION}-fold, which no record does")
    return expanded


def whole_record(path: Path, data: bytes) -> bytes:
    """What a file has as one record, whether it is one or the lines of one.

    Raises:
        msgspec.DecodeError: they are not the lines of a record.
    """
    return as_one_record(data) if path.name.removesuffix(_PACKED).endswith(SUFFIX) else data
