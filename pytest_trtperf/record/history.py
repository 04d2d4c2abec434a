"""The records of many nights: one series for each test, metric and hardware."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from pytest_trtperf.analysis.gates import (
    LEAST_QUERIES_FOR_P99,
    OPEN_LOAD_GATES,
    Gate,
    closed_load_gates,
)
from pytest_trtperf.errors import BaselineError
from pytest_trtperf.record.model import MERGED_SCHEMA, RUN_SCHEMA
from pytest_trtperf.record.older_form import OLDER_MERGED, OLDER_RUN
from pytest_trtperf.text import with_escapes


class Night(msgspec.Struct, frozen=True):
    """A run of a series: when, in which record, and of which commit."""

    created: str
    record: str
    commit: str | None


@dataclass(frozen=True)
class Series:
    """One number of one test on one hardware over the nights; None where it was not measured."""

    hardware_class: str
    backend: str
    key: str
    gate: Gate
    nights: list[Night]
    values: list[float | None]


@dataclass
class History:
    """The series of a directory of records, and which files were left out and why.

    `newest` is the last night of each hardware class and backend.
    """

    series: list[Series] = field(default_factory=list)
    newest: dict[tuple[str, str], Night] = field(default_factory=dict)
    records: int = 0
    left_out: list[str] = field(default_factory=list)


class _Measurement(msgspec.Struct):
    """What a series needs of a measurement: all else in a record is skipped unread."""

    test: str
    key: str
    mode: dict[str, Any]
    shapes: dict[str, list[int]]
    judged_metric: str
    summary: dict[str, dict[str, float]]
    throughput: float


class _Run(msgspec.Struct, tag_field="schema", tag=RUN_SCHEMA):
    created: str
    hardware_class: str
    backend: str
    measurements: list[_Measurement]
    commit: str | None = None


class _Merged(msgspec.Struct, tag_field="schema", tag=MERGED_SCHEMA):
    runs: list[_Run]


class _OlderRun(_Run, tag=OLDER_RUN):
    pass


class _OlderMerged(msgspec.Struct, tag_field="schema", tag=OLDER_MERGED):
    runs: list[_OlderRun]


_DECODER = msgspec.json.Decoder(_Run | _Merged | _OlderRun | _OlderMerged)

_SeriesId = tuple[str, str, str, str, str, Gate]


def read_history(directory: Path) -> History:
    """All records below a directory, by the time they were made.

    A measurement in another mode or with other shapes begins a series of its own.

    Raises:
        BaselineError: there is no record, or the directory cannot be read.
    """
    history = History()
    runs: list[tuple[Night, _Run]] = []
    seen: set[tuple[str, ...]] = set()
    for path in _files(directory):
        try:
            found = _DECODER.decode(path.read_bytes())
        except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            history.left_out.append(with_escapes(f"{path}: {reason}"))
            continue
        history.records += 1
        name = with_escapes(path.relative_to(directory).as_posix())
        for run in [found] if isinstance(found, _Run) else found.runs:
            tests = (one.test + one.key for one in run.measurements)
            itself = (run.created, run.hardware_class, run.backend, *tests)
            if itself not in seen:  # a record may lie beside the one that it was merged into
                seen.add(itself)
                runs.append((Night(run.created, name, run.commit), run))
    if not history.records:
        raise BaselineError(
            f"{directory} has no record of --trtperf-json"
            + (f"; the first file there: {history.left_out[0]}" if history.left_out else "")
        )
    runs.sort(key=lambda one: (one[0].created, one[0].record))
    history.series = list(_series(runs))
    history.newest = {(run.hardware_class, run.backend): night for night, run in runs}
    return history


def _files(directory: Path) -> list[Path]:
    try:
        return sorted(p for p in directory.rglob("*.json") if not p.name.startswith("."))
    except OSError as error:
        raise BaselineError(f"{directory} cannot be read: {error.strerror}") from error


def _series(runs: Iterable[tuple[Night, _Run]]) -> Iterator[Series]:
    nights: dict[tuple[str, str], list[Night]] = defaultdict(list)
    found: dict[_SeriesId, dict[int, float]] = defaultdict(dict)
    for night, run in runs:
        place = run.hardware_class, run.backend
        for one in run.measurements:
            how = repr((sorted(one.mode.items()), sorted(one.shapes.items())))
            for gate, value in _values(one):
                identity = (*place, one.test, one.key, how, gate)
                found[identity][len(nights[place])] = value
        nights[place].append(night)
    for (hardware, backend, _, key, _, gate), values in found.items():
        those = nights[hardware, backend]
        yield Series(
            hardware, backend, key, gate, those, [values.get(i) for i in range(len(those))]
        )


def _values(one: _Measurement) -> Iterator[tuple[Gate, float]]:
    """The numbers that a comparison with a baseline looks at, over all rounds."""
    is_open = one.judged_metric == "response"
    for gate in OPEN_LOAD_GATES if is_open else closed_load_gates(one.summary):
        figures = one.summary.get(gate.metric, {})
        if gate.kind == "throughput":
            value = one.throughput
        elif gate.kind == "p99" and figures.get("count", 0) < LEAST_QUERIES_FOR_P99:
            continue
        else:
            value = figures.get(gate.kind, 0.0)
        if value > 0:
            yield gate, value
