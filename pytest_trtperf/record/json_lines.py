"""The record of a run that goes on, as JSON lines: what is left of a run that is killed.

The first line is the record as it begins, without measurements. Others follow as tests end: what a
test measured, and the test itself. Of what comes twice, the last counts.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from pytest_trtperf.files.atomic import leftovers
from pytest_trtperf.record.base import Record
from pytest_trtperf.record.baseline_state import with_outcome
from pytest_trtperf.record.item import ItemRecord, Outcome
from pytest_trtperf.record.model import Measured, RunRecord

SUFFIX = ".jsonl"

_FIELDS = {"measurement": "measurements", "max_qps": "max_qps", "pair": "pairs"}


class TestLine(Record, frozen=True, kw_only=True, tag="test"):
    """A test that ended."""

    __test__ = False

    item: ItemRecord
    ended: str


class CollectedLine(Record, frozen=True, kw_only=True, tag="collected"):
    """All tests that measure, before they run."""

    items: list[ItemRecord]


def lines_path(path: Path) -> Path:
    """Where the lines of a record are: beside it."""
    return path.with_suffix(SUFFIX) if path.suffix == ".json" else Path(f"{path}{SUFFIX}")


def begin(path: Path, record: RunRecord) -> None:
    """Begins the lines of a record at `path`; what an earlier run left is removed.

    Its record goes, too: if this run is killed, it would be read in place of the lines.

    Raises:
        OSError: the directory cannot be written.
        ValueError: a text cannot be written as UTF-8.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in (lines_path(path), *leftovers(path)):
        left.unlink(missing_ok=True)
    if path.is_file():
        path.unlink()
    lines_path(path).touch(0o666, exist_ok=False)
    append(lines_path(path), [record])


def append(path: Path, records: Iterable[Any], *, sync: bool = False) -> None:
    """Appends a line for each record; several processes may do so at once.

    What is written survives the process. It survives the machine only with `sync`.

    Args:
        path: of the lines, which have begun.
        sync: wait until the disk has them.

    Raises:
        OSError: there is no such file, or it cannot be written.
        ValueError: a text cannot be written as UTF-8.
    """
    plain = (one.to_builtins() if isinstance(one, Record) else one for one in records)
    data = b"".join(msgspec.json.encode(one) + b"\n" for one in plain)
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
    try:
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            data = b"\n" + data  # an earlier line was cut, as by a full disk
        # One call, so that lines of several processes do not mix.
        os.write(descriptor, data)
        if sync:
            os.fdatasync(descriptor)
    finally:
        os.close(descriptor)


class _Line(msgspec.Struct):
    """What is read of each line; all else is skipped."""

    type: str
    test: str = ""
    key: str = ""
    outcome: Outcome | None = None
    item: msgspec.Raw = msgspec.Raw(b"{}")
    items: list[msgspec.Raw] = []
    ended: str = ""


class _Named(msgspec.Struct):
    test: str
    outcome: Outcome


def as_one_record(data: bytes) -> bytes:
    """Lines as one record, as `json_file` reads it; lines that were cut are left out.

    Raises:
        msgspec.DecodeError: the first line is not the beginning of a record.
    """
    first, *others = data.split(b"\n")
    record = msgspec.json.decode(first, type=dict[str, msgspec.Raw])
    tests: dict[str, msgspec.Raw] = {}
    outcomes: dict[str, Outcome] = {}
    measured: dict[tuple[str, str, str], tuple[bytes, Outcome | None]] = {}
    for line in others:
        try:
            found = msgspec.json.decode(line, type=_Line)
            items = found.items if found.type == "collected" else [found.item]
            named = [] if found.type in _FIELDS else [_named(item) for item in items]
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
        if found.type in _FIELDS:
            measured[found.type, found.test, found.key] = line, found.outcome
        elif found.type == "test" or (found.type == "collected" and not tests):
            for item, one in zip(items, named, strict=True):
                tests[one.test], outcomes[one.test] = item, one.outcome
        if found.ended:
            record["created"] = msgspec.Raw(msgspec.json.encode(found.ended))
    for kind, name in _FIELDS.items():
        lines = [
            _with_outcome(line, outcome, outcomes.get(test))
            for (of_kind, test, _), (line, outcome) in measured.items()
            if of_kind == kind
        ]
        record[name] = msgspec.Raw(b"[" + b",".join(lines) + b"]")
    record["tests"] = msgspec.Raw(msgspec.json.encode(list(tests.values())))
    return msgspec.json.encode(record)


def _named(item: msgspec.Raw) -> _Named:
    return msgspec.json.decode(item, type=_Named)


def _with_outcome(line: bytes, then: Outcome | None, now: Outcome | None) -> bytes:
    """A line with the outcome of its test, which may have failed after it was written."""
    if now is None or now == then:
        return line
    record: Measured = msgspec.json.decode(line, type=Measured)
    return msgspec.json.encode(with_outcome(record, now))
