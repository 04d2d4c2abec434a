"""The record of a run as a JSON file: written whole, and checked when it is read."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from pytest_trtperf.baseline.possible import impossible
from pytest_trtperf.errors import BaselineError
from pytest_trtperf.files.atomic import write_atomically
from pytest_trtperf.record.json_lines import lines_path
from pytest_trtperf.record.model import Measured, MeasurementRecord, MergedRecord, RunRecord
from pytest_trtperf.record.older_form import PRESENT_SCHEMAS, in_present_form
from pytest_trtperf.record.packed import packed, unpacked, whole_record
from pytest_trtperf.record.schema_check import schema_of, why_no_record
from pytest_trtperf.record.text import shortened
from pytest_trtperf.text import in_brief, with_escapes

_DECODER = msgspec.json.Decoder(RunRecord | MergedRecord)


def write_json(path: Path, record: RunRecord | MergedRecord) -> None:
    """Writes a record, whole or not at all; compressed if the name ends in .gz.

    Raises:
        OSError: the directory cannot be written.
        ValueError: a text cannot be written as UTF-8.
    """
    write_atomically(path, packed(path, msgspec.json.encode(record) + b"\n"))


def read_runs(path: Path) -> list[RunRecord]:
    """The runs of a record: one, or those that `trtperf merge` put together.

    Lines are a run, too: what one that was killed has left beside the file that it did not write.

    Raises:
        BaselineError: the file cannot be read, is cut short, of another version, or has a value
            that does not fit or a measurement twice; names file and place.
    """
    path = _found(path)
    try:
        data = unpacked(path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BaselineError(f"{path}: the record cannot be read: {reason}") from error
    try:
        data = whole_record(path, data)
        record = _decoded(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BaselineError(f"{path}: {in_brief(why_no_record(data, error))}") from error
    runs = record.runs if isinstance(record, MergedRecord) else [record]
    if flaw := next(itertools.chain(_flaws(runs), _twice(runs)), None):
        raise BaselineError(f"{path}: {in_brief(flaw)}")
    return runs


def without_surrogates(record: RunRecord) -> RunRecord:
    """A record that files in UTF-8 can hold: with escapes for lone surrogates, if it has some."""
    try:
        msgspec.json.encode(record)
    except UnicodeEncodeError:
        return msgspec.convert(record.to_builtins(), RunRecord)
    return record


def _found(path: Path) -> Path:
    """The file of a record, or what a killed run has left of it."""
    lines = lines_path(path)
    return lines if not path.exists() and lines.exists() else path


class MeasurementId(msgspec.Struct, frozen=True):
    """What identifies a measurement.

    The test is part of it: keys are relative to a baseline directory, so that those of several
    directories in a repository may be equal.
    """

    hardware_class: str
    backend: str
    test: str
    key: str

    def __str__(self) -> str:
        return with_escapes(f"{shortened(self.key)} ({self.backend} on {self.hardware_class})")


def measurement_ids(runs: Sequence[RunRecord]) -> Iterator[MeasurementId]:
    """The ids of everything that was measured."""
    for run in runs:
        yield from (measurement_id(run, one) for one in run.measured)


def measurement_id(run: RunRecord, one: Measured) -> MeasurementId:
    """The id of one measurement of a run."""
    return MeasurementId(run.hardware_class, run.backend, one.test, one.key)


def _decoded(data: bytes) -> RunRecord | MergedRecord:
    record: RunRecord | MergedRecord
    if schema_of(data) in PRESENT_SCHEMAS:
        plain = in_present_form(msgspec.json.decode(data))
        record = msgspec.convert(plain, RunRecord | MergedRecord)
    else:
        record = _DECODER.decode(data)
    return record


def _flaws(runs: Sequence[RunRecord]) -> Iterator[str]:
    """What is wrong with records although all types fit."""
    for run in runs:
        for index, one in enumerate(run.measurements):
            place = f"at `$.measurements[{index}]` ({one.key})"
            if not one.rounds:
                yield f"there is no round - {place}"
            if one.judged_metric not in one.summary:
                yield f"there is no summary of {one.judged_metric} - {place}"
            for metric, figures in one.summary.items():
                if lacking := {"median", "p99"} - figures.keys():
                    yield f"the summary of {metric} has no {min(lacking)} - {place}"
            rate = one.mode.get("request_rate")
            if one.mode.get("load") == "open" and not _is_rate(rate):
                yield f"an open load has no request_rate - {place}"
            yield from (f"{reason} - {place}, {where}" for where, reason in _impossible(one))
            if _metrics_differ(one):
                yield f"the rounds do not all have the metrics of the summary - {place}"


def _is_rate(value: object) -> bool:
    return isinstance(value, int | float) and 0 < value < math.inf


def _impossible(one: MeasurementRecord) -> Iterator[tuple[str, str]]:
    """Where the numbers that are judged are none of a machine, and why."""
    metrics = {"latency", one.judged_metric}
    for number, round in enumerate(one.rounds, 1):
        judged = {name: round.quantiles[name] for name in metrics & round.quantiles.keys()}
        for what, reason in impossible(round.throughput, judged, round.yardstick_ms):
            yield f"round {number}, {what}", reason


def _metrics_differ(one: MeasurementRecord) -> bool:
    return any(round.quantiles.keys() != one.summary.keys() for round in one.rounds)


def _twice(runs: Sequence[RunRecord]) -> Iterator[str]:
    for one, count in Counter(measurement_ids(runs)).items():
        if count > 1:
            yield f"{one} is in the record {count} times: keep one of them"
