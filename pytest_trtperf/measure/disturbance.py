"""What disturbed a round, judged by the device's state before and after it."""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntFlag

import numpy as np

from pytest_trtperf.backend.trace import Trace
from pytest_trtperf.measure.device_state import DeviceState


class ClocksEventReasons(IntFlag):
    """The bits of NVML's enum of this name that are read here.

    Copied because states are judged where NVML is not installed; a test compares them with NVML's.
    """

    EVENT_REASON_SW_POWER_CAP = 0x04
    THROTTLE_REASON_HW_SLOWDOWN = 0x08
    EVENT_REASON_SYNC_BOOST = 0x10
    EVENT_REASON_SW_THERMAL_SLOWDOWN = 0x20
    THROTTLE_REASON_HW_THERMAL_SLOWDOWN = 0x40
    THROTTLE_REASON_HW_POWER_BRAKE_SLOWDOWN = 0x80


_SLOWDOWNS = (
    (
        "thermal slowdown",
        ClocksEventReasons.EVENT_REASON_SW_THERMAL_SLOWDOWN,
        "thermal_slowdown_ns",
    ),
    (
        "hardware thermal slowdown",
        ClocksEventReasons.THROTTLE_REASON_HW_THERMAL_SLOWDOWN,
        "hw_thermal_slowdown_ns",
    ),
    (
        "hardware power brake",
        ClocksEventReasons.THROTTLE_REASON_HW_POWER_BRAKE_SLOWDOWN,
        "hw_power_brake_slowdown_ns",
    ),
)
_LIMITS = (
    ("software power cap", ClocksEventReasons.EVENT_REASON_SW_POWER_CAP, "power_cap_ns"),
    ("sync boost", ClocksEventReasons.EVENT_REASON_SYNC_BOOST, "sync_boost_ns"),
)


STALL_MS = 10.0
HOST_STALL_MS = 500.0
"""The least stall on a GPU, and on the CPU, where other processes take turns of up to 100 ms."""

STALL_QUERIES = 10
"""A stall takes at least this many median gaps between completions, too."""

LEAST_OTHER_PERCENT = 5.0
"""A desktop's compositor always uses a GPU, but less of it than this."""


def disturbances(before: DeviceState, after: DeviceState) -> tuple[str, ...]:
    """Why a round should be measured again, as text; empty if nothing disturbed it.

    Slowdowns by heat or hardware disturb a round, and so do other processes that use the GPU. An
    idle process with a context does not. Both the reason's bit and its counter are read, since the
    counter lags by up to 100 ms. Other processes are seen only if `after` was read with
    `since=before`.
    """
    return tuple(_disturbances(before, after))


def stall(trace: Trace, least_ms: float = STALL_MS) -> tuple[str, ...]:
    """Why a round under a closed load should be measured again: no query completed for long.

    This happens when a host pauses a virtual machine, or somebody a process. A query is a stall
    only if it takes as long as `STALL_QUERIES` others. If the engine itself causes such queries,
    they occur again.

    Args:
        least_ms: shorter ones are none.
    """
    gaps_ms = np.diff(trace.done) / 1e6
    if not gaps_ms.size or (longest := float(gaps_ms.max())) < least_ms:
        return ()
    if longest < STALL_QUERIES * float(np.median(gaps_ms)):
        return ()
    return (f"nothing was completed for {longest:.0f} ms",)


def remarks(before: DeviceState, after: DeviceState) -> tuple[str, ...]:
    """What limited a round without disturbing it, and what could not be read."""
    return tuple(_remarks(before, after))


def mean_power_w(before: DeviceState, after: DeviceState) -> float | None:
    """Mean power of the GPU between two states; None if its coarse energy counter did not move."""
    if before.energy_j is None or after.energy_j is None:
        return None
    spent, passed_us = after.energy_j - before.energy_j, _passed_us(before, after)
    return 1e6 * spent / passed_us if spent > 0 and passed_us > 0 else None


def _disturbances(before: DeviceState, after: DeviceState) -> Iterator[str]:
    hardware = ClocksEventReasons.THROTTLE_REASON_HW_SLOWDOWN
    explained = (
        ClocksEventReasons.THROTTLE_REASON_HW_THERMAL_SLOWDOWN
        | ClocksEventReasons.THROTTLE_REASON_HW_POWER_BRAKE_SLOWDOWN
    )
    for label, reason, counter in _SLOWDOWNS:
        held_ns = _moved(before, after, counter)
        if held_ns:
            yield f"{label} for {_ms(held_ns)}"
        elif _has(before, reason) or _has(after, reason):
            yield label
    if any(_has(look, hardware) and not _has(look, explained) for look in (before, after)):
        yield "hardware slowdown"
    if (after.other_sm_percent or 0) >= LEAST_OTHER_PERCENT:
        yield f"other processes used the GPU for {after.other_sm_percent:.0f}% of the time"


def _remarks(before: DeviceState, after: DeviceState) -> Iterator[str]:
    for label, reason, counter in _LIMITS:
        held_ns = _moved(before, after, counter)
        if held_ns:
            yield f"{label} for {_ms(held_ns)}{_share(before, after, held_ns)}"
        elif _has(before, reason) or _has(after, reason):
            yield label
    if after.other_processes and after.other_sm_percent is None:
        who = "1 other process has" if after.other_processes == 1 else "other processes have"
        yield f"{who} the GPU open, and NVML does not report whether it was used"


def _moved(before: DeviceState, after: DeviceState, counter: str) -> int:
    first, last = getattr(before, counter), getattr(after, counter)
    return 0 if first is None or last is None else max(last - first, 0)


def _has(state: DeviceState, reason: ClocksEventReasons) -> bool:
    return bool((state.clock_event_reasons or 0) & reason)


def _ms(nanoseconds: int) -> str:
    return f"{nanoseconds / 1e6:.1f} ms"


def _share(before: DeviceState, after: DeviceState, held_ns: int) -> str:
    passed_us = _passed_us(before, after)
    if passed_us <= 0:
        return ""
    # A step of the counter may hold time from before the round.
    return f" ({min(held_ns / passed_us / 1e3, 1):.0%} of the time)"


def _passed_us(before: DeviceState, after: DeviceState) -> int:
    """Microseconds between two states; 0 if one of them has no time."""
    if before.unix_time_us is None or after.unix_time_us is None:
        return 0
    return after.unix_time_us - before.unix_time_us
