"""What is read through NVML, against a stand-in for its binding: no GPU is needed."""

from __future__ import annotations

import contextlib
import json
import os
import time
from dataclasses import asdict
from enum import IntEnum
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_trtperf.backend import session_pids
from pytest_trtperf.backend.session import Mode
from pytest_trtperf.measure import device_state
from pytest_trtperf.measure.device_state import (
    DeviceState,
    others_sm_percent,
    read_device_state,
)
from pytest_trtperf.measure.load import Load
from pytest_trtperf.measure.measurement import Effort, Measurement
from pytest_trtperf.measure.nvml import handle
from pytest_trtperf.testing import FakeBackend, FakeSession

UUID = "GPU-00000000-0000-0000-0000-000000000000"
OWN, OTHER = 100, 200
SHORT = Effort(warm_up_ms=2, max_warm_up=0.05, round_ms=2, round_queries=5)
PERCENTS = st.dictionaries(st.integers(1, 9), st.integers(0, 100), min_size=1)


class Nvml:
    """The part of cuda.bindings.nvml that is used; arrays are those of its dtypes."""

    ClockType = IntEnum("ClockType", "CLOCK_SM CLOCK_MEM")
    TemperatureSensors = IntEnum("TemperatureSensors", "TEMPERATURE_GPU")
    Return = IntEnum("Return", "SUCCESS ERROR_NOT_SUPPORTED")
    ValueType = IntEnum("ValueType", "UNSIGNED_INT UNSIGNED_LONG_LONG")
    FieldId = IntEnum("FieldId", [*device_state._COUNTERS.values()])  # type: ignore[misc]

    def __init__(self):
        self.counters = {field: (int(field) * 1000, self.Return.SUCCESS) for field in self.FieldId}
        self.counter_type = self.ValueType.UNSIGNED_LONG_LONG
        self.pids = [OWN]
        self.samples = []
        self.handles = 0

    def device_get_handle_by_uuid(self, uuid):
        self.handles += 1
        assert uuid == UUID
        return 7

    def device_get_clock_info(self, handle, clock):
        return {self.ClockType.CLOCK_SM: 1980, self.ClockType.CLOCK_MEM: 3201}[clock]

    def device_get_temperature_v(self, handle, sensor):
        return 41

    def device_get_power_usage(self, handle):
        return 120_500

    def device_get_enforced_power_limit(self, handle):
        return 700_000

    def device_get_total_energy_consumption(self, handle):
        return 9_876_543

    def device_get_current_clocks_event_reasons(self, handle):
        return 4

    def device_get_compute_running_processes_v3(self, handle):
        return SimpleNamespace(pid=np.array(self.pids, np.uint32))

    def device_get_field_values(self, handle, field_ids):
        answers = []
        for field in field_ids:
            value, status = self.counters[field]
            answers.append(
                SimpleNamespace(
                    nvml_return=status,
                    value_type=self.counter_type,
                    value=np.rec.array([(value,)], dtype=[("ull_val", "<u8")]),
                )
            )
        return answers

    def device_get_process_utilization(self, handle, since_us):
        if not self.samples:
            raise LookupError("Not Found")
        pids, percents, stamps = zip(*self.samples, strict=True)
        return SimpleNamespace(
            pid=np.array(pids, np.uint32),
            sm_util=np.array(percents, np.uint32),
            time_stamp=np.array(stamps, np.uint64),
        )


@pytest.fixture
def nvml(monkeypatch):
    fake = Nvml()
    monkeypatch.setattr(device_state, "_nvml", lambda: fake)
    monkeypatch.setattr(os, "getpid", lambda: OWN)
    yield fake
    handle.cache_clear()


@pytest.fixture
def session():
    return FakeSession(FakeBackend(), {"x": (16, 256)}, Mode())


def now():
    return time.time_ns() // 1000


def after_round(*samples):
    """A look at the end of a round of 200 ms; samples are (pid, per cent, ms into the round)."""
    start = now() - 200_000
    stamped = [(pid, percent, start + int(1e3 * ms)) for pid, percent, ms in samples]
    return DeviceState(unix_time_us=start), stamped


def test_state_of_the_cpu_is_unknown(nvml):
    assert read_device_state(None) == DeviceState()
    assert set(vars(DeviceState()).values()) == {None}
    assert nvml.handles == 0


