"""What a trace says of its queries: formulas on arrays made by hand and by a simulated server."""

from __future__ import annotations

import heapq

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_trtperf.analysis.summary import quantiles, summarize
from pytest_trtperf.backend.trace import STAGES, Trace

MS = 10**6
MICROSECONDS = st.integers(0, 5000)


def times(*ms):
    return np.array([round(value * MS) for value in ms], np.int64)


def floats(*ms):
    return np.array(ms, np.float32)


def gpu_trace(**given):
    """Two queries, overlapping, with everything that a GPU gives."""
    fields = {
        "span_ms": 10.0,
        "issued": times(1, 3),
        "done": times(6, 10),
        "in_flight": 2,
        "enqueue": times(0.25, 0.5),
        "stages": dict(
            zip(STAGES, (floats(0.5, 1), floats(2, 4), floats(0.25, 0.125)), strict=True)
        ),
    }
    return Trace(**{**fields, **given})


def simulate(gaps_us, services_us, delays_us, in_flight):
    """A first-in-first-out server with `in_flight` places, and a generator that is late at times.

    A query is issued its delay after it was due and a place was free.
    """
    due = np.cumsum(np.array(gaps_us, np.int64) * 1000)
    free = [0] * in_flight
    issued, done = np.zeros_like(due), np.zeros_like(due)
    for query, (at, service, delay) in enumerate(zip(due, services_us, delays_us, strict=True)):
        issued[query] = max(int(at), heapq.heappop(free)) + 1000 * delay
        done[query] = issued[query] + 1000 * service
        heapq.heappush(free, int(done[query]))
    return Trace(1.0, issued, done, in_flight, due=due)


@st.composite
def simulations(draw, delays=MICROSECONDS):
    queries = draw(st.integers(1, 60))
    gaps_us, services_us, delays_us = (
        draw(st.lists(kind, min_size=queries, max_size=queries))
        for kind in (MICROSECONDS, MICROSECONDS, delays)
    )
    return delays_us, simulate(gaps_us, services_us, delays_us, draw(st.integers(1, 5)))


@pytest.mark.parametrize(
    ("trace", "metrics"),
    [
        (Trace(1.0, times(0), times(1)), ("latency", "response")),
        (Trace(1.0, times(0), times(1), due=times(0)), ("latency", "response", "lateness")),
        (gpu_trace(), ("latency", "enqueue", *STAGES, "response")),
        (gpu_trace(due=times(0, 1)), ("latency", "enqueue", *STAGES, "response", "lateness")),
    ],
    ids=["cpu closed", "cpu open", "gpu closed", "gpu open"],
)
def test_metrics_are_those_that_samples_gives(trace, metrics):
    assert trace.metrics == metrics
    for name in metrics:
        values = trace.samples(name)
        assert (values.shape, values.dtype) == ((trace.queries,), np.float64)
    for name in {"latency", "response", "enqueue", "lateness", "h2d", "nonsense"} - {*metrics}:
        with pytest.raises(KeyError):
            trace.samples(name)


def test_latency_of_the_cpu_is_from_issue_to_completion():
    trace = Trace(8.0, times(0, 2, 3), times(2, 2.5, 8))
    assert trace.samples("latency").tolist() == [2, 0.5, 5]
    assert trace.compute.tolist() == [2, 0.5, 5]


def test_latency_of_a_gpu_is_the_sum_of_its_stages_without_queueing():
    trace = gpu_trace()
    assert trace.samples("latency").tolist() == [2.75, 5.125]
    assert trace.samples("enqueue").tolist() == [0.25, 0.5]
    assert trace.samples("h2d").tolist() == [0.5, 1]
    assert trace.compute.tolist() == [2, 4]


def cpu_trace(**given):
    return Trace(10.0, times(1, 3), times(6, 10), **given)


@pytest.mark.parametrize("make", [gpu_trace, cpu_trace])
def test_response_counts_from_the_issue_or_from_when_a_query_was_due(make):
    assert make().samples("response").tolist() == [5, 7]
    assert make(due=times(0.5, 1)).samples("response").tolist() == [5.5, 9]


def test_throughput_is_over_the_span():
    assert gpu_trace().throughput == 200
    assert gpu_trace().queries == 2


