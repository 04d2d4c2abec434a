"""Chunks of two sessions in turns: how long they are, in which order, and when both start anew."""

from __future__ import annotations

from contextlib import nullcontext

import numpy as np
import pytest

from pytest_trtperf.backend.session import Mode
from pytest_trtperf.backend.trace import Extent, Trace
from pytest_trtperf.measure import chunks as measured_chunks
from pytest_trtperf.measure.chunks import GROUP_S, LEAST_PAIRS, MOST_PAIRS, QUERIES, Chunks
from pytest_trtperf.testing import FakeBackend, FakeClock, FakeSession, lognormal


class Watched(FakeSession):
    """Notes its chunks, and when it starts and ends."""

    def __init__(self, name: str, backend: FakeBackend, events: list[str]) -> None:
        super().__init__(backend, {"x": (1,)}, Mode())
        self.name, self.events = name, events
        events.append(f"start {name}")

    def run_closed(self, extent: Extent, **how: object) -> Trace:
        self.events.append(self.name)
        return super().run_closed(extent)

    def restart(self) -> Watched:
        return Watched(self.name, self.backend, self.events)

    def close(self) -> None:
        super().close()
        self.events.append(f"end {self.name}")


def chunks(
    events: list[str], ms: float = 1.0, *, can_restart: bool = True, max_time: float = 1e6
) -> Chunks:
    """Of an engine of so many ms, and a reference that takes half as long."""
    clock, noise = FakeClock(), lognormal(0.001)
    sides = [
        Watched(name, FakeBackend(latency, noise, seed=seed, clock=clock, cpu=True), events)
        for seed, (name, latency) in enumerate((("new", ms), ("reference", ms / 2)))
    ]
    for side in sides:
        side.can_restart = can_restart
    return Chunks(sides[0], sides[1], max_time, nullcontext())


@pytest.mark.parametrize(
    ("taken", "ms", "queries"),
    [(0.049, 0.3, QUERIES), (0.05, 0.3, 5), (0.5, 0.5, 3), (0.5, 0.7, 2), (0.5, 5, 1)],
)
def test_chunks_are_shorter_than_the_turns_of_other_processes(
    monkeypatch: pytest.MonkeyPatch, taken: float, ms: float, queries: int
) -> None:
    monkeypatch.setattr(measured_chunks, "contention", lambda before, after: taken)
    found = chunks([], ms=ms)
    assert found.extend(1)
    (group,) = found.groups
    assert {trace.queries for trace in (*group.new, *group.reference)} == {queries}
    assert found.contention == taken
    is_long = queries * len(group.new) * 1.5 * ms > 1000 * GROUP_S
    assert is_long or queries * len(group.new) >= MOST_PAIRS * QUERIES


def test_a_group_is_pairs_of_ten_queries() -> None:
    found = chunks([])
    assert found.extend(2)
    assert (len(found), found.pairs) == (2, 2 * MOST_PAIRS)
    for group in found.groups:
        assert len(group.new) == len(group.reference) == MOST_PAIRS
        assert {trace.queries for trace in (*group.new, *group.reference)} == {QUERIES}
        medians = [np.median(trace.compute) for trace in group.new]
        assert np.median(medians) == pytest.approx(1.0, rel=0.01)
        assert np.median([np.median(t.compute) for t in group.reference]) == pytest.approx(
            0.5, 0.01
        )


@pytest.mark.parametrize(
    ("ms", "queries"), [(0.01, 300), (0.1, 30), (1.0, 10), (10.0, 5), (200, 1)]
)
def test_chunks_are_some_milliseconds_long(ms: float, queries: int) -> None:
    found = chunks([], ms)
    found.extend(1)
    (group,) = found.groups
    # The noise may make a query a little shorter or longer.
    assert group.new[0].queries == pytest.approx(queries, rel=0.02, abs=0.1)


def test_slow_engines_have_fewer_pairs() -> None:
    found = chunks([], 200.0)
    found.extend(1)
    assert found.pairs == LEAST_PAIRS


def test_either_comes_first_at_random() -> None:
    events: list[str] = []
    chunks(events).extend(1)
    pairs = [events[-2 * MOST_PAIRS :][place : place + 2] for place in range(0, 2 * MOST_PAIRS, 2)]
    assert all({*pair} == {"new", "reference"} for pair in pairs)
    assert 10 < sum(pair[0] == "new" for pair in pairs) < 40


def test_both_start_anew_for_each_group_once_both_have_ended() -> None:
    events: list[str] = []
    found = chunks(events)
    found.extend(3)
    found.close()
    turns = [event for event in events if " " in event]
    assert {*turns[:2]} == {"start new", "start reference"}
    for turn in range(2):
        ended, started = turns[2 + 4 * turn : 4 + 4 * turn], turns[4 + 4 * turn : 6 + 4 * turn]
        assert {*ended} == {"end new", "end reference"}
        assert {*started} == {"start new", "start reference"}
    assert {*turns[-2:]} == {"end new", "end reference"}
    assert len(turns) == 12


def test_sessions_without_processes_stay_as_they_are() -> None:
    events: list[str] = []
    found = chunks(events, can_restart=False)
    found.extend(3)
    assert not found.restarts
    assert [event for event in events if " " in event] == ["start new", "start reference"]


def test_the_time_limit_ends_it() -> None:
    found = chunks([], 200.0, max_time=10.0)  # a group takes some 4 s
    assert not found.extend(4)
    assert len(found) == 2
