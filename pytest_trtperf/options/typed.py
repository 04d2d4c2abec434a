"""The options of one measurement as types, for editors and type checkers."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias, TypedDict

from pytest_trtperf.options.values import (
    Arrivals,
    InconclusivePolicy,
    KernelsChoice,
    ToleranceKind,
)

InputSet: TypeAlias = str | os.PathLike[str] | Mapping[str, object]
"""Values of inputs, as tests write them."""

GivenValues: TypeAlias = InputSet | Sequence[InputSet]
"""The same, or several sets that queries take in turns."""


class PlainOptions(TypedDict, total=False):
    """What all methods of `trt_measure` take in the same way; None is the same as no option."""

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
    kernels: KernelsChoice | None
    idle_ms: float | None
    request_rate: float | Literal["closed"] | None
    arrivals: Arrivals | None
    profile: int | None
    layers: bool | None
    seed: int | None
    owner: str | None
    labels: str | Mapping[str, str] | None


class MeasureOptions(PlainOptions, total=False):
    """What `trt_measure`, `trt_compare` and the mark take; None is the same as no option.

    `Settings` describes each option and its default. Names that end in ``_ms`` are milliseconds,
    other times are seconds, and rates are queries per second.
    """

    streams: int | None
    concurrency: int | None
    inputs: GivenValues | None


class SweepOptions(PlainOptions, total=False):
    """What `trt_measure.sweep` takes: these may be several values, one for each point.

    A function of `inputs` is called with the value of each point.
    """

    streams: int | Sequence[int] | None
    concurrency: int | Sequence[int] | None
    inputs: GivenValues | Callable[[Any], GivenValues] | None