class TestLateness:
    def test_counts_from_when_a_query_was_due_while_there_is_room(self):
        trace = Trace(9.0, times(1.5, 2, 4.25), times(9, 9, 9), 3, due=times(1, 2, 4))
        assert trace.samples("lateness").tolist() == [0.5, 0, 0.25]

    def test_counts_from_when_there_is_room_in_a_device_that_is_full(self):
        issued, done = times(0, 1, 5, 9.5), times(5, 9, 12, 13)
        trace = Trace(13.0, issued, done, 2, due=times(0, 1, 2, 3))
        # The third waits for the first to be complete, the fourth for the second.
        assert trace.samples("lateness").tolist() == [0, 0, 0, 0.5]

    def test_room_comes_with_whichever_query_is_complete_first(self):
        issued, done = times(0, 1, 3), times(9, 3, 12)
        trace = Trace(12.0, issued, done, 2, due=times(0, 1, 2))
        assert trace.samples("lateness").tolist() == [0, 0, 0]

    def test_does_not_change_the_trace(self):
        trace = Trace(12.0, times(0, 5, 9), times(5, 9, 12), 1, due=times(0, 1, 2))
        trace.samples("lateness")
        assert trace.due is not None
        assert trace.due.tolist() == times(0, 1, 2).tolist()

    @given(simulated=simulations(delays=st.just(0)))
    def test_is_zero_of_a_generator_that_issues_at_once(self, simulated):
        _, trace = simulated
        assert not trace.samples("lateness").any()

    @given(simulated=simulations())
    def test_is_the_delay_of_a_generator_that_does_not(self, simulated):
        delays, trace = simulated
        assert np.array_equal(trace.samples("lateness"), np.array(delays) / 1e3)

    @given(simulated=simulations())
    def test_is_part_of_the_response(self, simulated):
        _, trace = simulated
        assert (trace.samples("response") >= trace.samples("lateness")).all()
        assert (trace.samples("response") >= trace.samples("latency")).all()


class TestAfter:
    def test_keeps_what_was_due_from_then_on(self):
        # The second was due before, though it was issued later.
        trace = Trace(
            12.0, times(0, 5, 9), times(5, 9, 12), 1, due=times(0, 1, 2), saturated=True
        ).after(2 * MS)
        assert trace.samples("response").tolist() == [10]
        assert trace.span_ms == 10
        assert (trace.queries, trace.in_flight, trace.saturated) == (1, 1, True)

    def test_keeps_what_was_issued_from_then_on_under_a_closed_load(self):
        trace = Trace(12.0, times(0, 5, 9), times(5, 9, 12)).after(times(4)[0])
        assert trace.samples("latency").tolist() == [4, 3]
        assert trace.span_ms == 8
        assert trace.due is None

    def test_cuts_all_columns_alike(self):
        whole = gpu_trace(due=times(0, 1), starts={"gpu_compute": floats(2, 5)})
        part = whole.after(1 * MS)
        assert part.metrics == whole.metrics
        for name in set(whole.metrics) - {"lateness"}:
            assert part.samples(name).tolist() == whole.samples(name).tolist()[1:]
        assert part.starts["gpu_compute"].tolist() == [5]

    @given(simulated=simulations(), cut=st.integers(0, 400_000))
    def test_never_loses_or_keeps_a_query_too_many(self, simulated, cut):
        _, trace = simulated
        assert trace.due is not None
        ns = cut * 1000
        kept = trace.after(ns)
        assert kept.queries == int((trace.due >= ns).sum())
        assert np.array_equal(
            kept.samples("response"), trace.samples("response")[trace.queries - kept.queries :]
        )


class TestMillionQueries:
    def test_is_under_64_mb(self, long_trace):
        assert long_trace.queries == 10**6
        assert 0 < long_trace.nbytes < 64e6

    def test_bytes_are_those_of_all_columns(self, long_trace):
        assert long_trace.nbytes == long_trace.queries * (4 * 8 + 2 * len(STAGES) * 4)
        assert long_trace.after(0).nbytes == long_trace.nbytes
        assert Trace(1.0, times(0, 1), times(1, 2)).nbytes == 2 * 16

    def test_is_summarised_whole(self, long_trace):
        for metric in long_trace.metrics:
            values = long_trace.samples(metric)
            assert summarize(values).count == long_trace.queries
            assert quantiles(values)[-1] == values.max()


@pytest.fixture(scope="module")
def long_trace():
    """A million queries with everything that a trace can hold."""
    rng, queries = np.random.default_rng(1), 10**6
    due = np.cumsum(rng.integers(1, 2000, queries))
    issued = due + rng.integers(0, 50, queries)
    stages = {name: rng.exponential(size=queries).astype(np.float32) for name in STAGES}
    starts = {name: values + 1 for name, values in stages.items()}
    enqueue = np.full(queries, 5, np.int64)
    return Trace(1e3, issued, issued + 10**5, 2, enqueue, stages, starts, due)
