"""What a comparison says of one number, and the levels that it is judged at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pytest_trtperf.analysis.spread import Spread, StoredRun
from pytest_trtperf.analysis.verdict import Verdict

INTERVAL = 0.95
"""The level of an interval, of one number."""

SUSPICIOUS = 0.08
"""The share of unchanged tests that may be suspicious after one session."""

RED_BY_CHANCE = 0.05
"""The share of runs of unchanged tests in which chance may fail any of them."""

POWER_OF_EACH = 0.94
"""Of each step on the way to a failure, so that the MDE is found in 9 of 10 runs."""

CONFIRMING = 2
"""Fresh sessions that a suspicious number is measured in."""

MOST_RUNS = 8
"""Runs that a baseline keeps."""

MOST_WIDENING = 2.0
"""A tolerance is widened to so many times itself at most."""

EXTREME = 10.0
"""A change of so many standard deviations needs no fresh session."""

LEAST_EXTREME = 0.25
"""A change of less than this, as a share, always needs fresh sessions."""

EXTREME_RATIO = 3.0
"""Nor does a number that is so many times worse."""


@dataclass(frozen=True)
class Baseline:
    """What one number of a measurement is compared with.

    Attributes:
        runs: of the entry.
        spread: of all entries.
    """

    runs: Sequence[StoredRun]
    spread: Spread = Spread()  # frozen


@dataclass(frozen=True)
class Level:
    """What the levels of one number follow from.

    Attributes:
        tolerance: the change that is tolerated, as a share.
        gates: numbers that are compared in a measurement.
        comparisons: measurements that the run compares.
        most_widening: the tolerance is widened to so many times itself at most.
        confirming: sessions that a failure takes.
    """

    tolerance: float
    gates: int = 1
    comparisons: int = 1
    most_widening: float = MOST_WIDENING
    confirming: int = CONFIRMING


@dataclass(frozen=True)
class Change:
    """A metric against its baseline; `ratio` is current / baseline, `lower` and `upper` its bounds.

    Attributes:
        ratio: of the engine; without the machine's `shift` where one is allowed for.
        lower: bound of the 95 % interval; likewise `upper`.
        current: geometric mean in the metric's unit; likewise `baseline`.
        improved: the metric is surely better by more than the tolerance.
        widened: the tolerance that the evidence supports, as a share; at least the given one.
        finds: the slowdown that would be found with 90 % power, as a share (MDE).
        suspicious: fresh sessions are to decide.
        suspicion: how far the change is from what chance explains, in standard deviations.
        shift: how much slower the machine is, as a share; 0 where that is not allowed for.
        controls: unchanged engines that the shift comes from.
        odd_runs: labels of the baseline's runs that were left out.
        runs: that were compared with.
        sessions: that are judged.
        runs_needed: in the baseline, before a noisy number can be decided; None if no number of
            them is enough, or none is needed.
    """

    verdict: Verdict
    ratio: float
    lower: float
    upper: float
    current: float
    baseline: float
    improved: bool
    widened: float
    finds: float
    suspicious: bool
    suspicion: float
    shift: float
    controls: int
    odd_runs: tuple[str, ...]
    runs: int
    sessions: int
    runs_needed: int | None
