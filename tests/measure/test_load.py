"""When the queries of an open load are due, and rounds that are measured under one."""

from __future__ import annotations

import contextlib
import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_trtperf.backend.session import Mode
from pytest_trtperf.measure import measurement as measurement_module
from pytest_trtperf.measure.device_state import DeviceState
from pytest_trtperf.measure.load import LEAD_IN, LEAD_IN_OF_OVERLOAD, Load
from pytest_trtperf.measure.measurement import AGAIN, Effort, Measurement
from pytest_trtperf.options.values import ARRIVALS
from pytest_trtperf.testing import FakeBackend, FakeSession, lognormal

RATES = st.floats(0.1, 1e6)
KINDS = st.sampled_from(ARRIVALS)
SEEDS = st.integers(0, 2**32)
MANY = 20_000
SHORT = Effort(warm_up_ms=5, max_warm_up=0.05, round_ms=20, round_queries=20, max_time=60)


@st.composite
def schedules(draw):
    """A load with the least duration and queries of a round, at most 50 000 of them."""
    load = Load(draw(RATES), draw(KINDS), seed=draw(SEEDS))
    assert load.request_rate is not None
    duration_ms = draw(st.floats(1e-3, 5e7 / load.request_rate).filter(lambda ms: ms < 1e9))
    return load, duration_ms, draw(st.integers(1, 500)), draw(st.integers(0, 100))


def intervals(load, count=MANY, round=0):
    """The intervals as multiples of the mean one."""
    due = load.schedule(1.0, count, round)
    return np.diff(due, prepend=0) * load.request_rate / 1e9


@given(given_=schedules())
def test_schedule_ascends_and_covers_the_duration_and_the_queries(given_):
    load, duration_ms, queries, round = given_
    due = load.schedule(duration_ms, queries, round)
    assert (due.dtype, due.ndim) == (np.int64, 1)
    assert (np.diff(due, prepend=0) >= 0).all()
    assert len(due) >= queries
    assert due[-1] >= duration_ms * 1e6 * (1 - 1e-9) - 1


@given(rate=RATES, queries=st.integers(1, 500), round=st.integers(0, 9))
def test_constant_arrivals_are_multiples_of_the_interval(rate, queries, round):
    due = Load(rate, "constant").schedule(1e-3, queries, round)
    assert np.allclose(due, np.arange(1, len(due) + 1) * 1e9 / rate, rtol=1e-9, atol=1)


def test_constant_arrivals_are_as_many_as_the_duration_takes():
    assert Load(1000.0, "constant").schedule(50, 1, 0).tolist() == [
        number * 10**6 for number in range(1, 51)
    ]


@pytest.mark.parametrize(("lead_in_ms", "last"), [(0, 10), (4, 13)])
def test_constant_arrivals_are_as_many_as_the_queries_where_they_take_longer(lead_in_ms, last):
    """After a lead-in of 4 ms the first that counts is due at 4 ms, the tenth at 13."""
    due = Load(1000.0, "constant").schedule(1, 10, 0, lead_in_ms)
    assert due.tolist() == [number * 10**6 for number in range(1, last + 1)]


@given(load=st.builds(Load, RATES, st.just("poisson"), seed=SEEDS), round=st.integers(0, 100))
def test_poisson_arrivals_have_exponential_intervals_of_the_rate(load, round):
    """The mean and deviation of 20 000 are within 7 sigma of one, as is each share beyond."""
    steps = intervals(load, round=round)
    assert steps.mean() == pytest.approx(1, abs=7 / math.sqrt(MANY))
    assert steps.std() == pytest.approx(1, abs=7 * math.sqrt(2 / MANY))
    for beyond in (0.5, 1, 2):
        share = math.exp(-beyond)
        error = math.sqrt(share * (1 - share) / MANY)
        assert (steps > beyond).mean() == pytest.approx(share, abs=7 * error)
    assert abs(np.corrcoef(steps[1:], steps[:-1])[0, 1]) < 7 / math.sqrt(MANY)


@given(given_=schedules())
def test_same_seed_gives_the_same_schedule(given_):
    load, *extent = given_
    twin = Load(load.request_rate, load.arrivals, seed=load.seed)
    assert np.array_equal(load.schedule(*extent), twin.schedule(*extent))


