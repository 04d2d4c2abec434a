"""What counts as a disturbance, from plain states: no GPU is needed."""

from __future__ import annotations

import contextlib
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_trtperf.backend.session import Mode
from pytest_trtperf.backend.trace import Trace
from pytest_trtperf.measure.device_state import DeviceState
from pytest_trtperf.measure.disturbance import (
    HOST_STALL_MS,
    ClocksEventReasons,
    disturbances,
    mean_power_w,
    remarks,
    stall,
)
from pytest_trtperf.measure.load import Load
from pytest_trtperf.measure.measurement import Effort, Measurement
from pytest_trtperf.testing import FakeBackend, FakeSession

QUERIES = 500
QUIET = DeviceState(
    unix_time_us=1_000_000,
    sm_clock_mhz=1980,
    memory_clock_mhz=3201,
    temperature_c=40,
    power_w=120,
    power_limit_w=700,
    energy_j=1000,
    clock_event_reasons=0,
    power_cap_ns=7,
    sync_boost_ns=0,
    thermal_slowdown_ns=5,
    hw_thermal_slowdown_ns=0,
    hw_power_brake_slowdown_ns=0,
    other_processes=0,
    other_sm_percent=0,
)
SLOWDOWNS = {
    "thermal slowdown": ("EVENT_REASON_SW_THERMAL_SLOWDOWN", "thermal_slowdown_ns"),
    "hardware thermal slowdown": (
        "THROTTLE_REASON_HW_THERMAL_SLOWDOWN",
        "hw_thermal_slowdown_ns",
    ),
    "hardware power brake": (
        "THROTTLE_REASON_HW_POWER_BRAKE_SLOWDOWN",
        "hw_power_brake_slowdown_ns",
    ),
}
LIMITS = {
    "software power cap": ("EVENT_REASON_SW_POWER_CAP", "power_cap_ns"),
    "sync boost": ("EVENT_REASON_SYNC_BOOST", "sync_boost_ns"),
}
STATES = st.builds(
    DeviceState, **{f.name: st.none() | st.integers(0, 2**40) for f in fields(DeviceState)}
)


def later(**changes) -> DeviceState:
    """A look 200 ms after QUIET."""
    return DeviceState(**{**vars(QUIET), "unix_time_us": 1_200_000, **changes})


def test_quiet_round_is_not_disturbed():
    assert disturbances(QUIET, later()) == ()
    assert remarks(QUIET, later()) == ()


def test_nothing_is_said_of_the_cpu():
    assert disturbances(DeviceState(), DeviceState()) == ()
    assert remarks(DeviceState(), DeviceState()) == ()
    assert mean_power_w(DeviceState(), DeviceState()) is None


@pytest.mark.parametrize("label", SLOWDOWNS)
def test_slowdown_is_reported_with_its_milliseconds(label):
    _, counter = SLOWDOWNS[label]
    after = later(**{counter: getattr(QUIET, counter) + 42_000_000})
    assert disturbances(QUIET, after) == (f"{label} for 42.0 ms",)


@pytest.mark.parametrize("counters", [True, False], ids=["counters lag", "no counters"])
@pytest.mark.parametrize("label", SLOWDOWNS)
def test_slowdown_is_reported_by_its_bit_at_either_look(label, counters):
    name, counter = SLOWDOWNS[label]
    found = {} if counters else {counter: None}
    active = {"clock_event_reasons": ClocksEventReasons[name]}
    assert disturbances(later(**found, **active), later(**found)) == (label,)
    assert disturbances(later(**found), later(**found, **active)) == (label,)


def test_hardware_slowdown_has_a_reason_of_its_own_only_if_no_other_explains_it():
    slow = ClocksEventReasons.THROTTLE_REASON_HW_SLOWDOWN
    hot = slow | ClocksEventReasons.THROTTLE_REASON_HW_THERMAL_SLOWDOWN
    assert disturbances(QUIET, later(clock_event_reasons=slow)) == ("hardware slowdown",)
    assert disturbances(QUIET, later(clock_event_reasons=hot)) == ("hardware thermal slowdown",)


def test_other_bits_are_normal():
    known = sum(ClocksEventReasons)
    after = later(clock_event_reasons=0xFFFF & ~known)
    assert disturbances(after, after) == ()
    assert remarks(after, after) == ()


@given(percent=st.integers(5, 100), processes=st.integers(0, 9))
def test_a_process_at_work_is_a_disturbance(percent, processes):
    after = later(other_sm_percent=percent, other_processes=processes)
    (reason,) = disturbances(QUIET, after)
    assert f"{percent}%" in reason


@given(percent=st.floats(0, 4.9))
def test_what_a_desktop_takes_is_none(percent):
    assert disturbances(QUIET, later(other_sm_percent=percent, other_processes=1)) == ()


