"""Identities on disk are read and written as earlier versions read and wrote them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pytest_trtperf.engine.identity import EngineIdentity
from pytest_trtperf.plan_cache.identity import Origin, PlanIdentity, decode

# As it was written before identities had types.
WRITTEN: dict[str, Any] = {
    "about": {
        "backend": "tensorrt-rtx",
        "backend_version": "1.4.0.76",
        "build_index": 0,
        "device": "NVIDIA H200 9.0",
        "environment": {"NVIDIA_TF32_OVERRIDE": "0"},
        "model": "45f4d6a8",
        "onnx": "resnet50.onnx",
        "options": {"memory_pool_limit_mib": {"WORKSPACE": 4.0}, "tf32": False},
        "profiles": [{"image": [[1, 3], [8, 3], [32, 3]]}],
    },
    "build_s": 1.25,
    "checksum": "a887f31f",
    "created": "2026-11-21T22:56:23+00:00",
    "host": "runner-1",
    "layers": [{"Name": "conv", "TacticValue": "0x1"}],
    "layout": "trtperf-plan/1",
    "sha256": "d173e6dd",
    "size": 102791884,
    "why": "no engine of this model was cached",
}


def test_what_was_written_is_read_and_written_alike():
    text = (json.dumps(WRITTEN, sort_keys=True, indent=2) + "\n").encode()
    identity = decode(text, PlanIdentity)
    assert identity.plan_sha256 == "d173e6dd"
    assert identity.about.options == {"memory_pool_limit_mib": {"WORKSPACE": 4.0}, "tf32": False}
    assert identity.about.environment == {"NVIDIA_TF32_OVERRIDE": "0"}
    assert identity.encode() == text
    assert identity.to_builtins() == WRITTEN
    assert decode(text, Origin).about == identity.about


def test_no_environment_and_no_host_are_no_keys_of_the_file():
    about = {name: value for name, value in WRITTEN["about"].items() if name != "environment"}
    written = {name: value for name, value in WRITTEN.items() if name != "host"}
    written["about"] = about
    identity = decode(json.dumps(written).encode(), PlanIdentity)
    assert identity.to_builtins() == written


@pytest.mark.parametrize("about", [{}, {"onnx": "m.onnx"}, {"new": 1}])
def test_keys_that_are_absent_or_new_are_no_damage(about):
    identity = decode(json.dumps({**WRITTEN, "about": about}).encode(), PlanIdentity)
    assert identity.about == EngineIdentity(onnx=about.get("onnx", ""))


@pytest.mark.parametrize("about", [[], {"options": 1}, {"profiles": {"x": 1}}, {"model": None}])
def test_keys_of_other_types_are_damage(about):
    with pytest.raises(ValueError, match=r"about|Expected"):
        decode(json.dumps({**WRITTEN, "about": about}).encode(), PlanIdentity)
