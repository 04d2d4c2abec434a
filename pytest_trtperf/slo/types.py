"""What a table of SLOs may hold: the types that read it, and that its JSON Schema is made of."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

import msgspec

from pytest_trtperf.engine.options import OWN, PRECISIONS, Precision
from pytest_trtperf.options.values import (
    Arrivals,
    InconclusivePolicy,
    KernelsChoice,
    ToleranceKind,
)

DEFAULTS = "defaults"
"""The table whose keys are those of all others, unless they have their own."""

SHA256 = "^[0-9a-f]{64}$"

# NaN and infinity are excluded by finite bounds, since msgspec takes no infinite ones.
Positive = Annotated[float, msgspec.Meta(gt=0, le=sys.float_info.max)]
NotNegative = Annotated[float, msgspec.Meta(ge=0, le=sys.float_info.max)]
Cosine = Annotated[float, msgspec.Meta(gt=0, le=1)]
Count = Annotated[int, msgspec.Meta(ge=1)]
Limit = Positive | Annotated[dict[str, Positive], msgspec.Meta(min_length=1)]
Size = Annotated[int, msgspec.Meta(ge=0)]
Range = Annotated[list[Size], msgspec.Meta(min_length=3, max_length=3)]
Shape = str | list[int]
ProfileShapes = str | list[int | str | list[int]]
Share = Annotated[float, msgspec.Meta(gt=0, lt=1)]
InputSet = dict[str, str | bool | int | float | list[Any]]
InputSets = Annotated[list[str | InputSet], msgspec.Meta(min_length=1)]
CostName = Literal["load_time", "cold_start", "energy_per_query", "engine_size", "device_memory"]
Name = Annotated[str, msgspec.Meta(min_length=1)]
Marks = list[Name] | dict[Name, dict[str, Any] | list[Any]]
PrecisionChoice = Precision | Literal["own"]
Precisions = Annotated[list[PrecisionChoice], msgspec.Meta(min_length=1)]


class _Table(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """The base of all tables."""


class Accuracy(_Table, frozen=True):
    """How close outputs have to be to those of a reference, as in `Engine.assert_close`."""

    reference: str | None = None
    rtol: NotNegative | dict[Name, NotNegative] | None = None
    atol: NotNegative | dict[Name, NotNegative] | None = None
    cosine: Cosine | dict[Name, Cosine] | None = None
    top_k: Count | dict[Name, Count] | None = None
    seed: Size | None = None


class MetricBudgets(_Table, frozen=True):
    """Budgets of one metric, such as `gpu_compute`."""

    p50_ms: Limit | None = None
    p90_ms: Limit | None = None
    p95_ms: Limit | None = None
    p99_ms: Limit | None = None
    percentiles_ms: dict[str, Limit] | None = None
    tail_ratio: Limit | None = None
    cov: Limit | None = None


class MaxQpsSearch(_Table, frozen=True):
    """A search for the highest request rate, as `trt_measure.max_qps` does it."""

    p99_ms: Positive
    at_least: Limit | None = None


class Measured(MetricBudgets, frozen=True):
    """What one measurement has: budgets, options, marks. Absent is not said here."""

    metric: Name | None = None
    metrics: dict[Name, MetricBudgets] | None = None
    transfer_share: Limit | None = None
    qps: Limit | None = None
    max_qps: MaxQpsSearch | None = None
    load_time_ms: Limit | None = None
    cold_start_ms: Limit | None = None
    energy_per_query_mj: Limit | None = None
    engine_size_mib: Limit | None = None
    build_time_s: Limit | None = None
    device_memory_mib: Limit | None = None
    gate: dict[CostName, Share] | None = None
    missing_ok: bool | None = None
    accuracy: bool | Accuracy | None = None
    baseline: bool | None = None
    marks: Marks | None = None
    tolerance: Share | dict[ToleranceKind, Share] | None = None
    widening: float | None = None
    inconclusive: InconclusivePolicy | None = None
    sessions: int | None = None
    max_time: Positive | None = None
    warm_up_ms: Positive | None = None
    max_warm_up: Positive | None = None
    round_ms: Positive | None = None
    round_queries: int | None = None
    transfers: bool | None = None
    spin_wait: bool | None = None
    cuda_graph: bool | None = None
    streams: int | None = None
    concurrency: int | None = None
    kernels: KernelsChoice | None = None
    idle_ms: float | None = None
    request_rate: Positive | Literal["closed"] | None = None
    arrivals: Arrivals | None = None
    profile: Annotated[int, msgspec.Meta(ge=1)] | None = None
    layers: bool | None = None
    inputs: str | InputSet | InputSets | None = None
    seed: Size | None = None
    owner: Name | None = None
    labels: dict[str, str] | None = None


class Measurement(Measured, frozen=True):
    """One measurement. Other keys are sizes of dimensions, by the names in the entry's `dims`."""

    name: Name | None = None
    dims: dict[Name, Size] = {}
    shapes: dict[str, Shape] = {}
    precision: PrecisionChoice | None = None


class Defaults(Measured, frozen=True):
    """What all entries have, unless they say it themselves."""

    dims: dict[Name, Size | Range] | None = None
    shapes: dict[str, ProfileShapes] | None = None
    build: dict[str, Any] | None = None
    precision: PrecisionChoice | Precisions | None = None
    measure: list[Measurement] | None = None


class Entry(Defaults, frozen=True, kw_only=True):
    """One model, or all that a glob finds."""

    onnx: Name
    exclude: list[Name] = []
    sha256: Annotated[str, msgspec.Meta(pattern=SHA256)] | None = None


CHOICES: Mapping[str, tuple[str, ...]] = {
    "arrivals": get_args(Arrivals),
    "inconclusive": get_args(InconclusivePolicy),
    "kernels": get_args(KernelsChoice),
    "precision": (*PRECISIONS, OWN),
    "request_rate": ("closed",),
    "tolerance": get_args(ToleranceKind),
}
"""The words that a key takes, where it takes no others."""

MEASURED = Measured.__struct_fields__
"""The fields that an entry gives to its measurements."""

OPTIONS = MEASURED[MEASURED.index("tolerance") :]
"""Those that are options of a measurement."""
