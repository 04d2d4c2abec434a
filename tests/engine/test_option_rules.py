from __future__ import annotations

import pytest

from pytest_trtperf.engine.option_rules import check_options
from pytest_trtperf.engine.options import checked_options
from pytest_trtperf.errors import EngineBuildError

TENSORRT_10, TENSORRT_11 = ("tensorrt", "10.16.1.11"), ("tensorrt", "11.4.0.106")
RTX, CPU = ("tensorrt-rtx", "1.4.0.76"), ("onnxruntime", "1.30.0")


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"strongly_typed": True, "fp16": True}, "excludes a precision"),
        ({"strongly_typed": True, "precision": "int8"}, "excludes a precision"),
        ({"exclude_lean_runtime": True}, "needs version_compatible=True"),
        ({"version_compatible": True}, "needs engine_host_code_allowed=True or exclude_lean"),
        ({"error_on_timing_cache_miss": True}, "needs timing_cache="),
        ({"disable_timing_cache": True, "timing_cache": True}, "contradicts timing_cache="),
        ({"gpu_fallback": True}, "needs DLA_core="),
        ({"dtype": {"x": "half"}}, "needs a weakly typed network"),
        ({"dtype": {"x": "half"}, "fp16": True, "strongly_typed": True}, "excludes a precision"),
        ({"weight_streaming_budget_mib": 1}, "needs weight_streaming=True"),
        (
            {"weight_streaming": False, "weight_streaming_budget_mib": 1},
            "needs weight_streaming=True",
        ),
        ({"allowed_formats": {"x": ["linear", "dla_linear"]}}, "cannot have dla_linear"),
        ({"allowed_formats": {"x": "hwc", "y": "DLA_HWC4"}}, "cannot have dla_linear and dla_hwc4"),
    ],
)
@pytest.mark.parametrize("backend", [TENSORRT_10, CPU], ids=lambda backend: backend[0])
def test_options_that_contradict_each_other_are_refused(backend, options, complaint):
    with pytest.raises(ValueError, match=complaint):
        check_options(checked_options(options), *backend)


@pytest.mark.parametrize(
    "options",
    [
        {"version_compatible": True, "engine_host_code_allowed": True},
        {"version_compatible": True, "exclude_lean_runtime": True},
        {"weight_streaming": True, "weight_streaming_budget_mib": 1},
        {"dtype": {"x": "half"}, "precision": "int4"},
        {"dtype": {"x": "half"}, "strongly_typed": False},
        {"allowed_formats": {"x": ["hwc8", "linear"]}},
        {"gpu_fallback": True, "DLA_core": 0},
    ],
)
def test_options_that_go_together_are_let_through(options):
    check_options(checked_options(options), *TENSORRT_10)


@pytest.mark.parametrize("backend", [RTX, TENSORRT_11], ids=lambda backend: backend[0])
@pytest.mark.parametrize("more", [{}, {"strongly_typed": False}, {"tf32": True}])
def test_a_type_that_cannot_be_chosen_is_reported_before_what_it_would_need(backend, more):
    options = checked_options({"dtype": {"x": "half"}, **more})
    with pytest.raises(EngineBuildError, match=r"option dtype=.*strongly typed.*ONNX file decides"):
        check_options(options, *backend)


@pytest.mark.parametrize("name", ["exclude_lean_runtime", "gpu_fallback", "version_compatible"])
def test_an_option_that_the_backend_lacks_is_reported_before_what_it_would_need(name):
    with pytest.raises(
        EngineBuildError, match=rf"option {name}=True: tensorrt-rtx 1\.4\.0\.76 has"
    ):
        check_options(checked_options({name: True}), *RTX)


def test_an_option_that_is_off_is_no_demand():
    check_options(checked_options({"fp16": False, "version_compatible": False}), *RTX)
    check_options(checked_options({"fp16": False}), *TENSORRT_11)
