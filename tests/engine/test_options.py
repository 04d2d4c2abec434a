from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_trtperf.engine.options import OPTIONS, PRECISIONS, checked_options


def test_an_unknown_option_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"unknown build option 'fp17'; known are .*fp16"):
        checked_options({"fp17": True})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("builder_optimization_level", 6),
        ("builder_optimization_level", True),
        ("builder_optimization_level", "3"),
        ("max_aux_streams", -1),
        ("tf32", 1),
        ("profiling_verbosity", 3),
        ("profiling_verbosity", "very much"),
        ("memory_pool_limit_mib", 1024),
        ("memory_pool_limit_mib", {}),
        ("memory_pool_limit_mib", {"workspace": 0}),
        ("memory_pool_limit_mib", {"workspace": float("nan")}),
        ("memory_pool_limit_mib", {"workspace": float("inf")}),
        ("memory_pool_limit_mib", {"workspace": "1GiB"}),
        ("memory_pool_limit_mib", {3: 1}),
        ("tactic_sources", ["cublas"]),
        ("tactic_sources", {"cublas": 1}),
        ("compute_capabilities", []),
        ("compute_capabilities", [89]),
        ("plugins", []),
        ("plugins", [1]),
        ("allowed_formats", "hwc8"),
        ("allowed_formats", {}),
        ("allowed_formats", {"x": []}),
        ("allowed_formats", {1: "hwc8"}),
        ("dtype", {"x": 16}),
        ("timing_cache", ""),
        ("timing_cache", 1),
        ("configure_key", ""),
        ("precision", "fp17"),
        ("precision", 16),
    ],
)
def test_a_wrong_option_value_says_what_it_takes(name, value):
    with pytest.raises(ValueError, match=f"{name}=.* it takes "):
        checked_options({name: value})


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"strongly_typed": True, "fp16": True}, "leaves no choice of precision"),
        ({"strongly_typed": True, "precision": "int8"}, "leaves no choice of precision"),
        ({"fp16": True, "precision": "fp16"}, "say the same"),
        ({"exclude_lean_runtime": True}, "needs version_compatible=True"),
        ({"error_on_timing_cache_miss": True}, "needs timing_cache="),
        ({"disable_timing_cache": True, "timing_cache": True}, "contradicts timing_cache="),
        ({"gpu_fallback": True}, "needs DLA_core="),
        ({"dtype": {"x": "half"}}, "needs a weakly typed network"),
        ({"dtype": {"x": "half"}, "fp16": True, "strongly_typed": True}, "no choice of precision"),
        (
            {"weight_streaming": False, "weight_streaming_budget_mib": 1},
            "needs weight_streaming=True",
        ),
    ],
)
def test_options_that_contradict_each_other_are_refused(options, complaint):
    with pytest.raises(ValueError, match=complaint):
        checked_options(options)


@given(st.sampled_from(PRECISIONS), st.booleans())
def test_a_precision_is_the_flag_of_its_name(precision, shout):
    spelled = precision.upper() if shout else precision
    assert checked_options({"precision": spelled}) == {precision: True}


@given(st.permutations(["tf32", "refit", "fp16", "sparse_weights"]))
def test_order_does_not_matter(names):
    found = checked_options(dict.fromkeys(names, True))
    assert list(found) == [name for name in OPTIONS if name in names]


def test_every_option_says_where_it_is():
    for option in OPTIONS.values():
        assert re.search(r"\d+\.\d+ and later", option.described_versions()), option.name
        assert option.api, option.name