def test_state_without_nvml_is_unknown(monkeypatch):
    monkeypatch.setattr(device_state, "_nvml", lambda: None)
    assert read_device_state(UUID) == DeviceState()


def test_state_of_a_gpu_that_is_not_there_is_unknown():
    assert read_device_state(UUID, since=DeviceState(unix_time_us=1)) == DeviceState()
    assert read_device_state("") == read_device_state("nonsense") == DeviceState()


def test_state_has_the_units_of_its_names(nvml):
    state = read_device_state(UUID)
    assert state == DeviceState(
        unix_time_us=state.unix_time_us,
        sm_clock_mhz=1980,
        memory_clock_mhz=3201,
        temperature_c=41,
        power_w=120.5,
        power_limit_w=700.0,
        energy_j=9876.543,
        clock_event_reasons=4,
        power_cap_ns=1000,
        sync_boost_ns=2000,
        thermal_slowdown_ns=3000,
        hw_thermal_slowdown_ns=4000,
        hw_power_brake_slowdown_ns=5000,
        other_processes=0,
        other_sm_percent=None,
    )
    assert abs(state.unix_time_us - now()) < 60e6


def test_state_is_plain_numbers(nvml):
    before, nvml.samples = after_round((OWN, 90, 100), (OTHER, 7, 100))
    record = asdict(read_device_state(UUID, before))
    assert {type(value) for value in record.values()} == {int, float}
    assert json.loads(json.dumps(record)) == record


@pytest.mark.parametrize("name", [name for name in dir(Nvml) if name.startswith("device_get")])
def test_a_reading_that_is_refused_costs_no_other(nvml, name):
    before, nvml.samples = after_round((OWN, 90, 100), (OTHER, 7, 100))
    whole = asdict(read_device_state(UUID, before))
    handle.cache_clear()

    def refuse(*_):
        raise RuntimeError("Not Supported")

    setattr(nvml, name, refuse)
    part = asdict(read_device_state(UUID, before))
    missing = {field for field, value in part.items() if value is None}
    assert missing
    if name != "device_get_handle_by_uuid":
        assert "unix_time_us" not in missing
        kept = part.keys() - missing - {"unix_time_us"}
        assert {field: part[field] for field in kept} == {field: whole[field] for field in kept}


def test_handle_is_looked_up_once_and_again_after_a_failure(nvml):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nvml, "device_get_handle_by_uuid", lambda _: 1 / 0)
        assert read_device_state(UUID) == DeviceState()
    read_device_state(UUID)
    read_device_state(UUID)
    assert nvml.handles == 1


def test_a_counter_that_the_driver_lacks_is_unknown(nvml):
    field = nvml.FieldId.DEV_PERF_POLICY_THERMAL
    nvml.counters[field] = (123, nvml.Return.ERROR_NOT_SUPPORTED)
    state = read_device_state(UUID)
    assert state.thermal_slowdown_ns is None
    assert state.power_cap_ns == 1000


def test_a_field_that_is_no_counter_is_not_taken_for_one(nvml):
    nvml.counter_type = nvml.ValueType.UNSIGNED_INT
    assert read_device_state(UUID).hw_thermal_slowdown_ns is None


def test_a_field_that_the_binding_lacks_is_unknown(nvml):
    nvml.FieldId = SimpleNamespace(DEV_PERF_POLICY_POWER=nvml.FieldId.DEV_PERF_POLICY_POWER)
    state = read_device_state(UUID)
    assert state.power_cap_ns == 1000
    assert state.hw_power_brake_slowdown_ns is None


@pytest.mark.parametrize(
    ("pids", "others"), [([OWN], 0), ([OWN, OTHER], 1), ([OTHER], 0), ([5, 6, 6], 1), ([], None)]
)
def test_processes_besides_this_one(nvml, pids, others):
    """In a container this one is in the list under a number that it does not know."""
    nvml.pids = pids
    assert read_device_state(UUID).other_processes == others


@pytest.mark.parametrize(
    ("pids", "present", "others"),
    [([900, 901], 2, 0), ([900, 901, 902], 2, 1), ([900], 2, 0), ([900, 901], 1, 1)],
)
def test_processes_besides_those_that_have_not_ended_in_a_container(nvml, pids, present, others):
    nvml.pids = pids
    state = read_device_state(UUID, pids={OWN, OTHER, 5, 6}, present=present)
    assert state.other_processes == others


