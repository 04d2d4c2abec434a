"""Records of the older form, in which a measurement had rounds and knew of no sessions."""

from __future__ import annotations

from typing import Any

from pytest_trtperf.record.model import MERGED_SCHEMA, RUN_SCHEMA

OLDER_RUN, OLDER_MERGED = "trtperf-run/2", "trtperf-runs/2"
PRESENT_SCHEMAS = {OLDER_RUN: RUN_SCHEMA, OLDER_MERGED: MERGED_SCHEMA}
"""The present schema for each older one that is still read."""

_OF_SESSIONS = ("cold_start_ms", "warm_up", "rounds", "set_aside")


def in_present_form(record: Any) -> Any:
    """A record as plain data, with the rounds of each measurement as those of one session.

    What has another shape stays as it is, so that reading it names its place.
    """
    if not (isinstance(record, dict) and record.get("schema") in PRESENT_SCHEMAS):
        return record
    record = {**record, "schema": PRESENT_SCHEMAS[record["schema"]]}
    for field, convert in (("runs", in_present_form), ("measurements", _with_one_session)):
        if isinstance(record.get(field), list):
            record[field] = [convert(one) for one in record[field]]
    return record


def _with_one_session(measurement: Any) -> Any:
    if not isinstance(measurement, dict) or "sessions" in measurement:
        return measurement
    session = {name: measurement[name] for name in _OF_SESSIONS if name in measurement}
    kept = {name: value for name, value in measurement.items() if name not in session}
    return {**kept, "sessions": [{**session, "kernels": "unknown"}]}
