"""Series of fleets whose tests change on known nights."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np

from pytest_trtperf.analysis.gates import closed_load_gates
from pytest_trtperf.record.history import Night, Series

GATES = closed_load_gates({"gpu_compute"})
NIGHTS = 110
FIRST = date(2026, 1, 1)


def day(night):
    """The date of a night."""
    return (FIRST + timedelta(days=night)).isoformat()


def fleet(changes, tests=15, hosts=2, noise=0.01, software=None):
    """Series of a fleet; changes are host, tests, night and factor."""
    random = np.random.default_rng(4)
    found = []
    for host in range(hosts):
        nights = [
            Night(day(night), f"{host}-{night}.json", f"{night}", day(night),
                  (software or (lambda *_: {}))(host, night))
            for night in range(NIGHTS)
        ]  # fmt: skip
        for test in range(tests):
            level = 0.04 * host + noise * random.normal(size=NIGHTS)
            for at, which, night, factor in changes:
                if at == host and test in which:
                    level[night:] += np.log(factor)
            for gate in GATES:
                sign = -1 if gate.kind == "throughput" else 1
                values = np.exp(sign * (level + noise / 3 * random.normal(size=NIGHTS)))
                found.append(Series("h200", "tensorrt", f"t{test}", gate, nights, values,
                                    f"lab{host}", f"t{test}"))  # fmt: skip
    return found