class TestOtherProcessesAtWork:
    def test_nothing_is_known_without_an_earlier_look(self, nvml):
        before, nvml.samples = after_round((OWN, 90, 100), (OTHER, 7, 100))
        assert read_device_state(UUID, before).other_sm_percent == 7
        assert read_device_state(UUID).other_sm_percent is None
        assert read_device_state(UUID, DeviceState()).other_sm_percent is None

    def test_nothing_is_known_without_a_sample(self, nvml):
        before, nvml.samples = after_round()
        assert read_device_state(UUID, before).other_sm_percent is None

    def test_samples_from_before_the_round_do_not_count(self, nvml):
        before, nvml.samples = after_round((OWN, 90, 100), (OTHER, 50, -1), (OTHER, 50, 0))
        assert read_device_state(UUID, before).other_sm_percent == 0

    def test_entries_that_mean_nothing_do_not_count(self, nvml):
        before, nvml.samples = after_round(
            (OWN, 90, 100), (0, 50, 100), (OTHER, 4_000_000_000, 100), (OTHER, 50, 1e9)
        )
        assert read_device_state(UUID, before).other_sm_percent == 0

    def test_one_sample_alone(self, nvml):
        """A binding may give numbers instead of arrays for a single one."""
        before, nvml.samples = after_round((OWN, 90, 100))
        single = nvml.device_get_process_utilization(7, 0)
        scalars = SimpleNamespace(**{name: int(column[0]) for name, column in vars(single).items()})
        nvml.device_get_process_utilization = lambda *_: scalars
        assert read_device_state(UUID, before).other_sm_percent == 0

    @given(others=PERCENTS, own=st.integers(0, 100))
    def test_our_pid_among_the_samples_is_ours(self, others, own):
        assert others_sm_percent({OWN: own, **others}, (), {OWN}) == sum(others.values())

    @given(others=PERCENTS)
    def test_our_pid_among_those_listed_is_ours_even_if_it_was_not_sampled(self, others):
        assert others_sm_percent(others, {OWN, *others}, {OWN}) == sum(others.values())

    @given(samples=PERCENTS, listed=st.sets(st.integers(10, 20)))
    def test_else_the_busiest_is_ours(self, samples, listed):
        """As in a container: samples by the host's numbers, the list by the container's."""
        rest = sorted(samples.values())[:-1]
        assert others_sm_percent(samples, {OWN, *listed}, {OWN}) == sum(rest)

    @given(others=PERCENTS, shares=st.tuples(st.integers(0, 100), st.integers(0, 100)))
    def test_siblings_that_take_turns_are_all_ours(self, others, shares):
        ours = dict(zip((OWN, OTHER), shares, strict=True))
        assert others_sm_percent({**ours, **others}, (), ours) == sum(others.values())
        busiest = {**others, 50: 200, 51: 200}
        assert others_sm_percent(busiest, (), ours, at_work=2) == sum(others.values())

    def test_siblings_that_were_idle_hide_no_neighbour(self):
        ours = {11, 12, 13, 14}
        assert others_sm_percent({900: 60, 901: 95}, ours, ours) == 60

    @pytest.mark.parametrize(("idle_s", "percent"), [(0.0, 0), (60.0, 60)])
    def test_round_of_one_whose_sibling_worked_just_before(
        self, nvml, session, monkeypatch, idle_s, percent
    ):
        used = {OWN: time.monotonic(), OTHER: time.monotonic() - idle_s}
        latest = [SimpleNamespace(pid=pid, used=at, is_open=True) for pid, at in used.items()]
        monkeypatch.setattr(session_pids, "_LATEST", latest)
        nvml.device_get_process_utilization = lambda _, since: SimpleNamespace(
            pid=[900, 901], sm_util=[60, 95], time_stamp=[since + 1] * 2
        )
        measurement = Measurement(session, SHORT, Load(), contextlib.nullcontext(), UUID)
        measurement.extend(1)
        (round,) = measurement.rounds
        assert round.after.other_sm_percent == percent
        assert round.after.other_processes == 0

    def test_nothing_sampled_is_not_nothing_done(self):
        assert others_sm_percent({}, {OWN}, {OWN}) is None