@given(processes=st.integers(1, 9))
def test_an_idle_process_is_none_and_is_remarked_only_if_nothing_is_known_of_it(processes):
    idle = later(other_sm_percent=0.0, other_processes=processes)
    unknown = later(other_sm_percent=None, other_processes=processes)
    assert disturbances(idle, idle) == disturbances(unknown, unknown) == ()
    assert remarks(idle, idle) == ()
    (remark,) = remarks(QUIET, unknown)
    assert "does not report" in remark


def test_what_a_process_did_before_the_round_does_not_count():
    assert disturbances(later(other_sm_percent=90.0), later()) == ()


@pytest.mark.parametrize("label", LIMITS)
def test_limit_is_a_remark_with_its_share_of_the_time(label):
    name, counter = LIMITS[label]
    after = later(**{counter: getattr(QUIET, counter) + 50_000_000})
    assert disturbances(QUIET, after) == ()
    assert remarks(QUIET, after) == (f"{label} for 50.0 ms (25% of the time)",)
    active = later(clock_event_reasons=ClocksEventReasons[name])
    assert disturbances(QUIET, active) == ()
    assert remarks(QUIET, active) == (label,)


def test_share_of_the_time_is_at_most_all_of_it_and_left_out_where_clocks_went_backwards():
    after = later(power_cap_ns=300_000_007)
    assert remarks(QUIET, after) == ("software power cap for 300.0 ms (100% of the time)",)
    backwards = later(power_cap_ns=300_000_007, unix_time_us=1)
    assert remarks(QUIET, backwards) == ("software power cap for 300.0 ms",)


def test_energy_of_a_round():
    assert mean_power_w(QUIET, later(energy_j=1060)) == pytest.approx(300)


@pytest.mark.parametrize(("before", "after"), [(None, 1000), (1000, None), (1000, 1000), (1000, 3)])
def test_energy_is_unknown_where_the_counter_is_missing_did_not_move_or_was_reset(before, after):
    assert mean_power_w(later(energy_j=before), later(energy_j=after)) is None


@given(before=STATES, after=STATES)
def test_any_two_states_can_be_judged(before, after):
    said = disturbances(before, after) + remarks(before, after)
    assert len(set(said)) == len(said)
    assert "-" not in "".join(said)
    watts = mean_power_w(before, after)
    assert watts is None or watts > 0


@given(state=STATES)
def test_counters_that_did_not_move_say_nothing(state):
    still = DeviceState(**{**vars(state), "clock_event_reasons": 0, "other_sm_percent": 0.0})
    assert disturbances(still, still) == ()


@pytest.mark.parametrize("reason", ClocksEventReasons)
def test_bits_are_those_of_nvml(reason):
    nvml = pytest.importorskip("cuda.bindings.nvml")
    assert getattr(nvml.ClocksEventReasons, reason.name) == reason


@pytest.mark.parametrize(
    ("queries_ms", "expected"),
    [
        ([1.0] * 50, ()),
        ([1.0] * 50 + [58.0], ("nothing was completed for 58 ms",)),
        ([1.0] * 50 + [9.9], ()),
        ([30.0] * 50 + [290.0], ()),
        ([0.1] * 50 + [5.0], ()),
        ([7.0], ()),
    ],
    ids=["even", "a pause", "short", "of slow queries", "of fast ones", "a single query"],
)
def test_pause_of_the_host_is_distinguished_from_slow_queries(
    queries_ms: list[float], expected: tuple[str, ...]
) -> None:
    done = (np.cumsum(queries_ms) * 1e6).astype(np.int64)
    assert stall(Trace(float(sum(queries_ms)), done, done)) == expected


@pytest.mark.parametrize(("pause_ms", "is_one"), [(100.0, False), (499.0, False), (2000.0, True)])
def test_a_stall_on_the_cpu_is_longer_than_a_turn_of_another_process(pause_ms, is_one):
    done = (np.cumsum([1.0] * 50 + [pause_ms]) * 1e6).astype(np.int64)
    assert bool(stall(Trace(50 + pause_ms, done, done), HOST_STALL_MS)) is is_one


@pytest.mark.parametrize("uuid", [None, "GPU-x"])
def test_a_round_in_which_the_process_was_stopped_is_measured_again(uuid):
    stops = iter([False, False, True])

    def noise(_, queries):
        factors = np.ones(queries)
        if queries >= QUERIES and next(stops, False):
            factors[QUERIES // 2] = 2000.0
        return factors

    session = FakeSession(FakeBackend(noise=noise, cpu=uuid is None), {"x": (8,)}, Mode())
    effort = Effort(warm_up_ms=0, round_ms=1, round_queries=QUERIES, max_time=100)
    measurement = Measurement(session, effort, Load(None), contextlib.nullcontext(), uuid)
    measurement.extend(5)
    (aside,) = measurement.set_aside
    assert aside.disturbances == ("nothing was completed for 2000 ms",)
    assert max(round.trace.samples("latency").max() for round in measurement.rounds) == 1.0
