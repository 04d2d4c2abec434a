"""Rounds of an engine under one load, from one session or from several."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pytest_trtperf.analysis.affordable import too_slow_for_p99
from pytest_trtperf.backend.protocols import Session
from pytest_trtperf.backend.session_pids import open_session_pids, session_pids
from pytest_trtperf.backend.trace import Extent, Trace
from pytest_trtperf.errors import MeasurementError
from pytest_trtperf.measure.device_state import SAMPLED_S, read_device_state
from pytest_trtperf.measure.disturbance import HOST_STALL_MS, STALL_MS, disturbances, stall
from pytest_trtperf.measure.host_state import contention, read_host_state
from pytest_trtperf.measure.load import Load
from pytest_trtperf.measure.progress import MeasureProgress
from pytest_trtperf.measure.rounds import Round, SessionRounds, WarmUp
from pytest_trtperf.measure.steady import WINDOW_MS, Windows
from pytest_trtperf.measure.yardstick import read_yardstick

AGAIN = 2
"""The maximum number of disturbed rounds that are measured again, for each round asked for."""

LEAST_ROUNDS = 5
ROUNDS_IN_TIME = LEAST_ROUNDS + 0.5
"""Rounds that must fit into the time limit, with something to spare."""

MOST_LEAD_IN = 1 / 3
"""Of a round's share of the time limit; a queue that needs longer is measured as it is."""

CAPACITY_WINDOWS = 8
"""Of a warm-up, the last, which show what a device can do: one has few queries of a slow engine."""

BACKLOG_QUERIES = 100
"""An open load is given up when a query waits for a whole round and for this many queries."""


@dataclass(frozen=True)
class Effort:
    """How long to warm up and how long each round is.

    Attributes:
        max_warm_up: seconds. max_time: seconds of timed rounds in each session.
        starts: whether traces keep when each stage began.
    """

    warm_up_ms: float = 200.0
    max_warm_up: float = 10.0
    round_ms: float = 200.0
    round_queries: int = 500
    max_time: float = 30.0
    starts: bool = False


