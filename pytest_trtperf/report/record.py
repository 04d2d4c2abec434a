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
    disturbances: list[str] = []


class MeasurementRecord(Record, frozen=True, kw_only=True, tag="measurement"):
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
    cold_start_ms: float
    time_to_steady_s: Number
    energy_per_query_mj: Number
    device_memory: dict[str, int]
    judged_metric: str
    summary: dict[str, dict[str, float]]
    throughput: float
    rounds: list[RoundRecord]
    set_aside: list[RoundRecord]
    layers: list[dict[str, Any]]
    verdicts: list[VerdictRecord]
    findings: list[str]
    baseline: str  # compared, missing, replaced or off
    notes: list[str] = []


class CapacityRecord(Record, frozen=True, kw_only=True, tag="max_qps"):
    """A search for the highest request rate, in queries per second, that keeps `limit_ms`."""

    test: str
    key: str
    device: str
    engine: dict[str, Any]
    shapes: dict[str, list[int]]
    mode: dict[str, Any]
    limit_ms: float
    rate: float
    lower: float
    upper: float
    closed_qps: float
    trials: list[dict[str, Any]]
    findings: list[str]
    verdicts: list[VerdictRecord]
    message: str


class PairRecord(Record, frozen=True, kw_only=True, tag="pair"):
    """Two engines measured in turns; `ratios` are new over reference, by kind."""

    test: str
    key: str
    device: str
    engines: dict[str, Any]
    modes: dict[str, dict[str, Any]]
    blocks: int
    ratios: dict[str, dict[str, float]]
    verdicts: list[VerdictRecord]
    findings: list[str]
    message: str


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
    max_qps: list[CapacityRecord] = []
    pairs: list[PairRecord] = []


RUN_SCHEMA = "trtperf-run/1"
