"""How long the threads of this process waited for a processor, told by the Linux kernel."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

CONTENDED = 0.05
"""A host that gives this share of its time to others, or more, is a busy one."""

TAIL_CONTENDED = 0.01
"""From this share on, the slowest queries in a hundred may be the work of others."""

_TASKS = Path("/proc/self/task")
_STAT = Path("/proc/stat")
_NS_PER_TICK = 10**9 // os.sysconf("SC_CLK_TCK")
_BUSY = ("user", "nice", "system", "irq", "softirq")
_COLUMNS = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")


@dataclass(frozen=True)
class HostState:
    """Nanoseconds since some start, summed over threads or processors.

    Attributes:
        ran: of the threads of this process, ended ones too, on a processor.
        waited: of its threads that are alive, ready to run without a processor.
        busy: of all processors, whoever ran on them.
        stolen: of all processors, which the hypervisor gave to other machines.
    """

    ran: int
    waited: int
    busy: int
    stolen: int


def read_host_state() -> HostState | None:
    """A look at the kernel's counters; None where it does not tell."""
    try:
        threads = [_thread(task) for task in _TASKS.iterdir()]
        words = _STAT.read_text().split(maxsplit=len(_COLUMNS) + 1)[1 : len(_COLUMNS) + 1]
        ticks = dict(zip(_COLUMNS, map(int, words), strict=True))
    except (OSError, ValueError):
        return None
    counted, waited = (sum(column) for column in zip(*threads, strict=True))
    # A kernel that keeps no such counts has zeros in their place.
    if not counted:
        return None
    busy = sum(ticks[name] for name in _BUSY) * _NS_PER_TICK
    return HostState(time.process_time_ns(), waited, busy, ticks["steal"] * _NS_PER_TICK)


def contention(before: HostState | None, after: HostState | None) -> float | None:
    """The share of the time in which threads wanted to run that others ran in their place.

    Threads that wait for one another are no contention: no more counts than what others ran. What
    the hypervisor took counts too, by this process's part of all that ran. None where it is not
    known.
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
    """Over rounds; None where no round knows."""
    known = [share for share in shares if share is not None]
    return sum(known) / len(known) if known else None


def _thread(task: Path) -> tuple[int, int]:
    """Nanoseconds that a thread ran and waited; none of one that has just ended."""
    try:
        ran, waited, _ = (task / "schedstat").read_text().split()
    except FileNotFoundError:
        return 0, 0
    return int(ran), int(waited)
