"""Releases of TensorRT for RTX and the GPUs that they are made for."""

from __future__ import annotations

from types import ModuleType, SimpleNamespace

import pytest

from pytest_trtperf.backend.tensorrt.capabilities import unsuited

NAMED = ("NONE", "CURRENT", "SM75", "SM80", "SM86", "SM89", "SM120")
RTX = "tensorrt-rtx"


def release(version, names=NAMED):
    """A module of this version; without names it is TensorRT itself, which has no such list."""
    module = ModuleType("tensorrt_rtx")
    module.__version__ = version  # type: ignore[attr-defined]
    if names:
        listed = SimpleNamespace(__members__=dict.fromkeys(names))
        module.ComputeCapability = listed  # type: ignore[attr-defined]
    return module


@pytest.mark.parametrize("capability", ["7.5", "8.0", "8.9", "12.0"])
def test_a_gpu_whose_capability_is_named_is_suited(capability):
    assert unsuited(release("1.7.1.116"), RTX, capability) == ""


def test_a_release_that_ran_there_is_suited():
    assert unsuited(release("1.4.0.76"), RTX, "9.0") == ""


def test_a_release_that_refused_there_is_not():
    warning = unsuited(release("1.7.1.116"), RTX, "9.0")
    assert warning.startswith(
        "tensorrt-rtx 1.7.1.116 does not name compute capability 9.0 (it names 7.5, 8.0, 8.6, 8.9, "
        "12.0), and builds engines there and refuses to load them: install 1.4.0.76"
    )


@pytest.mark.parametrize(("version", "capability"), [("1.5.0.114", "9.0"), ("1.4.0.76", "10.0")])
def test_what_was_not_tried_may_not_run(version, capability):
    assert "and may refuse to load them" in unsuited(release(version), RTX, capability)


def test_a_release_is_proposed_only_where_it_ran():
    warning = unsuited(release("1.4.0.76"), RTX, "10.0")
    assert warning.endswith("and may refuse to load them: install TensorRT itself")


def test_tensorrt_itself_names_none():
    assert unsuited(release("10.16", ()), "tensorrt", "9.0") == ""


def test_the_installed_release_names_capabilities():
    trt = pytest.importorskip("tensorrt_rtx")
    assert unsuited(trt, RTX, "8.9") == ""
    assert "compute capability 6.1 (it names 7.5, " in unsuited(trt, RTX, "6.1")
