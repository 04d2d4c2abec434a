"""The build options as types, for editors and type checkers."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Literal, TypedDict

from pytest_trtperf.engine.options import Precision


class BuildOptions(TypedDict, total=False):
    """What `trt_engine` takes; `options.OPTIONS` has the rules and versions of each option.

    Names of enum members may be in upper or lower case. Which members exist depends on the
    version of TensorRT, so these are plain text. Names that end in ``_mib`` are MiB.
    """

    precision: Precision | Literal["own"] | None
    builder_optimization_level: int
    max_aux_streams: int
    max_num_tactics: int
    avg_timing_iterations: int
    tiling_optimization_level: str
    l2_limit_for_tiling: int
    hardware_compatibility_level: str
    profiling_verbosity: str
    memory_pool_limit_mib: Mapping[str, float]
    tactic_sources: Mapping[str, bool]
    preview_features: Mapping[str, bool]
    compute_capabilities: str | Sequence[str]
    strongly_typed: bool
    tf32: bool
    fp16: bool
    bf16: bool
    int8: bool
    fp8: bool
    int4: bool
    strict_nans: bool
    sparse_weights: bool
    direct_io: bool
    distributive_independence: bool
    refit: bool
    version_compatible: bool
    exclude_lean_runtime: bool
    disable_compilation_cache: bool
    disable_timing_cache: bool
    error_on_timing_cache_miss: bool
    timing_cache: bool | str | os.PathLike[str]
    gpu_fallback: bool
    DLA_core: int
    plugins: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
    weight_streaming: bool
    strip_plan: bool
    allowed_formats: Mapping[str, str | Sequence[str]]
    dtype: Mapping[str, str]
    configure_key: str
    optimization_profile: int
    engine_host_code_allowed: bool
    weight_streaming_budget_mib: float
