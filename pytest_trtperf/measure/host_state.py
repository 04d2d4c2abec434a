"""How long the threads of a session waited for a processor, read from the Linux kernel."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pytest_trtperf.text import counted

CONTENDED = 0.05
"""The host counts as busy if other processes take this share of the time, or more."""

TAIL_CONTENDED = 0.01
"""From this share on, other processes may cause the slowest 1 % of queries."""

BUSY_LOAD = 0.5
"""Processes that run or wait, per processor, from which on a machine is busy before a run."""

_STAT = Path("/proc/stat")
_CPUCLOCK_SCHED = 2
_NS_PER_TICK = 10**9 // os.sysconf("SC_CLK_TCK")
_BUSY = ("user", "nice", "system", "irq", "softirq")
_COLUMNS = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")


@dataclass(frozen=True)
class HostState:
    """Nanoseconds since an arbitrary start, summed over threads or processors.

    Attributes:
        ran: threads of the session's process, including ended ones, ran on a processor.
        waited: living threads of that process were ready to run but had no processor.
        busy: processors ran any process.
        stolen: the hypervisor gave processors to other machines.
    """

    ran: int
    waited: int
    busy: int
    stolen: int


def read_host_state(pid: int | None = None) -> HostState | None:
    """Reads the kernel's counters; None where it does not report them.

    Args:
        pid: of the process that a session runs in; None for this process.
    """
    pid = pid or os.getpid()
    try:
        threads = [_thread(task) for task in Path(f"/proc/{pid}/task").iterdir()]
        ran = time.clock_gettime_ns(_cpu_clock(pid))
        words = _STAT.read_text().split(maxsplit=len(_COLUMNS) + 1)[1 : len(_COLUMNS) + 1]
        ticks = dict(zip(_COLUMNS, map(int, words), strict=True))
    except (OSError, ValueError):
        return None
    active, waited = (sum(column) for column in zip(*threads, strict=True))
    # A kernel without these counters reports zeros.
    if not active:
        return None
    busy = sum(ticks[name] for name in _BUSY) * _NS_PER_TICK
    return HostState(ran, waited, busy, ticks["steal"] * _NS_PER_TICK)


def load_before() -> str | None:
    """How busy the machine was in the last minute, in words; None where it was free or is unknown.

    Meant for the time before anything is measured: what measures itself counts, too.
    """
    try:
        load = os.getloadavg()[0]
    except OSError:
        return None
    processors = len(os.sched_getaffinity(0))
    if load < BUSY_LOAD * processors:
        return None
    return f"load {load:.1f} on {counted(processors, 'processor')}"


def contention(before: HostState | None, after: HostState | None) -> float | None:
    """Of the time in which our threads were ready to run, the share that others ran instead.

    The wait counts up to the time that other processes ran, since threads of ours that wait for
    one another are no contention. Stolen time counts by their process's share of the busy time.
    None if unknown.
    """
    if before is None or after is None:
        return None
    ran, waited, busy, stolen = (
        max(getattr(after, name) - getattr(before, name), 0) for name in vars(before)
    )
    stolen_here = stolen * (min(ran / busy, 1.0) if busy else 1.0)
    lost = min(waited, max(busy - ran, 0)) + stolen_here
    return lost / (ran + waited + stolen_here) if lost else 0.0


def mean_contention(shares: Iterable[float | None]) -> float | None:
    """The mean over rounds; None if it is unknown for all."""
    known = [share for share in shares if share is not None]
    return sum(known) / len(known) if known else None


def _cpu_clock(pid: int) -> int:
    """The clock of a process's time on processors, as `clock_getcpuclockid` gives it on Linux."""
    return ~pid << 3 | _CPUCLOCK_SCHED


def _thread(task: Path) -> tuple[int, int]:
    """Nanoseconds that a thread ran and waited; zeros if it has just ended."""
    try:
        ran, waited, _ = (task / "schedstat").read_text().split()
    except FileNotFoundError:
        return 0, 0
    return int(ran), int(waited)
