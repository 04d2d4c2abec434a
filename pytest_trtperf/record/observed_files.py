"""The observed runs of a directory of records, and the summary file that saves reading them again.

The summary lies beside the records, as a hidden file. It can be removed at any time.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import msgspec

from pytest_trtperf.errors import BaselineError
from pytest_trtperf.files.atomic import write_atomically
from pytest_trtperf.record.observed import Name, Names, ObservedRun, observed_runs
from pytest_trtperf.record.packed import SUFFIXES
from pytest_trtperf.text import in_brief, with_escapes

SUMMARY = ".trtperf-trend.msgpack"

_FORM = "trtperf-trend/2"


class _File(msgspec.Struct, array_like=True):
    """A record as it was read: another size or time of change means another content."""

    size: int
    changed_ns: int
    runs: list[ObservedRun]


class _Summary(msgspec.Struct):
    form: str = _FORM
    names: list[Name] = []
    files: dict[str, _File] = {}


@dataclass
class Observed:
    """Runs with the names of their records; `left_out` says which files are none, and why."""

    runs: list[tuple[str, ObservedRun]] = field(default_factory=list)
    names: list[Name] = field(default_factory=list)
    records: int = 0
    left_out: list[str] = field(default_factory=list)


def observe(directory: Path) -> Observed:
    """Reads what is new since the last time.

    Raises:
        BaselineError: there is no record, or the directory cannot be read.
    """
    known = _read_summary(directory)
    names = Names(known.names)
    found = Observed(names=names.all)
    files: dict[str, _File] = {}
    for place in _record_names(directory):
        path, name = directory / place, with_escapes(place)
        try:
            state = _state(path)
            file = known.files.get(name)
            if file is None or (file.size, file.changed_ns) != (state.st_size, state.st_mtime_ns):
                runs = observed_runs(path, names)
                file = _File(state.st_size, state.st_mtime_ns, runs)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            found.left_out.append(with_escapes(f"{path}: {in_brief(reason)}"))
            continue
        files[name] = file
        found.records += 1
        found.runs += [(name, run) for run in file.runs]
    if not found.records:
        raise BaselineError(
            f"{directory} has no record of --trtperf-json"
            + (f"; the first file there: {found.left_out[0]}" if found.left_out else "")
        )
    if {name: id(file) for name, file in files.items()} != {
        name: id(file) for name, file in known.files.items()
    }:
        # Where the records cannot be changed they are read again each time.
        with suppress(OSError, ValueError):
            data = msgspec.msgpack.encode(_Summary(names=names.all, files=files))
            write_atomically(directory / SUMMARY, data)
    return found


def _state(path: Path) -> os.stat_result:
    state = path.stat()
    if not stat.S_ISREG(state.st_mode):
        # Of a pipe nothing may come for ever.
        raise ValueError("it is no file that can be read twice")
    return state


def _record_names(directory: Path) -> list[str]:
    """The files below a directory that may be records, by their paths from there, in order.

    Raises:
        BaselineError: the directory cannot be read.
    """

    def refuse(error: OSError) -> NoReturn:
        raise BaselineError(f"{error.filename} cannot be read: {error.strerror}") from error

    names: list[str] = []
    for folder, _, files in os.walk(directory, onerror=refuse):
        inner = "" if folder == str(directory) else f"{os.path.relpath(folder, directory)}/"
        names += [
            f"{inner}{name}"
            for name in files
            if name.endswith(SUFFIXES) and not name.startswith(".")
        ]
    return sorted(names)


def _read_summary(directory: Path) -> _Summary:
    """The summary; an empty one where there is none, or one of another version."""
    try:
        summary = msgspec.msgpack.decode((directory / SUMMARY).read_bytes(), type=_Summary)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _Summary()
    runs = (run for file in summary.files.values() for run in file.runs)
    whole = summary.form == _FORM and all(_is_whole(run, len(summary.names)) for run in runs)
    return summary if whole else _Summary()


def _is_whole(run: ObservedRun, count: int) -> bool:
    try:
        names, values = run.names, run.values
    except ValueError:  # bytes of no whole number
        return False
    known = not names.size or 0 <= names.min() <= names.max() < count
    return bool(known and names.size == values.size)
