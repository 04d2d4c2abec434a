"""What a trend needs of a record: numbers by series, and the tests without any."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from pytest_trtperf.analysis.costs import COSTS, WATCHED
from pytest_trtperf.analysis.gates import (
    LEAST_QUERIES_FOR_P99,
    OPEN_LOAD_GATES,
    TOLERANCE,
    Gate,
    closed_load_gates,
)
from pytest_trtperf.analysis.night_density import IntArray
from pytest_trtperf.analysis.summary import FloatArray
from pytest_trtperf.record.model import MERGED_SCHEMA, RUN_SCHEMA
from pytest_trtperf.record.older_form import OLDER_MERGED, OLDER_RUN
from pytest_trtperf.record.packed import unpacked, whole_record
from pytest_trtperf.record.schema_check import why_no_record

UNCHANGED = "unchanged"

_PLACE, _VALUE = "<i4", "<f8"


class Name(msgspec.Struct, frozen=True, array_like=True):
    """What a number belongs to; `how` is the digest of mode and shapes.

    `host` is where it was measured, None where that is the run's.
    """

    test: str
    key: str
    how: str
    metric: str
    kind: str
    tolerance: float
    host: str | None = None

    @property
    def gate(self) -> Gate:
        """The compared number."""
        return Gate(self.metric, self.kind, self.tolerance)


class Unmeasured(msgspec.Struct, frozen=True, array_like=True):
    """A test of a run that has no measurement, what pytest said of it, and the reason."""

    test: str
    key: str
    outcome: str
    reason: str


class ObservedRun(msgspec.Struct, array_like=True):
    """A run; `packed_names` and `packed_values` are arrays as bytes, which are read at once."""

    moment: str
    created: str
    commit: str | None
    hardware_class: str
    backend: str
    host: str | None
    branch: str | None
    software: dict[str, str]
    packed_names: bytes
    packed_values: bytes
    unmeasured: list[Unmeasured]

    @property
    def names(self) -> IntArray:
        """Places in a list of `Name`, one for each of `values`."""
        return np.frombuffer(self.packed_names, _PLACE).astype(np.intp)

    @property
    def values(self) -> FloatArray:
        """The numbers."""
        return np.frombuffer(self.packed_values, _VALUE)


class Names:
    """The names of all series once, although each run has numbers of hundreds."""

    def __init__(self, known: list[Name] | None = None) -> None:
        self.all: list[Name] = known or []
        self._places = {name: place for place, name in enumerate(self.all)}

    def place(self, name: Name) -> int:
        """Where a name is."""
        place = self._places.setdefault(name, len(self.all))
        if place == len(self.all):
            self.all.append(name)
        return place


class _Cost(msgspec.Struct):
    value: float
    is_gated: bool = False


class _Verdict(msgspec.Struct):
    kind: str
    metric: str


class _Measurement(msgspec.Struct):
    """All else in a record is skipped unread."""

    test: str
    key: str
    mode: dict[str, Any]
    shapes: dict[str, list[int]]
    judged_metric: str
    summary: dict[str, dict[str, float]]
    throughput: float
    host: str | None = None
    costs: dict[str, _Cost] = {}
    verdicts: list[_Verdict] = []


class _Item(msgspec.Struct):
    test: str
    key: str
    outcome: str
    reason: str = ""


class _Run(msgspec.Struct, tag_field="schema", tag=RUN_SCHEMA):
    created: str
    hardware_class: str
    backend: str
    measurements: list[_Measurement]
    software: dict[str, str] = {}
    commit: str | None = None
    started: str | None = None
    host: str | None = None
    branch: str | None = None
    tests: list[_Item] = []


class _Merged(msgspec.Struct, tag_field="schema", tag=MERGED_SCHEMA):
    runs: list[_Run]


class _OlderRun(_Run, tag=OLDER_RUN):
    pass


class _OlderMerged(msgspec.Struct, tag_field="schema", tag=OLDER_MERGED):
    runs: list[_OlderRun]


_DECODER = msgspec.json.Decoder(_Run | _Merged | _OlderRun | _OlderMerged)


def observed_runs(path: Path, names: Names) -> list[ObservedRun]:
    """The runs of a file.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no record, cut short, or of another version.
    """
    data = unpacked(path)
    try:
        data = whole_record(path, data)
        found = _DECODER.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(why_no_record(data, error)) from error
    runs = [found] if isinstance(found, _Run) else found.runs
    return [_observed(run, names) for run in runs]


def _observed(run: _Run, names: Names) -> ObservedRun:
    places: list[int] = []
    values: list[float] = []
    for one in run.measurements:
        how = repr((sorted(one.mode.items()), sorted(one.shapes.items())))
        host = None if one.host == run.host else one.host
        for gate, value in _values(one):
            name = Name(one.test, one.key, how, gate.metric, gate.kind, gate.tolerance, host)
            places.append(names.place(name))
            values.append(float(f"{value:.7g}"))
    measured = {one.test for one in run.measurements}
    rest = [
        Unmeasured(one.test, one.key, one.outcome, one.reason)
        for one in run.tests
        if one.test not in measured
    ]
    return ObservedRun(
        moment=run.started or run.created, created=run.created, commit=run.commit,
        hardware_class=run.hardware_class, backend=run.backend, host=run.host, branch=run.branch,
        software=run.software, packed_names=np.array(places, _PLACE).tobytes(),
        packed_values=np.array(values, _VALUE).tobytes(), unmeasured=rest,
    )  # fmt: skip


def _values(one: _Measurement) -> Iterator[tuple[Gate, float]]:
    """The numbers that a comparison looks at, over all rounds, and costs that are limited."""
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
    limited = {verdict.metric for verdict in one.verdicts if verdict.kind == "budget"}
    for name, cost in one.costs.items():
        if name not in WATCHED or cost.value <= 0:
            continue
        if cost.is_gated or COSTS[name].title in limited:
            yield Gate(name, name, TOLERANCE), cost.value
