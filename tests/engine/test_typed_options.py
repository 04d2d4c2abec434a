"""The build options as types: the same names as in the table, and values that are taken."""

from __future__ import annotations

from pathlib import Path
from typing import get_type_hints

import pytest

from pytest_trtperf.engine.options import OPTIONS, checked_options
from pytest_trtperf.engine.typed_options import BuildOptions
from tests.options.members import is_shown, members_of

# mypy checks them against the types, the tests against the table.
EXAMPLES: tuple[BuildOptions, ...] = (
    {
        "precision": "fp16",
        "builder_optimization_level": 5,
        "max_aux_streams": 2,
        "max_num_tactics": 10,
        "avg_timing_iterations": 4,
        "tiling_optimization_level": "full",
        "l2_limit_for_tiling": 1024,
        "hardware_compatibility_level": "ampere_plus",
        "profiling_verbosity": "DETAILED",
        "memory_pool_limit_mib": {"workspace": 512, "tactic_shared_memory": 0.5},
        "tactic_sources": {"cublas": True},
        "preview_features": {"runtime_activation_resize_10_10": False},
        "compute_capabilities": "sm89",
        "strongly_typed": False,
        "tf32": False,
        "fp16": True,
        "bf16": True,
        "int8": True,
        "fp8": True,
        "int4": True,
        "strict_nans": True,
        "sparse_weights": True,
        "direct_io": True,
        "distributive_independence": True,
        "refit": True,
        "version_compatible": True,
        "exclude_lean_runtime": True,
        "disable_compilation_cache": True,
        "disable_timing_cache": True,
        "error_on_timing_cache_miss": True,
        "timing_cache": True,
        "gpu_fallback": True,
        "DLA_core": 0,
        "plugins": "plugin.so",
        "weight_streaming": True,
        "strip_plan": True,
        "allowed_formats": {"x": "hwc8", "y": ["linear", "chw4"]},
        "dtype": {"x": "half"},
        "configure_key": "v1",
        "optimization_profile": 1,
        "engine_host_code_allowed": True,
        "weight_streaming_budget_mib": 256.0,
    },
    {
        "precision": "bf16",
        "compute_capabilities": ["sm89", "sm120"],
        "timing_cache": "timing.cache",
        "plugins": ["one.so", Path("two.so")],
    },
    {"precision": "int8", "timing_cache": Path("timing.cache"), "plugins": Path("plugin.so")},
    {"precision": "fp8"},
    {"precision": "int4"},
    {"precision": "own"},
    {"precision": None},
)
HINTS = get_type_hints(BuildOptions)


def test_names_are_those_of_the_table():
    assert list(HINTS) == ["precision", *OPTIONS]
    assert BuildOptions.__required_keys__ == frozenset()


@pytest.mark.parametrize("name", HINTS)
def test_a_value_of_each_type_is_accepted(name):
    values = [example[name] for example in EXAMPLES if name in example]  # type: ignore[literal-required]
    for value in values:
        assert checked_options({name: value}) or value in ("own", None)
    missing = [one for one in members_of(HINTS[name]) if not is_shown(one, values)]
    assert missing == []
