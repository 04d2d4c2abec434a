"""Verdicts and findings of a measurement, as plain data."""

from __future__ import annotations

from pytest_trtperf.record.base import Number, Record


class RaceRecord(Record, frozen=True, kw_only=True):
    """A number of an engine and of the one of its baseline, measured in turns.

    `change` is new over reference, as a share, with its bounds; None where they have none.
    `extent` is how much was measured, and `source` where the reference comes from, in words.
    `blocks` are the changes of each block or group of chunks; older records have none.
    """

    value: float
    reference: float
    change: float
    lower: Number
    upper: Number
    extent: str
    source: str
    blocks: list[float] = []


class VerdictRecord(Record, frozen=True, kw_only=True):
    """A verdict on one number; `change` is against the baseline, as a share.

    `finds` is the slowdown that a comparison would have found with 90 % power, and `shift` how much
    slower the machine was, which is not part of `change`; both are shares. `race` is what decided
    in place of the baseline's numbers; without a baseline the kind is race.
    """

    kind: str  # budget, baseline, pair or race
    metric: str
    status: str
    reason: str
    message: str
    value: Number = None
    lower: Number = None
    upper: Number = None
    limit: Number = None
    baseline: Number = None
    change: Number = None
    finds: Number = None
    shift: Number = None
    race: RaceRecord | None = None
    failed: bool = False


class FindingRecord(Record, frozen=True, kw_only=True):
    """A remark on a measurement: `code` for programs, `message` for people.

    `share` is how much it is about, where one number says that; None in older records.
    """

    code: str
    message: str
    share: Number = None
