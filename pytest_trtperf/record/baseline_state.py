"""What happened to the baseline of a measurement, by what became of its test."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from pytest_trtperf.record.item import PASSED, Outcome
from pytest_trtperf.record.model import MaxQpsRecord, MeasurementRecord, PairRecord

COMPARED, RECORDED = "compared", "recorded"
NOT_COMPARED, NOT_RECORDED = "not compared", "not recorded"

_Measured = TypeVar("_Measured", MeasurementRecord, MaxQpsRecord, PairRecord)


def with_outcome(record: _Measured, outcome: Outcome) -> _Measured:
    """The record, with the outcome of its test and what follows for the baseline."""
    record = msgspec.structs.replace(record, outcome=outcome)
    if not isinstance(record, MeasurementRecord) or outcome in PASSED:
        return record
    if record.baseline == RECORDED:
        return not_recorded(record, f"test {outcome}")
    if record.baseline == NOT_COMPARED and not record.baseline_why:
        why = "skipped" if outcome == "skipped" else "failed before"
        return msgspec.structs.replace(record, baseline_why=why)
    return record


def not_recorded(record: MeasurementRecord, why: str) -> MeasurementRecord:
    """The record of what did not become a baseline."""
    return msgspec.structs.replace(record, baseline=NOT_RECORDED, baseline_why=why)


def baseline_words(record: MeasurementRecord) -> str:
    """Such as `not recorded (test failed)`."""
    return f"{record.baseline} ({record.baseline_why})" if record.baseline_why else record.baseline
