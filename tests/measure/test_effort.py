"""How many queries a round has and how many rounds are measured again, on a simulated device."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest

from pytest_trtperf.backend.session import Mode
from pytest_trtperf.measure import measurement as measurement_module
from pytest_trtperf.measure.load import Load
from pytest_trtperf.measure.measurement import Effort, Measurement
from pytest_trtperf.measure.steady import GROUP
from pytest_trtperf.testing import FakeBackend, FakeSession

WINDOWS = 2 * GROUP
"""Those of a warm-up that is steady from the start."""


def measure(slow=(), **effort):
    """A measurement of a device that serves 1000 queries a second.

    Args:
        slow: numbers of windows and rounds whose first query takes a second longer.
    """
    number = 0

    def noise(_, queries):
        nonlocal number
        factors = np.ones(queries)
        factors[0] += 1000 * (number in slow)
        number += 1
        return factors

    session = FakeSession(FakeBackend(noise=noise), {"x": (8, 3)}, Mode())
    short = Effort(**{"warm_up_ms": 0, "round_ms": 1, "round_queries": 500, **effort})
    uuid = FakeBackend().probe().gpus[0].uuid
    return Measurement(session, short, Load(), contextlib.nullcontext(), uuid)


@pytest.mark.parametrize(("max_time", "queries"), [(30.0, 500), (1.0, 181), (0.001, 2)])
def test_five_rounds_and_half_of_one_fit_into_the_time_limit(max_time, queries):
    measurement = measure(max_time=max_time)
    measurement.extend(1)
    assert [round.trace.queries for round in measurement.rounds] == [queries]


def test_rounds_that_are_shortened_to_fit_are_five():
    measurement = measure(max_time=1.0)
    assert measurement.extend(5)
    assert not measurement.extend(6)


def test_a_stall_at_the_end_of_the_warm_up_halves_the_rate_at_most():
    measurement = measure(slow={WINDOWS - 1}, max_time=1.0)
    measurement.extend(1)
    assert measurement.warm_up.queries == 1 + 26 * (WINDOWS - 1)
    # of 500 queries a second, though 26 of the last window took a second and more
    assert [round.trace.queries for round in measurement.rounds] == [90]


def test_two_disturbed_rounds_are_measured_again_for_each_that_was_asked_for(monkeypatch):
    monkeypatch.setattr(measurement_module, "disturbances", lambda *_: ("a stranger",))
    measurement = measure()
    for asked, again in ((1, 2), (2, 4), (5, 10)):
        measurement.extend(asked)
        assert (len(measurement.rounds), len(measurement.set_aside)) == (asked, again)
