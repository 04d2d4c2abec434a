"""How many processors the control groups of this process leave it, as containers limit them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

_MOUNTED = "sys/fs/cgroup"
_NO_LIMIT = ("max", "-1")


def cpu_quota(root: Path = Path("/")) -> float | None:
    """The least quota of the groups that this process is in, in processors; None without one.

    A process that has used it up is stopped until the next period begins, every 100 ms by default.
    https://docs.kernel.org/admin-guide/cgroup-v2.html#cpu-interface-files
    https://docs.kernel.org/scheduler/sched-bwc.html

    Args:
        root: of the file system.
    """
    return min(filter(None, map(_read, _groups(root))), default=None)


def missing_processors() -> str | None:
    """Says that a quota leaves fewer processors than this process may use; None if none does."""
    quota, processors = cpu_quota(), len(os.sched_getaffinity(0))
    if quota is None or quota >= processors:
        return None
    return (
        f"a CPU quota leaves {quota:g} of {processors} processors: its queries are stopped when it "
        f"is used up, and the hardware class, which has x{processors}, does not show it"
    )


def _groups(root: Path) -> Iterator[Path]:
    """The folders of the groups, each followed by those above it."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        return
    for line in lines:
        _, controllers, place = [*line.split(":", 2), "", ""][:3]
        if controllers and "cpu" not in controllers.split(","):
            continue
        top = root / _MOUNTED / controllers
        group = top / place.strip("/")
        yield group
        # In a container the place may be that of the host, and the top is the container's group.
        yield from (one for one in group.parents if one.is_relative_to(top))


def _read(group: Path) -> float | None:
    try:
        if (group / "cpu.max").exists():
            quota, period = (group / "cpu.max").read_text().split()
        else:
            names = ("cpu.cfs_quota_us", "cpu.cfs_period_us")
            quota, period = ((group / name).read_text().strip() for name in names)
        return None if quota in _NO_LIMIT else int(quota) / int(period)
    except (OSError, ValueError, ZeroDivisionError):
        return None
