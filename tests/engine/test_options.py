from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_trtperf.engine.options import OPTIONS, PRECISIONS, checked_options
from pytest_trtperf.engine.spec import EngineSpec


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
        ("tactic_sources", {"cublas": True, "CUBLAS": False}),
        ("memory_pool_limit_mib", {"workspace": 2.0**43}),
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


@pytest.mark.parametrize("own", ["own", None])
def test_the_precision_of_the_file_is_no_option(own):
    assert checked_options({"precision": own}) == {}


def test_other_words_for_a_precision_are_explained():
    with pytest.raises(ValueError, match="'own' or None for the types that the file has"):
        checked_options({"precision": "fp32"})


def test_a_precision_is_asked_for_once():
    with pytest.raises(ValueError, match="precision and fp16 mean the same"):
        checked_options({"fp16": True, "precision": "fp16"})


@given(st.sampled_from(PRECISIONS), st.booleans())
def test_a_precision_is_the_flag_of_its_name(precision, shout):
    spelled = precision.upper() if shout else precision
    assert checked_options({"precision": spelled}) == {precision: True}


@given(st.permutations(["tf32", "refit", "fp16", "sparse_weights"]))
def test_order_does_not_matter(names):
    found = checked_options(dict.fromkeys(names, True))
    assert list(found) == [name for name in OPTIONS if name in names]


@pytest.mark.parametrize(
    "formats", [["hwc", "linear"], ["linear", "hwc"], ["HWC", "linear", "hwc"], ("hwc", "LINEAR")]
)
def test_formats_that_mean_the_same_have_one_spelling(formats):
    checked = checked_options({"allowed_formats": {"x": formats}})
    assert checked == {"allowed_formats": {"x": ["HWC", "LINEAR"]}}


def test_the_order_of_compute_capabilities_stays():
    checked = checked_options({"compute_capabilities": ["sm89", "sm120"]})
    assert checked == {"compute_capabilities": ["SM89", "SM120"]}


def test_options_are_checked_once():
    checked = checked_options({"tf32": True, "plugins": ["a.so"]})
    assert checked_options(checked) is checked
    assert EngineSpec(Path("m.onnx"), (), checked).options is checked


def test_checked_options_cannot_be_changed():
    given = {"memory_pool_limit_mib": {"workspace": 1}}
    checked = checked_options(given)
    given["memory_pool_limit_mib"]["workspace"] = 2
    assert checked == {"memory_pool_limit_mib": {"WORKSPACE": 1.0}}
    with pytest.raises(TypeError):
        checked["tf32"] = True  # type: ignore[index]


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"plugins": "a.so"}, {"plugins": ["/at/a.so"]}),
        ({"plugins": ["a.so", Path("b.so")]}, {"plugins": ["/at/a.so", "/at/b.so"]}),
        ({"timing_cache": Path("t.cache")}, {"timing_cache": "/at/t.cache"}),
        ({"timing_cache": True}, {"timing_cache": True}),
    ],
)
def test_paths_are_looked_up(given, found):
    assert checked_options(given, Path("/at").joinpath) == found


def test_an_option_ends_with_the_version_that_dropped_it():
    fp16, tf32 = OPTIONS["fp16"], OPTIONS["tf32"]
    assert fp16.described_versions() == "TensorRT 10.0 and later, before 11"
    assert tf32.described_versions() == "TensorRT 10.0 and later; TensorRT for RTX 1.4 and later"
    versions = ("9.3.0", "10.16.1.11", "11.0.0.1", "100.0")
    assert [fp16.may_be_in("tensorrt", v) for v in versions] == [True, True, False, False]
    assert all(tf32.may_be_in("tensorrt", v) for v in versions)


def test_every_option_says_where_it_is():
    for option in OPTIONS.values():
        assert re.search(r"\d+\.\d+ and later", option.described_versions()), option.name
        assert option.api, option.name
