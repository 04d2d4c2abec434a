"""Watches all series of a fleet, night by night, for a change of level."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from pytest_trtperf.analysis.level_shift import LevelShift
from pytest_trtperf.analysis.night_density import IntArray
from pytest_trtperf.analysis.night_memory import Memory, memory_of, recall
from pytest_trtperf.analysis.night_state import State
from pytest_trtperf.analysis.summary import FloatArray

LEAST = 0.01
"""The smallest change that is reported: 0.01 is 1 %."""


@dataclass
class Watched:
    """The result: the changes of each series in order, and what it is compared with at the end.

    `level` (logarithm) and `sd` are NaN where a series is too short; `start` is the column at which
    the present level began.
    """

    shifts: list[LevelShift]
    level: FloatArray
    sd: FloatArray
    phi: FloatArray
    start: IntArray
    memory: Memory


def watch(
    logs: FloatArray, groups: IntArray, least: float = LEAST, memory: Memory | None = None
) -> Watched:
    """The changes of level of all series.

    Args:
        memory: that of an earlier call, which is gone on from where the nights before are the same.
        logs: logarithms of the nightly values, more being worse: a row for each series, a column
            for each night, NaN where it was not measured.
        groups: of each series what it resembles in noise, such as its metric.
        least: the smallest change of interest (0.01 is 1 %).

    Raises:
        ValueError: `least` is not in (0, 1].
    """
    if not 0 < least <= 1:
        raise ValueError(f"the smallest change {least} is not in (0, 1]")
    state = State(logs, groups, math.log1p(least))
    with np.errstate(invalid="ignore", divide="ignore"):
        begin = recall(state, memory) if memory else 0
        kept: Memory = memory if memory and begin else {}
        for night in range(begin, logs.shape[1]):
            if night == logs.shape[1] - 1:
                kept = memory_of(state, night)
            state.pass_night(night)
    return Watched(state.shifts, state.mean, state.sd, state.phi, state.start, kept)