class Measurement:
    """Measures an engine round by round; rounds and sessions can be added at any time.

    Args:
        lock: held while queries run, so that one process uses the device at a time.
        uuid: the GPU's, None on the CPU.
        label: name of a profiler's range around each round; None for no range.
        report: called with the progress before each part, and with None when none follows.

    Attributes:
        session: the one that measures now.
        sessions: what each session measured, the present one last.
        timed_starts: further sessions that were started to be timed alone, without rounds.
        compiled: an earlier session, which compiled kernels and was given up; if it was measured.
        capacity: queries per second under a closed load, at the end of the warm-up; 0 before it.
        shares_session: whether another measurement uses the session, too.
        steered: that generated values decide what runs; None where they do not.
        nothing_returned: that all outputs are empty; None where they are not.
        is_detailed: whether the engine was built with detailed profiling verbosity.
    """

    def __init__(
        self,
        session: Session,
        effort: Effort,
        load: Load,
        lock: AbstractContextManager[object],
        uuid: str | None,
        label: str | None = None,
        report: Callable[[MeasureProgress | None], None] | None = None,
    ) -> None:
        self.effort, self.load = effort, load
        self.sessions: list[SessionRounds] = []
        self.timed_starts: list[SessionRounds] = []
        self.renew(session)
        self._lock, self._uuid, self._label = lock, uuid, label
        self._report = report or (lambda progress: None)
        self._rate, self._began, self._released = 0.0, 0.0, False
        self.compiled: SessionRounds | None = None
        self.capacity, self.shares_session = 0.0, False
        self.steered: str | None = None
        self.nothing_returned: str | None = None
        self.is_detailed = False
        self._windows = Windows()

    @property
    def mode(self) -> dict[str, bool | int | float | str]:
        """How queries were issued and how they arrived, as a record stores it."""
        return {**self.session.mode, **self.load.mode}

    @property
    def rounds(self) -> tuple[Round, ...]:
        """The rounds of all sessions, which verdicts rest on."""
        return tuple(round for session in self.sessions for round in session.rounds)

    @property
    def set_aside(self) -> tuple[Round, ...]:
        """The disturbed rounds of all sessions, which were measured again."""
        return tuple(round for session in self.sessions for round in session.set_aside)

    @property
    def warm_up(self) -> WarmUp | None:
        """The first warm-up that did not end steady, since it makes all doubtful; else the first.

        None before the first round.
        """
        ended = [session.warm_up for session in self.sessions if session.warm_up]
        return next((one for one in ended if not one.steady), ended[0] if ended else None)

    @property
    def seconds(self) -> float:
        """Time spent in rounds so far, in all sessions."""
        return sum(session.seconds for session in self.sessions)

    @property
    def saturated(self) -> bool:
        """Whether the device could not keep up with an open load."""
        return any(round.trace.saturated for round in self.rounds)

    @property
    def limits(self) -> str | None:
        """What `max_time` does not support under a closed load, as the warm-up shows."""
        if self.load.is_open or not self._rate:
            return None
        effort = self.effort
        return too_slow_for_p99(self._rate, effort.max_time, effort.round_queries)

    @property
    def most_queries(self) -> int:
        """About how many queries there are when `max_time` of this session is used up."""
        left_s = max(0.0, self.effort.max_time - self.sessions[-1].seconds)
        rate = self.load.request_rate or self._rate
        return sum(round.trace.queries for round in self.rounds) + int(left_s * rate)

    def warm_session(self) -> None:
        """Warms the session up, if it was not; `extend` does so, too.

        Raises:
            MeasurementError: the device failed, or the session was released.
        """
        if self._released:
            raise MeasurementError("the test that measured this has ended: it cannot warm up")
        with self._lock:
            if self.sessions[-1].warm_up is None:
                self._warm_up()

    def extend(self, rounds: int) -> bool:
        """Adds rounds until there are `rounds`; False if the time limit was reached before.

        A disturbed round is measured again, at most `AGAIN` times for each round asked for. After
        that, disturbed rounds are kept, with their disturbances.

        Raises:
            MeasurementError: the device failed, or the session was released.
        """
        if self._released:
            raise MeasurementError("the test that measured this has ended: no rounds can be added")
        with self._lock, ExitStack() as at_end:
            at_end.callback(self._report, None)
            here = self.sessions[-1]
            fresh = here.warm_up is None
            if fresh:
                self._warm_up()
            else:
                self._warm_again()
            while len(self.rounds) < rounds and (len(here.rounds) < 2 or self._fits()):
                left_s = self.effort.max_time - here.seconds
                number, disturbed = len(self.rounds) + 1, len(self.set_aside)
                self._report(MeasureProgress(number, rounds, disturbed, left_s, self.limits))
                round = self._round()
                saturated = round.trace.saturated
                again = round.disturbances and not saturated and self._fits()
                again = again and len(self.set_aside) < AGAIN * rounds
                (here.set_aside if again else here.rounds).append(round)
                if saturated:
                    return False
                if fresh and len(here.rounds) == LEAST_ROUNDS:
                    fresh = self._takes_for_warm_up(here)
        return len(self.rounds) >= rounds

    def profile_layers(self, queries: int) -> tuple[dict[str, np.ndarray], list[dict[str, Any]]]:
        """Milliseconds and information of each layer, see `Session.profile_layers`.

        Raises:
            MeasurementError: the backend has no profiler, or the session was released.
        """
        if self._released:
            raise MeasurementError("the test that measured this has ended: profile layers in it")
        with self._lock:
            return self.session.profile_layers(queries)

    def new_session(self) -> None:
        """Continues in a fresh process: rounds to come belong to another session.

        It is warmed up like the first, and `max_time` holds for it alone.

        Raises:
            MeasurementError: the backend has no fresh sessions, or the test has ended.
        """
        if self._released:
            raise MeasurementError("the test that measured this has ended: start no session")
        with self._lock:
            self.session.close()
            self.renew(self.session.restart())

    def renew(self, session: Session) -> None:
        """Continues with this session of the same engine, as `new_session` does."""
        self.session = session
        self.sessions.append(SessionRounds.of(session))

    def time_start(self) -> None:
        """Starts another session of the engine, which nothing else is measured in.

        Raises:
            MeasurementError: the backend has no fresh sessions, or the test has ended.
        """
        if self._released:
            raise MeasurementError("the test that measured this has ended: start no session")
        with self._lock:
            session = self.session.restart()
            self.timed_starts.append(SessionRounds.of(session))
            session.close()

    def release(self) -> None:
        """Frees the session; its rounds are kept."""
        self._released = True
        self.session.close()

    def _fits(self) -> bool:
        here = self.sessions[-1]
        measured = len(here.rounds) + len(here.set_aside)
        expected = here.seconds / max(measured, 1)
        return measured < 2 or here.seconds + expected <= self.effort.max_time

    def _warm_again(self) -> None:
        # Since the last rounds the clocks may have dropped: run queries until they are up again.
        extent = self._extent(self.effort.warm_up_ms / 2, 1)
        self.session.run_closed(extent, idle_ms=self.load.idle_ms)

    def _warm_up(self) -> None:
        if not self._uuid:
            read_yardstick()  # loads it now, and not between the warm-up and the rounds
        idle = read_device_state(self._uuid)
        self.sessions[-1].idle_power_w = idle.power_w
        start, windows = self.session.clock(), Windows()
        self._began, self._windows = start, windows
        queries, steady, elapsed = 0, False, 0.0
        latest: list[Trace] = []
        extent = Extent(0, 1, 1)
        while elapsed < self.effort.max_warm_up and not steady:
            self._report(MeasureProgress(None, 0, 0, self.effort.max_warm_up - elapsed))
            trace = self.session.run_closed(extent, idle_ms=self.load.idle_ms)
            queries += trace.queries
            ended = self.session.clock()
            windows.add(trace, ended)
            self._rate = max(trace.throughput, self._rate / 2)
            latest = [*latest[1 - CAPACITY_WINDOWS :], trace]
            extent = self._extent(WINDOW_MS, 1)
            elapsed = ended - start
            steady = elapsed * 1e3 >= self.effort.warm_up_ms and windows.are_steady
        served = sum(trace.queries for trace in latest)
        self.capacity = 1e3 * served / sum(trace.span_ms for trace in latest)
        self.sessions[-1].warm_up = WarmUp(queries, elapsed, steady, windows.trend)

    def _takes_for_warm_up(self, here: SessionRounds) -> bool:
        """Whether the first rounds of a session drift: then they are dropped, and more follow.

        They show a trend that the windows of a warm-up hide in their noise. Where `max_warm_up`
        leaves no time for as many again, they are kept, and not steady.
        """
        warm_up, rounds = here.warm_up, here.rounds
        drift = self._windows.drift(rounds)
        if not drift or warm_up is None or not warm_up.steady:
            return False
        spent, taken = self.session.clock() - self._began, rounds[-1].ended - rounds[0].started
        if spent + taken > self.effort.max_warm_up:
            here.warm_up = replace(warm_up, seconds=spent, steady=False, trend=drift)
            return False
        queries = warm_up.queries + sum(round.trace.queries for round in rounds)
        here.warm_up, here.rounds = replace(warm_up, queries=queries, seconds=spent), []
        return True

    def _round(self) -> Round:
        own = {self.session.pid or os.getpid()}
        # A session that measured just before is in NVML's samples for a while.
        pids, at_work = session_pids() | own, len(session_pids(SAMPLED_S) | own)
        present = len(open_session_pids() | own)
        before = read_device_state(self._uuid, pids=pids, present=present)
        yardstick = None if self._uuid else read_yardstick()
        host = None if self._uuid else read_host_state(self.session.pid)
        started = self.session.clock()
        trace = self._open() if self.load.is_open else self._closed()
        ended = self.session.clock()
        contended = contention(host, read_host_state(self.session.pid)) if host else None
        after = read_device_state(
            self._uuid, since=before, pids=pids, at_work=at_work, present=present
        )
        if yardstick is not None:
            yardstick = math.sqrt(yardstick * (read_yardstick() or yardstick))
        disturbed = disturbances(before, after)
        if not self.load.is_open:
            disturbed += stall(trace, STALL_MS if self._uuid else HOST_STALL_MS)
        return Round(trace, before, after, started, ended, disturbed, contended, yardstick)

    def _closed(self) -> Trace:
        extent = self._extent(self.effort.round_ms, self._round_queries(self._rate))
        trace = self.session.run_closed(
            extent,
            idle_ms=self.load.idle_ms,
            starts=self.effort.starts,
            label=self._round_label,
        )
        if trace.throughput > 2 * self._rate:
            # Other work slowed the warm-up down: the next rounds hold more queries than it said.
            self._rate = trace.throughput
        return trace

    def _open(self) -> Trace:
        rate, budget_s = self.load.request_rate or 0.0, self.effort.max_time / ROUNDS_IN_TIME
        wanted_ms = max(self.effort.round_ms, 1e3 * self.effort.round_queries / rate)
        lead_in_ms = self.load.lead_in_ms(self.capacity, wanted_ms, 1e3 * budget_s * MOST_LEAD_IN)
        affordable = int((budget_s - lead_in_ms / 1e3) * rate)
        queries = max(2, min(self.effort.round_queries, affordable))
        least_s = LEAST_ROUNDS * (queries / rate + lead_in_ms / 1e3)
        if least_s > max(self.effort.max_time, LEAST_ROUNDS * self.effort.round_ms / 1e3):
            raise MeasurementError(
                f"{LEAST_ROUNDS} rounds of {queries} queries at {rate:g} qps take {least_s:.3g} s, "
                f"and max_time is {self.effort.max_time:g} s: raise it, or the rate"
            )
        duration_ms = max(self.effort.round_ms, 1e3 * queries / rate)
        number = len(self.rounds) + len(self.set_aside)
        backlog_ms = max(duration_ms, BACKLOG_QUERIES * 1e3 / self._rate)
        # At a rate far beyond the device, no more queries are served before the load is given up.
        served = self._rate * (lead_in_ms + duration_ms + backlog_ms) / 1e3
        most = 4 * (int(served) + queries)
        schedule = self.load.schedule(duration_ms, queries, number, lead_in_ms, most)
        trace = self.session.run_open(
            schedule, backlog_ms, starts=self.effort.starts, label=self._round_label
        )
        saturated = trace.saturated or trace.falls_behind(1e9 / self._rate)
        trace = replace(trace, saturated=saturated)
        assert trace.due is not None
        start = int(trace.due[0] - schedule[0])
        return trace if trace.saturated else trace.after(start + int(lead_in_ms * 1e6))

    @property
    def _round_label(self) -> str | None:
        number = len(self.rounds) + len(self.set_aside)
        return None if self._label is None else f"{self._label} round {number}"

    def _round_queries(self, rate: float) -> int:
        """The queries asked for, or fewer if five rounds of them do not fit into the time limit."""
        affordable = int(rate * self.effort.max_time / ROUNDS_IN_TIME)
        return max(2, min(self.effort.round_queries, affordable))

    def _extent(self, duration_ms: float, queries: int) -> Extent:
        expected = max(queries, int(self._rate * duration_ms / 1e3))
        return Extent(duration_ms, queries, 4 * expected + 64)
