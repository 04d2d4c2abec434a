"""Two sessions in turns of a few milliseconds, for a machine that other processes use, too."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import numpy as np

from pytest_trtperf.backend.protocols import Session
from pytest_trtperf.backend.trace import Extent, Trace
from pytest_trtperf.measure.host_state import (
    CONTENDED,
    HostState,
    contention,
    mean_contention,
    read_host_state,
)
from pytest_trtperf.measure.turn import start_anew

QUERIES = 10
"""Of one chunk on a free machine: their median does not mind that one of them is interrupted."""

LEAST_MS, MOST_MS = 3.0, 50.0
"""Of one chunk, on a free machine: long beside a call, short beside what a machine does to it."""

BUSY_MS = 1.5
"""Of one chunk where other processes take the processors: both engines are to see the same turns
of theirs, which last for some milliseconds."""

WARM_UP_MS = 200.0
"""Of either session, after each start."""

MOST_PAIRS, LEAST_PAIRS = 50, 10
"""Of a group."""

GROUP_S = 1.0
"""When a group ends that has not as many pairs as it may: more starts show more than more pairs."""

_CAPACITY = 100_000


@dataclass
class Group:
    """Pairs of chunks that follow one another; with fresh sessions, all of one start.

    Attributes:
        contention: of the time in which the sessions were ready to run, the share that other
            processes ran instead; None where that is unknown.
    """

    new: list[Trace] = field(default_factory=list)
    reference: list[Trace] = field(default_factory=list)
    contention: float | None = None


class Chunks:
    """Adds groups of chunks, in pairs of random order.

    Sessions that can be are started anew for each group, in the other order each time: starts
    differ by more than the chunks of one.

    Args:
        idle_ms: of the load.
        max_time: seconds, of all groups without what starts take.
        lock: held while a group is measured.

    Attributes:
        groups: those that are complete.
        restarts: whether each group has fresh sessions.
    """

    def __init__(
        self,
        new: Session,
        reference: Session,
        max_time: float,
        lock: AbstractContextManager[object],
        *,
        idle_ms: float = 0.0,
        seed: int = 0,
    ) -> None:
        self._sessions = [new, reference]
        self._max_time, self._lock, self._idle_ms = max_time, lock, idle_ms
        self._random = np.random.default_rng(seed)
        self.restarts = new.can_restart and reference.can_restart
        self.groups: list[Group] = []
        self._is_new_first = True
        self._measured_s = 0.0

    def __len__(self) -> int:
        """How many groups there are."""
        return len(self.groups)

    @property
    def pairs(self) -> int:
        """How many pairs of chunks there are in all."""
        return sum(len(group.new) for group in self.groups)

    @property
    def contention(self) -> float:
        """The mean of the groups that know it."""
        return mean_contention(group.contention for group in self.groups) or 0.0

    def extend(self, groups: int) -> bool:
        """Measures until there are so many groups; False if the time limit stopped it.

        Raises:
            MeasurementError: the device failed, or a session cannot be started.
        """
        clock = self._sessions[0].clock
        with self._lock:
            while len(self) < groups:
                if not self._fits():
                    return False
                if len(self) and self.restarts:
                    self._turn()
                begun = clock()
                self.groups.append(self._group())
                self._measured_s += clock() - begun
        return True

    def close(self) -> None:
        """Frees both sessions."""
        for session in self._sessions:
            session.close()

    def _fits(self) -> bool:
        """Whether another group ends within the time limit."""
        return self._measured_s * (1 + 1 / max(len(self), 1)) <= self._max_time

    def _group(self) -> Group:
        queries = self._warm_up()
        most_pairs = max(MOST_PAIRS, -(-MOST_PAIRS * QUERIES // queries))
        clock, extent, group = self._sessions[0].clock, Extent(0.0, queries, queries), Group()
        begun, before = clock(), self._host_states()
        while len(group.new) < LEAST_PAIRS or (
            len(group.new) < most_pairs and clock() - begun < GROUP_S
        ):
            sides = [(self._sessions[0], group.new), (self._sessions[1], group.reference)]
            for session, traces in sides[:: 1 if self._random.random() < 0.5 else -1]:
                traces.append(session.run_closed(extent, idle_ms=self._idle_ms))
        group.contention = self._contention_since(before)
        return group

    def _host_states(self) -> list[HostState | None]:
        """Of the sessions' processes; None for a session that has no process of its own."""
        return [read_host_state(one.pid) if one.pid else None for one in self._sessions]

    def _contention_since(self, before: list[HostState | None]) -> float | None:
        return mean_contention(map(contention, before, self._host_states()))

    def _warm_up(self) -> int:
        """How many queries a chunk has."""
        in_flight = max(one.in_flight for one in self._sessions)
        before = self._host_states()
        traces: Sequence[Trace] = [
            session.run_closed(Extent(WARM_UP_MS / 2, 1, _CAPACITY), idle_ms=self._idle_ms)
            for session in (*self._sessions, *self._sessions[::-1])
        ]
        free_ms = max(float(trace.samples("latency").min()) for trace in traces[2:])
        if (self._contention_since(before) or 0.0) >= CONTENDED:
            return max(in_flight, int(BUSY_MS / free_ms))
        return max(in_flight, int(min(max(QUERIES, LEAST_MS / free_ms), MOST_MS / free_ms)))

    def _turn(self) -> None:
        """Starts both sessions anew, in the other order."""
        self._is_new_first = not self._is_new_first
        order = (0, 1) if self._is_new_first else (1, 0)
        start_anew(tuple(self._sessions), order, self._sessions.__setitem__)
