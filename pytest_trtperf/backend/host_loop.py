"""Queries timed by the host's clock, with a thread for each query in flight."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial
from select import select
from time import perf_counter_ns, sleep

import numpy as np

from pytest_trtperf.backend.trace import Extent, Times, Trace

SPIN_NS = 300_000
"""The end of a wait is spun: sleeping takes this much longer at times."""

Query = Callable[[], None]

_let_others_run = partial(select, (), (), (), 0)
"""Gives the interpreter to other threads and returns at once; sleep(0) may take 70 us."""


def in_turn(queries: Sequence[Query], first: int) -> Query:
    """A query that is another one with each call; one alone is itself.

    Args:
        first: the place of the one that begins, whatever their number.
    """
    if len(queries) == 1:
        return queries[0]
    take = itertools.islice(itertools.cycle(queries), first % len(queries), None).__next__

    def query() -> None:
        take()()

    return query


def run_closed(queries: Sequence[Query], extent: Extent, *, idle_ms: float = 0.0) -> Trace:
    """Times queries under a closed load: each thread issues its next when one is complete.

    Args:
        queries: one for each query in flight; each runs a query, which is complete on return.
        idle_ms: sleep between a completion and the next query.
    """
    issued, done = np.zeros(extent.capacity, np.int64), np.zeros(extent.capacity, np.int64)
    issued_ns, done_ns = issued.data, done.data
    take, stop = _counter(), threading.Event()
    idle, least = idle_ms / 1e3, extent.queries
    begin = perf_counter_ns()
    deadline = begin + int(extent.duration_ms * 1e6)

    def work(query: Query) -> None:
        now = begin
        while (index := take()) < extent.capacity and (index < least or now < deadline):
            if stop.is_set():
                break
            if idle and now > begin:
                sleep(idle)
            issued_ns[index] = perf_counter_ns()
            query()
            now = done_ns[index] = perf_counter_ns()

    _run(queries, work, stop)
    return _trace(len(queries), begin, issued, done)


def run_open(queries: Sequence[Query], schedule: Times, backlog_ms: float) -> Trace:
    """Times queries under an open load: each is issued when it is due and a thread is free.

    Args:
        queries: as in `run_closed`.
        schedule: when queries are due, ascending nanoseconds from the start.
        backlog_ms: a query that waits longer than this for a thread ends the round.
    """
    issued, done = np.zeros(len(schedule), np.int64), np.zeros(len(schedule), np.int64)
    issued_ns, done_ns = issued.data, done.data
    backlog, take, stop = int(backlog_ms * 1e6), _counter(), threading.Event()
    saturated = False
    begin = perf_counter_ns()
    due_at = schedule + begin
    due, capacity = due_at.data, len(schedule)

    def work(query: Query) -> None:
        nonlocal saturated
        while (index := take()) < capacity and not stop.is_set():
            late = _wait_until(due[index])
            # At least one query is served, so that there is something to report.
            if late > backlog and index:
                saturated = True
                stop.set()
                break
            issued_ns[index] = perf_counter_ns()
            query()
            done_ns[index] = perf_counter_ns()

    _run(queries, work, stop)
    return _trace(len(queries), begin, issued, done, due_at, saturated=saturated)


def _counter() -> Callable[[], int]:
    """Hands out 0, 1, 2 …, each once; a call of C code, which threads cannot interrupt."""
    return itertools.count().__next__


def _wait_until(due: int) -> int:
    """Returns at `due`, or at once when it has passed; how late it is, in nanoseconds."""
    while (left := due - perf_counter_ns()) > 0:
        if left > SPIN_NS:
            sleep((left - SPIN_NS) / 1e9)
        else:
            _let_others_run()
    return -left


def _run(queries: Sequence[Query], work: Callable[[Query], None], stop: threading.Event) -> None:
    """Lets each place in flight work until all are done; an error in one sets `stop` for all."""
    if len(queries) == 1:
        work(queries[0])
        return
    with ThreadPoolExecutor(len(queries)) as pool:
        try:
            for future in as_completed([pool.submit(work, query) for query in queries]):
                future.result()
        except BaseException:
            stop.set()
            raise


def _trace(
    in_flight: int,
    begin: int,
    issued: Times,
    done: Times,
    due: Times | None = None,
    *,
    saturated: bool = False,
) -> Trace:
    # A thread that gave up leaves a gap where another went on to a later query.
    complete = done > 0
    return Trace(
        (int(done.max()) - begin) / 1e6,
        issued[complete],
        done[complete],
        in_flight,
        due=None if due is None else due[complete],
        saturated=saturated,
    )
