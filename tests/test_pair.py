"""Blocks of a pair, and the order in which its sessions are started."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from pytest_trtperf.analysis.paired import BLOCK_LOOKS
from pytest_trtperf.comparison import Subject
from pytest_trtperf.limits import InconclusiveWarning
from pytest_trtperf.measure.host_loop import run_closed
from pytest_trtperf.measure.isolated import IsolatedSession
from pytest_trtperf.measure.load import Load
from pytest_trtperf.measure.measurement import Measurement, Plan
from pytest_trtperf.pair import Pair
from pytest_trtperf.runtime.onnx_runtime import OnnxRuntimeEngine
from pytest_trtperf.runtime.session import Mode
from pytest_trtperf.settings import Settings

pytest.importorskip("onnxruntime")

SHORT = Plan(warm_up_ms=2, max_warm_up=0.05, round_ms=2, round_queries=5)
SUBJECT = Subject(
    test="t", key="t", module="t", baseline_dir="", device="cpu", about={}, software={},
    baseline=None, compares=False, records=False,
)  # fmt: skip
ENGINES: dict[str, dict[str, object]] = {"new": {}, "reference": {}}


class Session(IsolatedSession):
    """A session that can be started anew, as on a GPU, with inference of ONNX Runtime in it."""

    def __init__(self, name, engine, events):
        self.name, self._engine, self._events = name, engine, events
        self._inner = engine.create_session({"x": (4, 16)}, Mode())
        self.shapes, self.mode = self._inner.shapes, self._inner.mode
        self.pid = 0
        events.append(f"start {name}")

    def run_closed(self, extent, **_):
        self._events.append(self.name)
        return run_closed(self._inner, extent)

    def again(self):
        return Session(self.name, self._engine, self._events)

    def close(self):
        self._events.append(f"end {self.name}")


@pytest.fixture
def pair_events(tmp_path: Path, write_model):
    """A pair on its first blocks, and what happened to its sessions since it was made."""
    engine = OnnxRuntimeEngine(write_model(tmp_path / "model.onnx", width=16))
    events: list[str] = []

    def measurement(name):
        session = Session(name, engine, events)
        return Measurement(session, SHORT, Load(), contextlib.nullcontext(), None)

    sides = measurement("new"), measurement("reference")
    return Pair(*sides, SUBJECT, ENGINES, Settings(), contextlib.nullcontext()), events


def turns(events):
    return [event for event in events if " " in event]


def test_sessions_are_started_in_the_other_order_after_half_of_the_blocks(pair_events):
    pair, events = pair_events
    assert pair.blocks == BLOCK_LOOKS[0]
    assert turns(events) == [
        "start new", "start reference", "end new", "end reference", "start reference", "start new",
    ]  # fmt: skip
    half = events.index("end new")
    assert {"new", "reference"} <= set(events[2:half])
    assert {"new", "reference"} <= set(events[half + 4 :])


def test_each_look_has_as_many_blocks_of_either_order(pair_events):
    pair, events = pair_events
    with contextlib.suppress(AssertionError, InconclusiveWarning):
        # No interval is as narrow as this, so that all looks are taken.
        pair.assert_not_slower(tolerance=1e-9)
    assert pair.blocks in BLOCK_LOOKS
    starts = [event for event in turns(events) if event.startswith("start")]
    first = starts[::2]
    assert first == (["start new", "start reference"] * len(first))[: len(first)]
    assert len(first) == 1 + pair.blocks // 4


def test_numbers_go_on_over_the_turn(pair_events):
    pair, _ = pair_events
    assert len(pair.new.rounds) == len(pair.reference.rounds) == 2 * BLOCK_LOOKS[0]
    ratio = pair.ratio()
    assert 0 < ratio.lower <= ratio.value <= ratio.upper
