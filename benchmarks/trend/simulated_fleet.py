"""Nights of a fleet, drawn at random: hosts, tests and metrics, with noise of several kinds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from scipy import signal

from pytest_trtperf.analysis.gates import Gate, closed_load_gates
from pytest_trtperf.analysis.summary import FloatArray
from pytest_trtperf.record.history import Night, Series

GATES: tuple[Gate, ...] = closed_load_gates({"gpu_compute"})
SHARED = 0.8
"""Of the variance of a metric what it has in common with the others of its measurement."""


@dataclass(frozen=True)
class Fleet:
    """A kind of fleet.

    `noise` is the standard deviation from night to night, `phi` its autocorrelation, `odd` the
    share of odd nights. `family` is normal, t3 (heavy tails), states (two levels 1 % apart, of 10
    nights on average) or mild: odd nights are 3 to 30 % slower there, and 30 % in the others. With
    `moving` each test is on one of the hosts each night.
    """

    tests: int = 300
    hosts: int = 4
    nights: int = 365
    noise: float = 0.01
    phi: float = 0.0
    family: str = "normal"
    odd: float = 0.05
    missing: float = 0.1
    moving: bool = False

    def draw(self, random: np.random.Generator) -> FloatArray:
        """Logarithms by host, test, metric and night; NaN where nothing was measured."""
        units = self.hosts, self.tests, 1, self.nights
        whole = self.hosts, self.tests, len(GATES), self.nights
        shared, own = self._noise(random, units), self._noise(random, whole)
        logs: FloatArray = self.noise * (np.sqrt(SHARED) * shared + np.sqrt(1 - SHARED) * own)
        if self.family == "states":
            logs += 0.01 * (np.cumsum(random.random(units) < 0.1, axis=-1) % 2)
        sizes = random.uniform(0.03, 0.3, units) if self.family == "mild" else 0.3
        logs += (random.random(units) < self.odd) * np.log1p(sizes)
        logs += 0.04 * np.arange(self.hosts)[:, None, None, None] / max(self.hosts - 1, 1)
        gone = random.random(units) < self.missing
        if self.moving:
            place = random.integers(self.hosts, size=(1, self.tests, 1, self.nights))
            gone |= place != np.arange(self.hosts)[:, None, None, None]
        return np.where(gone, np.nan, logs)

    def _noise(self, random: np.random.Generator, shape: tuple[int, ...]) -> FloatArray:
        shocks = random.normal(size=shape)
        if self.family == "t3":
            shocks = random.standard_t(3, size=shape) / np.sqrt(3)
        shocks[..., 1:] *= np.sqrt(1 - self.phi**2)
        rows: FloatArray = signal.lfilter([1.0], [1.0, -self.phi], shocks, axis=-1)
        return rows


def series_of(logs: FloatArray) -> list[Series]:
    """What a history makes of it."""
    first = date(2026, 1, 1)
    days = [(first + timedelta(days=night)).isoformat() for night in range(logs.shape[-1])]
    nights = [Night(f"{day}T02:00:00Z", f"{day}.json", day, day) for day in days]
    found = []
    for host, tests in enumerate(logs):
        for test, metrics in enumerate(tests):
            key = f"tests/test_models.py::test_model[{test}]"
            for gate, values in zip(GATES, metrics, strict=True):
                signed = -values if gate.kind == "throughput" else values
                row = np.exp(signed)
                if not np.isnan(row).all():
                    found.append(
                        Series("h200", "tensorrt", key, gate, nights, row, f"lab{host}", key)
                    )
    return found
