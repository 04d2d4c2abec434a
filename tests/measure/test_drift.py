"""Sessions that need seconds to become steady, on a simulated clock."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest

from pytest_trtperf.backend.session import Mode
from pytest_trtperf.measure.load import Load
from pytest_trtperf.measure.measurement import Effort, Measurement
from pytest_trtperf.testing import FakeBackend, FakeClock, FakeSession, lognormal

UUID = FakeBackend().probe().gpus[0].uuid


def measured(course, rounds=5, **effort):
    """A measurement of queries of 0.4 ms, 500 in a round, by their seconds since the start."""
    clock = FakeClock(0.0)

    def noise(random, queries):
        seconds = clock.now + 4e-4 * np.arange(queries)
        return course(seconds) * lognormal(5e-4, 2e-4)(random, queries)

    session = FakeSession(FakeBackend(0.4, noise, clock=clock), {"x": (8, 3)}, Mode())
    made = Measurement(session, Effort(**effort), Load(), contextlib.nullcontext(), UUID)
    assert made.extend(rounds)
    return made


def test_a_session_without_a_trend_does_not_wait():
    made = measured(np.ones_like)
    assert made.warm_up.steady
    assert made.warm_up.seconds < 0.25
    assert made.rounds[0].started == pytest.approx(made.warm_up.seconds)


@pytest.mark.parametrize(
    ("size", "constant"), [(0.1, 0.8), (-0.05, 0.8), (0.1, 2.0), (-0.02, 2.0), (0.05, 4.0)]
)
def test_rounds_wait_until_little_of_a_trend_is_left(size, constant):
    made = measured(lambda seconds: 1 + size * np.exp(-seconds / constant), max_warm_up=20)
    assert made.warm_up.steady
    left = abs(size) * np.exp(-made.rounds[0].started / constant)
    assert 0.0005 < left < 0.006


def test_rounds_before_a_step_are_warm_up():
    made = measured(lambda seconds: 1 + 0.05 * (seconds < 0.7))
    assert made.warm_up.steady
    assert made.warm_up.seconds == pytest.approx(1.2, abs=0.1)
    # nothing that ran is lost
    assert made.warm_up.queries * 4e-4 == pytest.approx(made.warm_up.seconds, rel=0.06)
    assert [round.started > 0.7 for round in made.rounds] == [True] * 5
    assert made.seconds == pytest.approx(1.0, rel=0.01)


def test_what_still_drifts_at_the_limit_of_the_warm_up_is_kept_and_not_steady():
    made = measured(lambda seconds: 1 + 0.02 * np.exp(-seconds / 4), max_warm_up=1.0)
    assert not made.warm_up.steady
    assert made.warm_up.trend < -0.005
    assert len(made.rounds) == 5


def test_rounds_that_are_added_later_are_not_dropped():
    made = measured(np.ones_like, rounds=2)
    before = made.rounds
    made.session.backend.noise = lambda _, queries: 2 + 0 * np.arange(queries)
    made.extend(6)
    assert made.rounds[:2] == before
    assert made.warm_up.steady


def test_each_session_is_watched():
    made = measured(lambda seconds: 1 + 0.05 * ((seconds > 1.21) & (seconds < 2.0)))
    before = made.rounds
    made.new_session()
    made.extend(10)
    assert made.rounds[:5] == before
    assert [round.started > 2.0 for round in made.rounds] == [False] * 5 + [True] * 5