@given(seed=SEEDS, rounds=st.lists(st.integers(0, 100), min_size=2, max_size=2, unique=True))
def test_rounds_and_seeds_draw_their_own(seed, rounds):
    first, second = (Load(100.0, seed=seed).schedule(1, 50, round) for round in rounds)
    assert not np.array_equal(first, second)
    other = Load(100.0, seed=seed + 1).schedule(1, 50, rounds[0])
    assert not np.array_equal(first, other)


@given(rates=st.tuples(st.floats(1, 1e4), st.floats(1, 1e4)), seed=SEEDS)
def test_another_rate_stretches_the_same_draw(rates, seed):
    """So that a search for a rate compares rates, not draws."""
    slow, fast = (
        intervals(Load(rate, seed=seed), count=count)[:100]
        for rate, count in zip(rates, (100, 300), strict=True)
    )
    assert np.allclose(slow, fast, atol=4e-9 * max(rates))


@given(duration_ms=st.floats(100, 300), seed=SEEDS)
def test_longer_round_continues_a_shorter_one(duration_ms, seed):
    load = Load(500.0, seed=seed)
    short, whole = load.schedule(duration_ms, 1, 0), load.schedule(2 * duration_ms, 1, 0)
    assert np.allclose(whole[: len(short)], short, atol=2)


def test_modes_distinguish_loads():
    assert Load().mode == {"load": "closed", "idle_ms": 0.0}
    assert Load(idle_ms=2.5).mode == {"load": "closed", "idle_ms": 2.5}
    assert Load(250.0, "constant", seed=3).mode == {
        "load": "open",
        "request_rate": 250.0,
        "arrivals": "constant",
    }
    assert not Load().is_open
    assert Load(1.0).is_open


@given(given_=schedules(), lead_in_ms=st.floats(0, 100))
def test_lead_in_comes_before_the_queries_that_count(given_, lead_in_ms):
    load, duration_ms, queries, round = given_
    lead_in_ms = min(lead_in_ms, duration_ms)
    due = load.schedule(duration_ms, queries, round, lead_in_ms)
    assert np.count_nonzero(due >= lead_in_ms * 1e6 * (1 - 1e-9) - 1) >= queries
    assert due[-1] >= (lead_in_ms + duration_ms) * 1e6 * (1 - 1e-9) - 1


@pytest.fixture
def measure():
    """Starts a measurement of queries that take so many milliseconds, on a simulated clock."""

    def start(load, effort=SHORT, concurrency=1, ms=0.05):
        backend = FakeBackend(ms, lognormal(0.01))
        session = FakeSession(backend, {"x": (16, 256)}, Mode(concurrency=concurrency))
        uuid = backend.probe().gpus[0].uuid
        return Measurement(session, effort, load, contextlib.nullcontext(), uuid)

    return start


LEAD_IN_MS = 5.0


@pytest.fixture
def lead_in(monkeypatch):
    """Of a length that does not depend on how fast this machine is."""
    monkeypatch.setattr(Load, "lead_in_ms", lambda *_: LEAD_IN_MS)


class TestLeadIn:
    """How long a queue needs to forget that it was empty."""

    @pytest.mark.parametrize(
        ("load", "services"), [(0.01, 1.23), (0.25, 4), (0.81, 100), (0.9801, 10_000)]
    )
    def test_follows_the_relaxation_time_of_the_queue(self, load, services):
        """S / (1 - sqrt(load))^2, with an S of 2 ms."""
        lead_in_ms = Load(500 * load).lead_in_ms(500.0, 200.0, 1e9)
        assert lead_in_ms == pytest.approx(LEAD_IN * 2 * services, rel=0.01)

    def test_takes_no_more_than_there_is_time_for(self):
        assert Load(499.0).lead_in_ms(500.0, 200.0, 700.0) == 700.0

    @pytest.mark.parametrize("rate", [500.0, 1e9])
    def test_of_more_than_the_device_can_do_waits_for_nothing(self, rate):
        assert Load(rate).lead_in_ms(500.0, 200.0, 1e9) == LEAD_IN_OF_OVERLOAD * 200.0


