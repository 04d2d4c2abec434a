"""Clocks, temperature, power and neighbours of a GPU, read between rounds through NVML."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class DeviceState:
    """One look at a GPU; None where the driver or cuda-python does not tell."""

    sm_clock_mhz: float | None = None
    memory_clock_mhz: float | None = None
    temperature_c: float | None = None
    power_w: float | None = None
    clock_event_reasons: int | None = None
    other_processes: int | None = None


def read_device_state(uuid: str | None) -> DeviceState:
    """The state of the GPU with this UUID; all None for the CPU."""
    nvml = _nvml() if uuid else None
    if nvml is None:
        return DeviceState()
    handle = _read(lambda: nvml.device_get_handle_by_uuid(uuid))
    if handle is None:
        return DeviceState()
    clock, sensor = nvml.ClockType, nvml.TemperatureSensors.TEMPERATURE_GPU
    milliwatts = _read(lambda: nvml.device_get_power_usage(handle))
    # One is this process, under whatever number: containers have process ids of their own.
    processes = _read(lambda: nvml.device_get_compute_running_processes_v3(handle))
    return DeviceState(
        sm_clock_mhz=_read(lambda: nvml.device_get_clock_info(handle, clock.CLOCK_SM)),
        memory_clock_mhz=_read(lambda: nvml.device_get_clock_info(handle, clock.CLOCK_MEM)),
        temperature_c=_read(lambda: nvml.device_get_temperature_v(handle, sensor)),
        power_w=None if milliwatts is None else milliwatts / 1e3,
        clock_event_reasons=_read(lambda: nvml.device_get_current_clocks_event_reasons(handle)),
        other_processes=None if processes is None else max(len(processes) - 1, 0),
    )


@functools.cache
def _nvml() -> Any:
    try:
        from cuda.bindings import nvml

        nvml.init_v2()
    except Exception:  # noqa: BLE001  # cuda-python without NVML, or a driver without it: state stays unknown
        return None
    return nvml


def _read(reading: Callable[[], Any]) -> Any:
    try:
        return reading()
    except Exception:  # noqa: BLE001  # NVML refuses single readings on some GPUs and in containers
        return None
