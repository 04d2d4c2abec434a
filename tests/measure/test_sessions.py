"""Measurements that go on in fresh sessions."""

from __future__ import annotations

import contextlib
from statistics import median

import pytest

from pytest_trtperf.backend.session import Kernels, Mode
from pytest_trtperf.errors import MeasurementError
from pytest_trtperf.measure.load import Load
from pytest_trtperf.measure.measurement import Effort, Measurement
from pytest_trtperf.testing import FakeBackend, FakeSession

EFFORT = Effort(round_ms=100.0, max_time=30.0)


def measurement(backend: FakeBackend, effort: Effort = EFFORT) -> Measurement:
    session = FakeSession(backend, {"x": (8,)}, Mode())
    return Measurement(session, effort, Load(), contextlib.nullcontext(), None)


def test_rounds_belong_to_the_session_that_measured_them():
    backend = FakeBackend(cpu=True, cold_start_ms=7.0, kernels=Kernels("fresh", "a"))
    first = FakeSession(backend, {"x": (8,)}, Mode())
    measured = Measurement(first, EFFORT, Load(), contextlib.nullcontext(), None)
    measured.extend(3)
    backend.cold_start_ms, backend.kernels = 5.0, Kernels("cached", "a")
    measured.new_session()
    measured.extend(5)
    one, other = measured.sessions
    assert (len(one.rounds), len(other.rounds)) == (3, 2)
    assert measured.rounds == (*one.rounds, *other.rounds)
    assert (one.cold_start_ms, other.cold_start_ms) == (7.0, 5.0)
    assert (one.kernels, other.kernels) == (Kernels("fresh", "a"), Kernels("cached", "a"))
    assert first.closed
    assert isinstance(measured.session, FakeSession)
    assert not measured.session.closed


def test_each_session_is_warmed_up_by_itself():
    measured = measurement(FakeBackend(cpu=True))
    measured.extend(2)
    measured.new_session()
    assert measured.sessions[1].warm_up is None
    measured.extend(4)
    assert all(one.warm_up and one.warm_up.steady for one in measured.sessions)


def test_the_time_limit_holds_for_each_session():
    measured = measurement(FakeBackend(latency_ms=10.0, cpu=True), Effort(max_time=2.5))
    assert not measured.extend(100)
    alone = len(measured.rounds)
    measured.new_session()
    assert not measured.extend(100)
    assert len(measured.sessions[1].rounds) == alone
    assert measured.seconds == pytest.approx(sum(one.seconds for one in measured.sessions))


def test_sessions_show_what_rounds_of_one_cannot():
    measured = measurement(FakeBackend(cpu=True, session_sd=0.02, seed=3))
    for session in range(1, 6):
        measured.extend(5 * session)
        if session < 5:
            measured.new_session()
    medians = [
        [median(r.trace.samples("latency")) for r in one.rounds] for one in measured.sessions
    ]
    within = max(max(one) / min(one) for one in medians)
    between = max(map(median, medians)) / min(map(median, medians))
    assert within < 1.001 < 1.01 < between


def test_a_released_measurement_starts_no_session():
    measured = measurement(FakeBackend())
    measured.extend(1)
    measured.release()
    with pytest.raises(MeasurementError, match="the test that measured this has ended"):
        measured.new_session()
