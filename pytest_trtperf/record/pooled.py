"""Hosts taken together, without what their levels differ by."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from statistics import median

from pytest_trtperf.record.observed import Name

POOLED_BELOW = 10
"""Hosts that were seen on fewer nights have no series of their own."""

_LEAST_TESTS = 5
"""Of fewer tests what a host differs by cannot be kept apart from what they do."""


def pooled(
    parts: Mapping[tuple[str | None, Name], Mapping[str, float]],
) -> dict[Name, dict[str, float]]:
    """One row of values by night for each name.

    What a host differs by is the median, over all its numbers of one metric, of how far each is
    from that number's median over all hosts. It is taken off. A host that slows all its tests is
    thus not seen, and a test that got slower on all hosts is.
    """
    logs: dict[Name, dict[str | None, dict[str, float]]] = defaultdict(dict)
    for (host, name), values in parts.items():
        logs[name][host] = {night: math.log(value) for night, value in values.items()}
    offsets: dict[tuple[str | None, str], float] = {}
    for _ in range(2):
        found: dict[tuple[str | None, str], list[float]] = defaultdict(list)
        for name, hosts in logs.items():
            middle = median(
                value - offsets.get((host, name.kind), 0.0)
                for host, values in hosts.items()
                for value in values.values()
            )
            for host, values in hosts.items():
                found[host, name.kind].append(median(values.values()) - middle)
        offsets = {at: median(all) for at, all in found.items() if len(all) >= _LEAST_TESTS}
    rows: dict[Name, dict[str, float]] = {}
    for name, hosts in logs.items():
        nights: dict[str, list[float]] = defaultdict(list)
        for host, values in hosts.items():
            for night, value in values.items():
                nights[night].append(value - offsets.get((host, name.kind), 0.0))
        rows[name] = {night: math.exp(median(values)) for night, values in nights.items()}
    return rows