def test_rounds_that_begin_with_an_empty_queue_are_not_biased():
    """Many rounds shorter than the queue's memory: the mean response of M/D/1 at a load of 0.8."""
    backend = FakeBackend(1.0, lognormal(0.0))
    session = FakeSession(backend, {"x": (1,)}, Mode(concurrency=1))
    effort = Effort(round_ms=20, round_queries=16, max_time=1e6)
    uuid = backend.probe().gpus[0].uuid
    measurement = Measurement(session, effort, Load(800.0), contextlib.nullcontext(), uuid)
    measurement.extend(2000)
    responses = np.concatenate([one.trace.samples("response") for one in measurement.rounds])
    assert responses.mean() == pytest.approx(1 + 0.8 / (2 * 0.2), rel=0.05)


@pytest.mark.usefixtures("lead_in")
class TestCountedPart:
    @pytest.mark.parametrize("arrivals", ARRIVALS)
    def test_has_the_queries_that_were_due_after_the_lead_in(self, measure, arrivals):
        load = Load(2000.0, arrivals)
        measurement = measure(load)
        assert measurement.extend(3)
        assert not measurement.saturated
        for number, round in enumerate(measurement.rounds):
            due = load.schedule(20, 20, number, LEAD_IN_MS)
            counted = due[due >= LEAD_IN_MS * 1e6]
            assert round.trace.due is not None
            assert round.trace.queries == len(counted) > 0
            assert np.array_equal(np.diff(round.trace.due), np.diff(counted))
            assert (round.trace.issued >= round.trace.due).all()
            # The span begins with the part that counts, and not with its first query.
            begin = round.trace.done.max() - round.trace.span_ms * 1e6
            first = round.trace.due[0] - begin
            assert first == pytest.approx(counted[0] - LEAD_IN_MS * 1e6, abs=1e6)

    def test_throughput_is_the_rate_that_was_asked_for(self, measure):
        """Constant arrivals that are served: what is left is the last query's own time."""
        measurement = measure(Load(500.0, "constant"), Effort(round_ms=200, round_queries=20))
        measurement.extend(1)
        (round,) = measurement.rounds
        last_ms = float(round.trace.samples("response")[-1])
        # From 6 to 206 ms, of a part that begins at 5.
        assert round.trace.queries == 101
        assert round.trace.throughput == pytest.approx(101e3 / (201 + last_ms), rel=1e-3)

    def test_each_draws_its_own_arrivals_and_a_repeat_draws_the_same(self, measure):
        first, second = measure(Load(2000.0)), measure(Load(2000.0))
        first.extend(3)
        second.extend(3)
        gaps = [[np.diff(r.trace.due) for r in m.rounds] for m in (first, second)]
        assert all(map(np.array_equal, *gaps))
        assert not any(np.array_equal(a, b) for a, b in pairwise(gaps[0]))


class TestOpenRounds:
    def test_last_as_long_as_their_queries_need(self, measure):
        """A rate too low for the least length: 30 queries at 400 a second are 75 ms."""
        effort = Effort(warm_up_ms=5, max_warm_up=0.05, round_ms=1, round_queries=30, max_time=60)
        measurement = measure(Load(400.0, "constant"), effort)
        measurement.extend(1)
        (round,) = measurement.rounds
        assert round.trace.queries >= 30
        assert round.ended - round.started >= 0.075

    @pytest.mark.parametrize("seed", range(5))
    def test_are_never_empty_however_low_the_rate(self, measure, seed):
        effort = Effort(warm_up_ms=1, max_warm_up=0.01, round_ms=1, round_queries=2, max_time=0.2)
        measurement = measure(Load(100.0, seed=seed), effort)
        measurement.extend(3)
        assert min(round.trace.queries for round in measurement.rounds) >= 1
        assert all(round.trace.samples("response").min() > 0 for round in measurement.rounds)

    def test_serve_several_at_a_time(self, measure):
        """Two of 4 ms are served at a time: 400 a second are too many for one place alone."""
        alone, both = (
            measure(Load(400.0, "constant"), concurrency=count, ms=4) for count in (1, 2)
        )
        for measurement in (alone, both):
            measurement.extend(1)
        medians = [np.median(m.rounds[0].trace.samples("response")) for m in (alone, both)]
        assert medians[0] > medians[1] == pytest.approx(4, rel=0.01)
        assert [m.rounds[0].trace.in_flight for m in (alone, both)] == [1, 2]

    def test_stop_once_the_device_cannot_keep_up(self, measure):
        measurement = measure(Load(1e5), ms=5)
        assert not measurement.extend(5)
        assert measurement.saturated
        (round,) = measurement.rounds
        assert round.trace.saturated
        assert round.trace.queries > 1
        assert round.trace.throughput < 250
        assert not measurement.extend(5)


