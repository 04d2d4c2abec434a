"""Nightly series of medians with steps in them, for the tests of alarm and dating."""

from __future__ import annotations

import math

import numpy as np


def noise(seed, nights, phi=0.0):
    """Stationary normal values of variance 1, each remembering its predecessor."""
    values = np.random.default_rng(seed).normal(size=nights)
    for night in range(1, nights):
        values[night] = phi * values[night - 1] + math.sqrt(1 - phi**2) * values[night]
    return values


def series(seed, nights, *steps, phi=0.0, sd=0.01, level=2.0):
    """Nightly medians in ms; each step is a night and a factor that holds from then on."""
    values = level * np.exp(sd * noise(seed, nights, phi))
    for night, factor in steps:
        values[night:] *= factor
    return values
