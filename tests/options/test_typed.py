"""The options of a measurement as types: the same names as declared, and values that are taken."""

from __future__ import annotations

from pathlib import Path
from typing import get_type_hints

import numpy as np
import pytest

from pytest_trtperf.options import OF_MEASUREMENT
from pytest_trtperf.options.declared import Settings
from pytest_trtperf.options.resolve import override
from pytest_trtperf.options.typed import MeasureOptions
from tests.options.members import is_shown, members_of

# mypy checks them against the types, the tests against the parsers.
EXAMPLES: tuple[MeasureOptions, ...] = (
    {
        "tolerance": 0.02,
        "inconclusive": "fail",
        "widening": 1.5,
        "sessions": 5,
        "max_time": 1.5,
        "warm_up_ms": 100.0,
        "max_warm_up": 2.5,
        "round_ms": 50.0,
        "round_queries": 100,
        "transfers": False,
        "spin_wait": False,
        "cuda_graph": True,
        "streams": 2,
        "concurrency": 3,
        "kernels": "fresh",
        "idle_ms": 0.5,
        "request_rate": 99.5,
        "arrivals": "constant",
        "profile": 20,
        "layers": True,
        "inputs": {"x": np.zeros(3), "y": [1, 2], "z": "z.npy"},
        "seed": 7,
        "owner": "vision",
        "labels": {"model": "resnet50"},
    },
    {
        "tolerance": {"median": 0.02, "p99": 0.1, "throughput": 0.02},
        "inconclusive": "warn",
        "kernels": "cached",
        "request_rate": "closed",
        "arrivals": "poisson",
        "inputs": "x:x.npy,y:y.dat",
    },
    {"tolerance": "median=0.02,p99=0.1", "inconclusive": "estimate", "inputs": Path("all.npz")},
    {"owner": None, "labels": "model=resnet50,tier=1"},
    {"labels": None},
    {"tolerance": None, "inconclusive": None, "max_time": None, "warm_up_ms": None},
    {"max_warm_up": None, "round_ms": None, "round_queries": None, "transfers": None},
    {"spin_wait": None, "cuda_graph": None, "streams": None, "concurrency": None},
    {"idle_ms": None, "request_rate": None, "arrivals": None, "layers": None, "profile": None},
    {"inputs": None, "seed": None, "sessions": None, "kernels": None, "widening": None},
)
HINTS = get_type_hints(MeasureOptions)


def test_names_are_those_of_the_declared_options():
    declared = [option.name for option in OF_MEASUREMENT]
    assert sorted(HINTS) == sorted(declared)
    assert MeasureOptions.__required_keys__ == frozenset()


@pytest.mark.parametrize("name", HINTS)
def test_a_value_of_each_type_is_accepted(name):
    values = [example[name] for example in EXAMPLES if name in example]  # type: ignore[literal-required]
    for value in values:
        override(Settings(), {name: value}, "call")
    missing = [one for one in members_of(HINTS[name]) if not is_shown(one, values)]
    assert missing == []
