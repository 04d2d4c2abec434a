"""What happened to the baseline of a measurement, by what became of its test."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from pytest_trtperf.record.item import PASSED, Outcome
from pytest_trtperf.record.model import Measured, MeasurementRecord

COMPARED, RECORDED = "compared", "recorded"
NOT_COMPARED, NOT_RECORDED = "not compared", "not recorded"

RECORD_IT = "record it with --trtperf-update-new on this hardware and commit the file"
MEASURE_IT = "measure it in the record, too"
"""How the reasons end of tests that have to have a baseline, or to be in a record."""


_Measured = TypeVar("_Measured", bound=Measured)


def with_outcome(record: _Measured, outcome: Outcome) -> _Measured:
    """The record, with the outcome of its test and what follows for the baseline."""
    return msgspec.structs.replace(record, outcome=outcome, **_what_follows(record, outcome))


def _what_follows(record: Measured, outcome: Outcome) -> dict[str, str]:
    if not isinstance(record, MeasurementRecord) or outcome in PASSED:
        return {}
    if record.baseline == RECORDED:
        return {"baseline": NOT_RECORDED, "baseline_why": f"test {outcome}"}
    if record.baseline == NOT_COMPARED and not record.baseline_why:
        return {"baseline_why": "skipped" if outcome == "skipped" else "failed before"}
    return {}


def baseline_words(record: MeasurementRecord) -> str:
    """Such as `not recorded (test failed)`."""
    return f"{record.baseline} ({record.baseline_why})" if record.baseline_why else record.baseline
