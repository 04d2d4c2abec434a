"""What a run leaves behind, as plain data: it travels on test reports and is written as JSON."""

from __future__ import annotations

from typing import Any

import msgspec

Number = float | None


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """Base of the records; `to_builtins` gives what JSON and pytest-xdist can carry."""

    def to_builtins(self) -> Any:
        """Plain dicts, lists, strings and numbers."""
        return msgspec.to_builtins(self)


class VerdictRecord(Record, frozen=True, kw_only=True):
    """A verdict on one number; `change` is against the baseline, as a share."""

    kind: str  # budget or baseline
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
    failed: bool = False


class RoundRecord(Record, frozen=True, kw_only=True):
    """A round; `started` and `ended` are seconds of the host's monotonic clock."""

    queries: int
    throughput: float
    quantiles: dict[str, list[float]]
    started: float
    ended: float
    before: dict[str, Number]
    after: dict[str, Number]


class MeasurementRecord(Record, frozen=True, kw_only=True):
    """A measurement with everything that was found out about it."""

    test: str
    key: str
    module: str
    baseline_dir: str
    device: str
    engine: dict[str, Any]
    shapes: dict[str, list[int]]
    mode: dict[str, Any]
    warm_up: dict[str, Any]
    summary: dict[str, dict[str, float]]
    throughput: float
    rounds: list[RoundRecord]
    verdicts: list[VerdictRecord]
    findings: list[str]
    baseline: str  # compared, missing, replaced or off
    notes: list[str] = []


class RunRecord(Record, frozen=True, kw_only=True):
    """A run of `pytest --trtperf`."""

    schema: str
    created: str
    backend: str
    device: str
    hardware_class: str
    software: dict[str, str]
    exit_status: int
    measurements: list[MeasurementRecord]


RUN_SCHEMA = "trtperf-run/1"
