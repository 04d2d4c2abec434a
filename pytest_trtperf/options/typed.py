"""The options of one measurement as types, for editors and type checkers."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Literal, TypedDict

from pytest_trtperf.options.values import (
    Arrivals,
    InconclusivePolicy,
    KernelsChoice,
    ToleranceKind,
)


class MeasureOptions(TypedDict, total=False):
    """What `trt_measure`, `trt_compare` and the mark take; None is the same as no option.

    `Settings` describes each option and its default. Names that end in ``_ms`` are milliseconds,
    other times are seconds, and rates are queries per second.
    """

    tolerance: float | str | Mapping[ToleranceKind, float] | None
    widening: float | None
    inconclusive: InconclusivePolicy | None
    sessions: int | None
    max_time: float | None
    warm_up_ms: float | None
    max_warm_up: float | None
    round_ms: float | None
    round_queries: int | None
    transfers: bool | None
    spin_wait: bool | None
    cuda_graph: bool | None
    streams: int | None
    concurrency: int | None
    kernels: KernelsChoice | None
    idle_ms: float | None
    request_rate: float | Literal["closed"] | None
    arrivals: Arrivals | None
    layers: bool | None
    inputs: str | os.PathLike[str] | Mapping[str, object] | None
    seed: int | None
    owner: str | None
    labels: str | Mapping[str, str] | None
