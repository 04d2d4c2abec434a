"""Blocks of a pair, and the order in which its sessions are started."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_trtperf.analysis.paired import BLOCK_LOOKS
from pytest_trtperf.comparison import Subject
from pytest_trtperf.limits import InconclusiveWarning
from pytest_trtperf.measure.host_loop import run_closed
from pytest_trtperf.measure.isolated import IsolatedSession
from pytest_trtperf.measure.load import Load
from pytest_trtperf.measure.measurement import Effort, Measurement
from pytest_trtperf.measure.trace import Trace
from pytest_trtperf.pair import Pair
from pytest_trtperf.runtime.onnx_runtime import OnnxRuntimeEngine
from pytest_trtperf.runtime.session import Mode
from pytest_trtperf.settings import Settings

pytest.importorskip("onnxruntime")

SHORT = Effort(warm_up_ms=2, max_warm_up=0.05, round_ms=2, round_queries=5)
SUBJECT = Subject(
    test="t", key="t", module="t", baseline_dir="", device="cpu", about={}, software={},
    baseline=None, compares=False, records=False,
)  # fmt: skip
UUID = "GPU-00000000-0000-0000-0000-000000000000"
ENGINE = dict.fromkeys(("name", "backend", "digest", "plan_sha256"), "x")
ENGINES = {"new": ENGINE, "reference": ENGINE}


class Session(IsolatedSession):
    """A session that can be started anew, as on a GPU, with inference of ONNX Runtime in it."""

    def __init__(self, name, engine, events, overloads):
        self.name, self._engine, self._events = name, engine, events
        self._overloads = overloads
        self._inner = engine.create_session({"x": (4, 16)}, Mode())
        self.shapes, self.mode = self._inner.shapes, self._inner.mode
        self.pid = 0
        events.append(f"start {name}")

    def run_closed(self, extent, **_):
        self._events.append(self.name)
        return run_closed(self._inner, extent)

    def run_open(self, schedule, backlog_ms, **_):
        """Serves each query at once, in a time of the round's own, or is overloaded if so told."""
        saturated = bool(self._overloads) and self._overloads.pop(0)
        done = schedule + 1_000_000 + schedule[1 if self.name == "new" else 2] % 50_000
        return Trace(schedule[-1] / 1e6 + 2, schedule, done, due=schedule, saturated=saturated)

    def again(self):
        return Session(self.name, self._engine, self._events, self._overloads)

    def close(self):
        self._events.append(f"end {self.name}")


@pytest.fixture
def pair_events(tmp_path: Path, write_model):
    """A pair on its first blocks, and what happened to its sessions since it was made."""
    engine = OnnxRuntimeEngine(write_model(tmp_path / "model.onnx", width=16))
    events: list[str] = []

    def measurement(name):
        session = Session(name, engine, events, [])
        return Measurement(session, SHORT, Load(), contextlib.nullcontext(), None)

    sides = measurement("new"), measurement("reference")
    return Pair(*sides, SUBJECT, ENGINES, Settings(), contextlib.nullcontext()), events


@pytest.fixture
def loaded_pair(tmp_path: Path, write_model):
    """A pair under an open load on its first blocks, and which of its next rounds overload it."""
    engine = OnnxRuntimeEngine(write_model(tmp_path / "model.onnx", width=16))
    overloads: list[bool] = []

    def measurement(name):
        session = Session(name, engine, [], overloads)
        return Measurement(session, SHORT, Load(500.0), contextlib.nullcontext(), UUID)

    sides = measurement("new"), measurement("reference")
    pair = Pair(*sides, SUBJECT, ENGINES, Settings(), contextlib.nullcontext())
    for side in sides:
        assert side.warm_up is not None
        # However busy this host is: what is not steady is measured no further.
        side.warm_up = replace(side.warm_up, steady=True)
    return pair, overloads


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


@pytest.mark.parametrize("good", range(4))
def test_block_that_an_overload_cut_short_is_the_last(loaded_pair, good):
    pair, overloads = loaded_pair
    overloads += [*[False] * good, True]
    ratio = pair.ratio()
    # No interval is as narrow as this, so that more is measured.
    with pytest.warns(InconclusiveWarning, match="more was asked for than one of them serves"):
        pair.assert_not_slower(tolerance=1e-9)
    assert overloads == []
    assert pair.new.saturated or pair.reference.saturated
    measured = pair.new.rounds, pair.reference.rounds
    with pytest.warns(InconclusiveWarning):
        pair.assert_not_slower(tolerance=2e-9)
    assert (pair.new.rounds, pair.reference.rounds) == measured
    assert pair.blocks == BLOCK_LOOKS[0]
    assert pair.ratio() == ratio


def test_overload_leaves_no_verdict_conclusive(loaded_pair):
    pair, overloads = loaded_pair
    pair.assert_not_slower(tolerance=1)
    overloads += [True]
    with pytest.warns(InconclusiveWarning):
        pair.assert_not_slower(tolerance=1e-9)
    with pytest.warns(InconclusiveWarning):
        pair.assert_not_slower(tolerance=2)
    verdicts = [(verdict.status, verdict.reason) for verdict in pair.record().verdicts]
    assert verdicts == [("pass", "within_limit"), *[("inconclusive", "doubtful")] * 2]
