"""Timed queries on the CPU: real inference, or a sleep in its place where time is to be known."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from pytest_trtperf.backend.onnxruntime.engine import OnnxRuntimeEngine
from pytest_trtperf.backend.session import Mode
from pytest_trtperf.backend.trace import Extent
from pytest_trtperf.measure.load import Load

pytest.importorskip("onnxruntime")

LONG_MS = 60_000.0


@pytest.fixture
def open_session(tmp_path, write_model):
    """Opens a session with so many queries in flight."""
    engine = OnnxRuntimeEngine(write_model(tmp_path / "model.onnx"))

    def create(concurrency=1):
        return engine.create_session({"x": (16, 256)}, Mode(concurrency=concurrency))

    return create


@pytest.fixture
def session(open_session):
    return open_session()


@pytest.fixture
def sleeping(open_session):
    """A session whose queries take at least so many milliseconds, and no processor."""

    def create(ms, concurrency=1):
        session = open_session(concurrency)
        session.queries = [lambda: time.sleep(ms / 1e3)] * concurrency
        return session

    return create


@pytest.fixture
def together(open_session):
    """A session whose queries wait for each other, and then for so many milliseconds."""

    def create(ms, concurrency):
        session, all_here = open_session(concurrency), threading.Barrier(concurrency)

        def query():
            all_here.wait(timeout=60)
            time.sleep(ms / 1e3)

        session.queries = [query] * concurrency
        return session

    return create


def most_in_flight(trace):
    """The most queries that were issued and not complete at one time."""
    changes = [(at, 1) for at in trace.issued.tolist()] + [(at, -1) for at in trace.done.tolist()]
    # Sorted so that one that ends when another begins does not count as beside it.
    return int(np.cumsum([change for _, change in sorted(changes)]).max())


def due_every(ms, queries):
    return Load(1e3 / ms, "constant").schedule(1e-3, queries, 0)


class TestClosedLoop:
    def test_runs_until_both_least_values_are_reached(self, session):
        trace = session.run_closed(Extent(duration_ms=10, queries=5, capacity=10**6))
        assert trace.queries >= 5
        assert trace.span_ms >= 10
        assert session.run_closed(Extent(1e-6, 50, 100)).queries == 50

    def test_never_exceeds_its_capacity(self, session):
        assert session.run_closed(Extent(1e6, 1, capacity=7)).queries == 7

    def test_queries_fit_into_the_span(self, session):
        trace = session.run_closed(Extent(5, 20, 10**5))
        latency = trace.samples("latency")
        assert latency.dtype == np.float64
        assert latency.min() > 0
        assert latency.sum() <= trace.span_ms
        assert trace.throughput == pytest.approx(1e3 * len(latency) / trace.span_ms)
        assert trace.compute.tolist() == latency.tolist()

    def test_is_no_open_load(self, session):
        trace = session.run_closed(Extent(1, 5, 100))
        assert trace.due is None
        assert not trace.saturated
        assert trace.samples("response").tolist() == trace.samples("latency").tolist()

    def test_one_in_flight_is_one_after_the_other(self, session):
        trace = session.run_closed(Extent(5, 20, 10**5))
        assert trace.in_flight == most_in_flight(trace) == 1
        assert (trace.issued[1:] >= trace.done[:-1]).all()

    @pytest.mark.parametrize("concurrency", [2, 5])
    def test_queries_overlap_up_to_the_concurrency(self, together, concurrency):
        trace = together(2, concurrency).run_closed(Extent(1e6, 1, capacity=20))
        assert trace.in_flight == most_in_flight(trace) == concurrency
        assert trace.samples("latency").min() >= 2

    def test_inference_overlaps_too(self, open_session):
        trace = open_session(2).run_closed(Extent(50, 500, 10**6))
        assert trace.in_flight == most_in_flight(trace) == 2
        assert trace.samples("latency").min() > 0

    @pytest.mark.parametrize("concurrency", [2, 4])
    def test_extent_holds_with_several_in_flight(self, open_session, concurrency):
        session = open_session(concurrency)
        trace = session.run_closed(Extent(duration_ms=10, queries=5, capacity=10**6))
        assert trace.queries >= 5
        assert trace.span_ms >= 10
        assert trace.done.max() - trace.issued.min() <= trace.span_ms * 1e6
        least = session.run_closed(Extent(1e-6, 50, 100)).queries
        assert 50 <= least < 50 + concurrency
        assert session.run_closed(Extent(1e6, 1, capacity=7)).queries == 7

    @pytest.mark.parametrize("concurrency", [1, 2])
    def test_each_place_waits_between_its_queries(self, sleeping, concurrency):
        session = sleeping(0, concurrency)
        trace = session.run_closed(Extent(0, 6, 6), idle_ms=5)
        # Of any `concurrency` + 1 queries two are of one place.
        gaps = trace.issued[concurrency:] - trace.done[:-concurrency]
        assert trace.queries == 6
        assert gaps.max() >= 5e6
        if concurrency == 1:
            assert gaps.min() >= 5e6
        assert trace.span_ms >= 5 * (6 / concurrency - 1)

    def test_idle_time_is_no_latency(self, sleeping):
        trace = sleeping(0).run_closed(Extent(0, 6, 6), idle_ms=20)
        assert np.median(trace.samples("latency")) < 20
        assert trace.throughput <= 1e3 / 20 * 6 / 5


class TestOpenLoop:
    def test_is_issued_when_it_is_due(self, session):
        schedule = due_every(2, queries=25)
        trace = session.run_open(schedule, LONG_MS)
        assert trace.due is not None
        assert trace.queries == 25
        assert (trace.issued >= trace.due).all()
        assert np.array_equal(np.diff(trace.due), np.diff(schedule))
        assert trace.samples("lateness").min() >= 0
        assert not trace.saturated

    def test_response_counts_from_when_a_query_was_due(self, sleeping):
        """Four at once, 5 ms each: the last waits for the three before it."""
        trace = sleeping(5).run_open(np.zeros(4, np.int64), LONG_MS)
        assert (trace.samples("response") >= [5, 10, 15, 20]).all()
        assert trace.samples("latency").min() >= 5
        response, latency = trace.samples("response"), trace.samples("latency")
        assert (response[1:] >= response[:-1] + latency[1:]).all()

    def test_one_place_serves_in_the_order_of_arrival(self, sleeping):
        trace = sleeping(2).run_open(due_every(1, queries=20), LONG_MS)
        assert trace.due is not None
        assert (np.diff(trace.due) > 0).all()
        assert (trace.issued[1:] >= trace.done[:-1]).all()
        waiting = (trace.issued - trace.due) / 1e6
        # Each takes 1 ms longer than the time to the next.
        assert (np.diff(waiting) >= 1 - 1e-6).all()

    @pytest.mark.parametrize("concurrency", [2, 4])
    def test_places_serve_at_the_same_time(self, together, concurrency):
        at_once = np.zeros(2 * concurrency, np.int64)
        trace = together(5, concurrency).run_open(at_once, LONG_MS)
        assert trace.in_flight == most_in_flight(trace) == concurrency
        assert trace.queries == 2 * concurrency
        assert np.sort(trace.samples("response"))[concurrency:].min() >= 10

    def test_places_wait_for_what_is_not_due(self, sleeping):
        trace = sleeping(1, 3).run_open(due_every(4, queries=10), LONG_MS)
        assert trace.due is not None
        assert (trace.issued >= trace.due).all()
        assert trace.span_ms >= 40

    @pytest.mark.parametrize("concurrency", [1, 2])
    def test_load_that_is_not_reached_is_given_up(self, sleeping, concurrency):
        """100 000 queries a second are due, and some hundred can be served."""
        schedule = due_every(0.01, queries=10**5)
        trace = sleeping(2, concurrency).run_open(schedule, backlog_ms=50)
        assert trace.saturated
        assert trace.due is not None
        assert concurrency <= trace.queries <= 100 * concurrency
        assert trace.samples("response").max() >= 25
        assert (trace.samples("response") >= trace.samples("latency")).all()
        assert (trace.done > trace.issued).all()

    def test_something_is_served_however_short_the_patience(self, sleeping):
        trace = sleeping(1).run_open(np.zeros(100, np.int64), backlog_ms=0)
        assert trace.saturated
        assert trace.queries == 1
        assert trace.samples("response").min() >= 1

    def test_backlog_that_goes_down_again_is_kept(self, sleeping):
        """A burst that takes 20 ms, and nothing for a while."""
        schedule = np.array([*[0] * 10, *range(60_000_000, 65_000_000, 1_000_000)], np.int64)
        trace = sleeping(2).run_open(schedule, backlog_ms=LONG_MS)
        assert not trace.saturated
        assert trace.queries == len(schedule)


class Broken(Exception):
    pass


def a_minute(loop, session):
    if loop == "closed":
        return session.run_closed(Extent(LONG_MS, 1, 10**7))
    return session.run_open(due_every(2, queries=30_000), LONG_MS)


@pytest.mark.parametrize("broken", [0, 1, 2])
@pytest.mark.parametrize("loop", ["closed", "open"])
def test_error_in_a_query_ends_the_round_of_all(sleeping, loop, broken):
    """A minute is left of the round when one of three places fails."""
    session = sleeping(1, 3)

    def fail():
        raise Broken

    session.queries[broken] = fail

    before = threading.active_count()
    with ThreadPoolExecutor(1) as pool, pytest.raises(Broken):
        pool.submit(a_minute, loop, session).result(timeout=30)
    assert threading.active_count() == before


@pytest.mark.parametrize("loop", ["closed", "open"])
def test_error_of_a_single_place_is_raised(sleeping, loop):
    session = sleeping(1)
    calls = []

    def fail_at_last():
        calls.append(1)
        if len(calls) == 3:
            raise Broken

    session.queries = [fail_at_last]
    with pytest.raises(Broken):
        a_minute(loop, session)
    assert len(calls) == 3
