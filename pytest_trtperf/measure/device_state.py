"""Clocks, power, slowdowns and neighbours of a GPU, read between rounds through NVML.

The state is read before a round and after it, not by a thread: nothing runs beside the queries.
Counters that the driver accumulates show what happened in between.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pytest_trtperf.measure.nvml import handle as _handle
from pytest_trtperf.measure.nvml import library as _nvml
from pytest_trtperf.measure.nvml import read as _read

# NVML's field for each accumulated counter. Headers number the CLOCKS_EVENT fields 269 to 271 where
# some drivers have 251 to 253. So SW_THERM_SLOWDOWN is not used: the older thermal policy counts
# the same under a number that never changed. The two others have no older name; a driver that has
# another field under their number is recognised by the type of its answer.
_COUNTERS = {
    "power_cap_ns": "DEV_PERF_POLICY_POWER",
    "sync_boost_ns": "DEV_PERF_POLICY_SYNC_BOOST",
    "thermal_slowdown_ns": "DEV_PERF_POLICY_THERMAL",
    "hw_thermal_slowdown_ns": "DEV_CLOCKS_EVENT_REASON_HW_THERM_SLOWDOWN",
    "hw_power_brake_slowdown_ns": "DEV_CLOCKS_EVENT_REASON_HW_POWER_BRAKE_SLOWDOWN",
}

SAMPLED_S = 2.0
"""How far back samples reach, in seconds: the slowest GPUs take one per second."""


@dataclass(frozen=True)
class DeviceState:
    """The state of a GPU at one moment; None where the driver or cuda-python reports nothing.

    Attributes:
        unix_time_us: when, on the clock that NVML stamps its samples with.
        power_w: on Ampere and later the driver's mean of the last second.
        power_limit_w: the limit that the driver enforces.
        energy_j: since the driver was loaded, in steps of up to 100 ms.
        clock_event_reasons: NVML's bits at this moment, see `disturbance.ClocksEventReasons`.
        power_cap_ns, sync_boost_ns, thermal_slowdown_ns, hw_thermal_slowdown_ns,
            hw_power_brake_slowdown_ns: time that the clocks were held down for this reason since
            the driver was loaded; grows in steps, too.
        other_processes: how many others have a compute context, busy or idle. In a container NVML
            may hide those of other containers.
        other_sm_percent: share of time in which other processes ran kernels since an earlier
            reading. The driver samples a few times per second: the last fraction of a second shows
            in the next reading only, and the first sample begins before the earlier reading. None
            without an earlier reading or a sample since then, and under MIG.
    """

    unix_time_us: int | None = None
    sm_clock_mhz: float | None = None
    memory_clock_mhz: float | None = None
    temperature_c: float | None = None
    power_w: float | None = None
    power_limit_w: float | None = None
    energy_j: float | None = None
    clock_event_reasons: int | None = None
    power_cap_ns: int | None = None
    sync_boost_ns: int | None = None
    thermal_slowdown_ns: int | None = None
    hw_thermal_slowdown_ns: int | None = None
    hw_power_brake_slowdown_ns: int | None = None
    other_processes: int | None = None
    other_sm_percent: float | None = None


def read_device_state(
    uuid: str | None,
    since: DeviceState | None = None,
    pids: Collection[int] = (),
    at_work: int = 1,
    present: int = 1,
) -> DeviceState:
    """The state of the GPU with this UUID; all None for the CPU.

    Args:
        since: the state before the round; without it `other_sm_percent` is unknown.
        pids: of our own processes on the GPU, which take turns; by default this one alone.
        at_work: how many of them were active in the last `SAMPLED_S` seconds before the round.
        present: how many of them have not ended.
    """
    nvml = _nvml() if uuid else None
    handle = None if nvml is None else _read(lambda: _handle(nvml, uuid))
    if nvml is None or handle is None:
        return DeviceState()
    own = pids or (os.getpid(),)
    now = _now_us()
    milliwatts = _read(lambda: nvml.device_get_power_usage(handle))
    limit = _read(lambda: nvml.device_get_enforced_power_limit(handle))
    millijoules = _read(lambda: nvml.device_get_total_energy_consumption(handle))
    listed = _read(lambda: _compute_pids(nvml, handle)) or frozenset()
    earlier = since.unix_time_us if since else None
    samples = _read(lambda: _sm_percents(nvml, handle, earlier)) if earlier else None
    return DeviceState(
        unix_time_us=now,
        sm_clock_mhz=_read(lambda: nvml.device_get_clock_info(handle, nvml.ClockType.CLOCK_SM)),
        memory_clock_mhz=_read(
            lambda: nvml.device_get_clock_info(handle, nvml.ClockType.CLOCK_MEM)
        ),
        temperature_c=_read(
            lambda: nvml.device_get_temperature_v(handle, nvml.TemperatureSensors.TEMPERATURE_GPU)
        ),
        power_w=None if milliwatts is None else milliwatts / 1e3,
        power_limit_w=None if limit is None else limit / 1e3,
        energy_j=None if millijoules is None else millijoules / 1e3,
        clock_event_reasons=_read(lambda: nvml.device_get_current_clocks_event_reasons(handle)),
        **(_read(lambda: _counters(nvml, handle)) or {}),
        other_processes=_others(listed, frozenset(own), present),
        other_sm_percent=others_sm_percent(samples or {}, listed, own, at_work),
    )


def _others(listed: frozenset[int], own: frozenset[int], present: int) -> int | None:
    """How many listed processes are not ours; None where the list hides even ours.

    In a container NVML may number processes like the host: then as many as are present are ours.
    """
    if not listed:
        return None
    return len(listed) - (len(listed & own) or min(present, len(listed)))


def others_sm_percent(
    samples: Mapping[int, int], listed: Collection[int], own: Collection[int], at_work: int = 1
) -> float | None:
    """The share of SM time, in per cent, of all processes but ours; None without samples.

    In a container NVML may number processes like the host, either everywhere or only in samples.
    So `own` identifies ours only if one of them was sampled, or if the list has one of them and
    every sampled process. Otherwise the busiest `at_work` processes are taken as ours, since ours
    ran queries all the time. A neighbour then goes unseen if it was sampled and we were not.

    Args:
        samples: per cent by sampled process. listed: processes with a compute context.
        own: our processes, including idle ones. at_work: how many of them may have been sampled,
            at least 1.
    """
    if not samples:
        return None
    ours, known = set(own), set(listed)
    if ours & set(samples) or (ours & known and set(samples) <= known):
        return float(sum(share for pid, share in samples.items() if pid not in ours))
    return float(sum(sorted(samples.values())[:-at_work]))


def _counters(nvml: Any, handle: int) -> dict[str, int]:
    known = {
        name: getattr(nvml.FieldId, field)
        for name, field in _COUNTERS.items()
        if hasattr(nvml.FieldId, field)
    }
    answers = nvml.device_get_field_values(handle, list(known.values()))
    counters = {}
    for index, name in enumerate(known):
        answer = answers[index]
        read = answer.nvml_return == nvml.Return.SUCCESS
        if read and answer.value_type == nvml.ValueType.UNSIGNED_LONG_LONG:
            counters[name] = int(np.ravel(answer.value["ull_val"])[0])
    return counters


def _compute_pids(nvml: Any, handle: int) -> frozenset[int]:
    processes = nvml.device_get_compute_running_processes_v3(handle)
    return frozenset(np.ravel(processes.pid).tolist())


def _sm_percents(nvml: Any, handle: int, since_us: int) -> dict[int, int]:
    """Per cent of the SM time by process; NVML raises an error when there is no sample."""
    samples = nvml.device_get_process_utilization(handle, since_us)
    columns = (np.ravel(column) for column in (samples.pid, samples.sm_util, samples.time_stamp))
    now = _now_us()
    # Some drivers pad the array with stale entries and with meaningless numbers.
    return {
        int(pid): int(percent)
        for pid, percent, stamp in zip(*columns, strict=True)
        if pid and percent <= 100 and since_us < stamp <= now
    }


def _now_us() -> int:
    return time.time_ns() // 1000
