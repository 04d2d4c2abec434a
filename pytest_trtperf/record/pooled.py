"""Hosts taken together, without what their levels differ by."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from statistics import median

import numpy as np
import numpy.typing as npt

from pytest_trtperf.analysis.summary import FloatArray
from pytest_trtperf.record.observed import Name

POOLED_BELOW = 10
"""Hosts that were seen on fewer nights have no series of their own."""

Rows = dict[tuple[str | None, Name], FloatArray]
"""Values by night, of each host and name; NaN where there is none."""

_LEAST_TESTS = 5
"""Of fewer tests what a host differs by cannot be kept apart from what they do."""


def pooled(
    parts: Rows,
) -> dict[Name, FloatArray]:
    """One row of values by night for each name.

    What a host differs by is the median, over all its numbers of one metric, of how far each is
    from that number's median over all hosts. It is taken off. A host that slows all its tests is
    thus not seen, and a test that got slower on all hosts is.
    """
    logs: dict[Name, dict[str | None, dict[int, float]]] = defaultdict(dict)
    size = 0
    for (host, name), row in parts.items():
        size = row.size
        there = np.flatnonzero(~np.isnan(row))
        values = zip(there.tolist(), np.log(row[there]).tolist(), strict=True)
        logs[name][host] = dict(values)
    offsets: dict[tuple[str | None, str], float] = {}
    for _ in range(2):
        found: dict[tuple[str | None, str], list[float]] = defaultdict(list)
        for name, hosts in logs.items():
            middle = median(
                value - offsets.get((host, name.kind), 0.0)
                for host, these in hosts.items()
                for value in these.values()
            )
            for host, these in hosts.items():
                found[host, name.kind].append(median(these.values()) - middle)
        offsets = {at: median(all) for at, all in found.items() if len(all) >= _LEAST_TESTS}
    rows: dict[Name, FloatArray] = {}
    for name, hosts in logs.items():
        nights: dict[int, list[float]] = defaultdict(list)
        for host, these in hosts.items():
            for night, value in these.items():
                nights[night].append(value - offsets.get((host, name.kind), 0.0))
        rows[name] = np.full(size, np.nan)
        for night, found_there in nights.items():
            rows[name][night] = math.exp(median(found_there))
    return rows


def moving(rows: Rows) -> Rows:
    """Of tests that move between hosts: each host has them on fewer than half of their nights."""
    nights: dict[Name, npt.NDArray[np.bool_]] = {}
    most: Counter[Name] = Counter()
    for (_, name), row in rows.items():
        there = ~np.isnan(row)
        nights[name] = nights[name] | there if name in nights else there
        most[name] = max(most[name], int(np.count_nonzero(there)))
    names = {name for name, count in most.items() if 2 * count < np.count_nonzero(nights[name])}
    return {at: row for at, row in rows.items() if at[1] in names}
