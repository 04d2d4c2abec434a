"""What a watch over nights knew before the last one, so that one more night takes little."""

from __future__ import annotations

import hashlib
from dataclasses import astuple
from typing import Any

import numpy as np
import numpy.typing as npt

from pytest_trtperf.analysis.level_shift import LevelShift
from pytest_trtperf.analysis.night_density import NightDensity
from pytest_trtperf.analysis.night_noise import PARTS, Noise
from pytest_trtperf.analysis.night_state import State

Memory = dict[str, npt.NDArray[Any]]
"""What `watch` knew before the last night, as arrays by name."""

_REMEMBERED = (
    "start", "seen", "before", "mean", "sd", "phi", "variance", "sized", "base", "base_error",
    "running", "last", "gap", "sums", "assumed", "lasts", "gaps", "since", "nights",
)  # fmt: skip
"""The arrays of a watch that change from night to night."""

_WHOLE = (0, 1, 2, 7)
"""The fields of a `LevelShift` that are whole numbers."""


def memory_of(state: State, nights: int) -> Memory:
    """What a watch knows after so many nights."""
    known = {f"known_{name}": getattr(state.known, name).copy() for name in PARTS}
    return {
        **{name: getattr(state, name).copy() for name in _REMEMBERED},
        **known,
        "counts": state.density.counts.copy(),
        "shifts": np.array([astuple(shift) for shift in state.shifts]).reshape(-1, 8),
        "passed": np.array(nights),
        "digest": np.array(_digest(state, nights)),
    }


def recall(state: State, memory: Memory) -> int:
    """Goes on from what was known, if that was of the same nights; returns how many."""
    nights = int(memory["passed"])
    same = nights <= state.logs.shape[1] and str(memory["digest"]) == _digest(state, nights)
    if not same:
        return 0
    for name in _REMEMBERED:
        setattr(state, name, memory[name])
    state.known = Noise(*(memory[f"known_{name}"] for name in PARTS))
    state.density = NightDensity(memory["counts"])
    state.shifts = [
        LevelShift(*(int(one) if place in _WHOLE else one for place, one in enumerate(row)))
        for row in memory["shifts"].tolist()
    ]
    return nights


def _digest(state: State, nights: int) -> str:
    logs = state.logs[:, :nights]
    # The bits of NaN, and the sign of zero, depend on how many nights were computed at once.
    alike = np.where(np.isnan(logs), np.nan, logs + 0.0)
    digest = hashlib.blake2b(alike.tobytes())
    digest.update(f"{state.logs.shape[0]} {nights} {state.least}".encode())
    digest.update(state.groups.tobytes())
    return digest.hexdigest()
