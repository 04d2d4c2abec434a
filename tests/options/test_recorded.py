"""Which options a record names."""

from __future__ import annotations

from pathlib import Path

import msgspec

from pytest_trtperf.options.declared import Settings
from pytest_trtperf.options.recorded import recorded_options


def test_those_that_decide_what_is_measured_and_judged():
    settings = Settings(
        round_ms=50.0, tolerance={"p99": 0.2}, transfers=False, strict=True, json=Path("x.json"),
        cache_dir=Path("cache"), inputs=Path("x.npz"), sessions=3,
    )  # fmt: skip
    found = recorded_options(settings)
    assert found == {
        "round_ms": 50.0,
        "tolerance": {"p99": 0.2},
        "transfers": False,
        "strict": True,
        "inputs": "x.npz",
    }
    assert msgspec.json.decode(msgspec.json.encode(found)) == found


def test_defaults_are_left_out():
    assert recorded_options(Settings(enabled=True)) == {}


def test_what_only_describes_a_test_is_left_out():
    assert recorded_options(Settings(owner="vision", labels={"job": "2"})) == {}
