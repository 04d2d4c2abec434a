"""Sessions and runs for the tests of comparisons."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from pytest_trtperf.analysis.change import Baseline, Change, Level
from pytest_trtperf.analysis.moderation import Variance
from pytest_trtperf.analysis.regression import judge_change
from pytest_trtperf.analysis.shift import Shift
from pytest_trtperf.analysis.spread import SessionFigure, Spread, StoredRun

SAME_DAY = Variance(0.0, 100.0)
KNOWN = Spread(session=Variance(0.003**2, 200.0), day=SAME_DAY)
"""Of a repository whose sessions vary by 0.3 %."""


def session(level: float) -> SessionFigure:
    """Five equal rounds, as a ratio of the engine's."""
    return SessionFigure.of([level] * 5)


def run(*levels: float, label: str = "a") -> StoredRun:
    """A session for each level."""
    return StoredRun(label, tuple(map(session, levels)))


def judge(
    levels: Iterable[float],
    runs: Sequence[StoredRun] = (run(1.0, 1.0, 1.0),),
    tolerance: float = 0.02,
    *,
    spread: Spread = KNOWN,
    gates: int = 1,
    tests: int = 1,
    higher_is_better: bool = False,
    shift: Shift | None = None,
    disturbance: float = 0.0,
) -> Change:
    """Sessions of these levels against runs."""
    return judge_change(
        [session(level) for level in levels],
        Baseline(runs, spread),
        Level(tolerance, gates, tests),
        higher_is_better=higher_is_better,
        shift=shift,
        disturbance=disturbance,
    )


def shift(share: float, sd: float = 0.0005, controls: int = 20) -> Shift:
    """A machine that is slower by a share."""
    spread = Variance(sd**2 * controls, controls - 1.0)
    return Shift(math.log1p(share), Variance(sd**2, controls - 1.0), spread, controls)