class TestDisturbedRounds:
    @pytest.fixture
    def disturb(self, monkeypatch):
        """Lets the rounds of these numbers be disturbed, in the order of measuring."""
        looks = []

        def disturb(numbers):
            def read(uuid, since=None, **_):
                looks.append(since)
                return DeviceState(unix_time_us=len(looks))

            def judge(before, after):
                assert (before.unix_time_us, after.unix_time_us) == (len(looks) - 1, len(looks))
                assert looks[-2:] == [None, before]
                return ("a stranger",) if len(looks) // 2 - 1 in numbers else ()

            monkeypatch.setattr(measurement_module, "read_device_state", read)
            monkeypatch.setattr(measurement_module, "disturbances", judge)

        return disturb

    @pytest.mark.parametrize("load", [Load(), Load(2000.0)], ids=["closed", "open"])
    def test_are_set_aside_and_measured_again(self, measure, disturb, load):
        disturb({0, 2, 3})
        measurement = measure(load)
        # The first look, before the warm-up, is at the idle device.
        assert measurement.extend(3)
        assert [round.before.unix_time_us for round in measurement.rounds] == [4, 10, 12]
        assert [round.before.unix_time_us for round in measurement.set_aside] == [2, 6, 8]
        assert {r.disturbances for r in measurement.set_aside} == {("a stranger",)}
        assert {r.disturbances for r in measurement.rounds} == {()}
        everything = [*measurement.rounds, *measurement.set_aside]
        assert measurement.seconds == pytest.approx(sum(r.ended - r.started for r in everything))

    def test_are_kept_with_their_marks_once_too_many_were(self, measure, disturb):
        disturb(range(100))
        measurement = measure(Load())
        assert measurement.extend(3)
        assert len(measurement.set_aside) == AGAIN * 3
        assert len(measurement.rounds) == 3
        assert {r.disturbances for r in measurement.rounds} == {("a stranger",)}

    def test_count_towards_the_time_limit(self, measure, disturb):
        disturb(range(2, 1000))
        effort = Effort(warm_up_ms=1, max_warm_up=0.01, round_ms=5, round_queries=2, max_time=2)
        measurement = measure(Load(), effort, ms=1)
        assert not measurement.extend(1000)
        assert len(measurement.rounds) == 2
        assert 0 < len(measurement.set_aside) <= 2 / 0.005

    def test_draw_arrivals_of_their_own(self, measure, disturb):
        disturb({0})
        measurement = measure(Load(2000.0))
        measurement.extend(1)
        (aside,), (kept,) = measurement.set_aside, measurement.rounds
        assert not np.array_equal(np.diff(aside.trace.due), np.diff(kept.trace.due))


class TestOverload:
    """Queries of 4 ms, so that the device does 250 a second."""

    EFFORT = Effort(warm_up_ms=5, max_warm_up=0.3, round_ms=400, round_queries=20, max_time=60)

    @pytest.mark.parametrize("rate", [270, 330])
    def test_little_more_than_the_device_does_is_reported(self, measure, rate):
        measurement = measure(Load(rate, "constant"), self.EFFORT, ms=4)
        assert not measurement.extend(3)
        assert measurement.saturated

    @pytest.mark.parametrize("rate", [60, 120])
    def test_what_it_does_is_not(self, measure, rate):
        measurement = measure(Load(rate, "constant"), self.EFFORT, ms=4)
        assert measurement.extend(3)
        assert not measurement.saturated

    def test_rate_far_beyond_takes_no_memory_for_what_is_never_served(self, measure):
        measurement = measure(Load(1e9), self.EFFORT, ms=4)
        assert not measurement.extend(1)
        assert measurement.saturated
        assert measurement.rounds[0].trace.nbytes < 1e6
