"""Energy of rounds, by a counter that moves in steps."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_trtperf.backend.session import Mode
from pytest_trtperf.backend.trace import Extent
from pytest_trtperf.measure.device_state import DeviceState
from pytest_trtperf.measure.energy import STEP_S, energy_of
from pytest_trtperf.measure.rounds import Round, SessionRounds
from pytest_trtperf.testing import FakeBackend, FakeSession, lognormal

WATTS, ROUND_S = 300.0, 0.2


def look(second, phase=0.0, energy_j=None):
    """The state of a GPU that takes `WATTS`; the counter moves every `STEP_S`."""
    counted = WATTS * STEP_S * math.floor((second + phase) / STEP_S)
    joules = counted if energy_j is None else energy_j
    return DeviceState(unix_time_us=round(second * 1e6), energy_j=joules)


def session(starts, phase=0.0, idle_power_w=None):
    """A session with rounds of 200 ms that start at these seconds, of 200 queries each."""
    fake = FakeSession(FakeBackend(noise=lognormal(0.0)), {"x": (1,)}, Mode())
    trace = fake.run_closed(Extent(1e3 * ROUND_S, 1, 1000))
    rounds = [
        Round(trace, look(at, phase), look(at + ROUND_S, phase), at, at + ROUND_S) for at in starts
    ]
    return SessionRounds(1.0, rounds=rounds, idle_power_w=idle_power_w)


@given(phase=st.floats(0, STEP_S))
def test_the_steps_of_the_counter_are_within_the_error_that_is_stated(phase):
    energy = energy_of([session([0.21 * n for n in range(5)], phase)])
    assert energy is not None
    assert energy.error == pytest.approx(STEP_S / 1.04)
    assert energy.power_w == pytest.approx(WATTS, rel=energy.error + 1e-9)
    assert energy.per_query_mj == pytest.approx(energy.power_w * 1.0, rel=0.01)


def test_a_pause_is_no_part_of_it_and_widens_the_error():
    busy = session([0.0, 0.2, 0.4, 10.0, 10.2, 10.4])
    energy = energy_of([busy])
    assert energy is not None
    assert energy.error == pytest.approx(2 * STEP_S / 1.2)
    assert all(a.started < b.started for a, b in pairwise(busy.rounds))


def test_the_idle_share_is_stated():
    energy = energy_of([session([0.0, 0.2, 0.4], idle_power_w=75.0)])
    assert energy is not None
    assert energy.idle_share == pytest.approx(0.25)
    assert energy.words == "300 W, idle share 25%: 75 W before the warm-up"
    unknown = energy_of([session([0.0, 0.2, 0.4])])
    assert unknown is not None
    assert unknown.words == "300 W, idle share unknown"


def test_without_a_counter_there_is_no_energy():
    plain = session([0.0, 0.2])
    plain.rounds = [replace(one, before=DeviceState()) for one in plain.rounds]
    assert energy_of([plain]) is None
    assert energy_of([SessionRounds(1.0)]) is None
