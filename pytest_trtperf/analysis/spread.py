"""How much unchanged engines differ from session to session and from run to run.

The logarithm of a figure is engine + day + run + session + round. A session is one process; a day
is what all tests of a run share, such as the machine; a run is what is left of an engine between
runs, such as a build. An entry knows little of these with its few runs: all entries of a
hardware class and backend together know more.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from statistics import median

import numpy as np
import numpy.typing as npt

from pytest_trtperf.analysis.moderation import Variance, fit

UNKNOWN = Variance(0.005**2, 4.0)
"""Assumed of sessions where a repository knows next to nothing: 0.5 %, as on GPUs."""

ENOUGH = 10
"""Degrees of freedom from which on a repository's own sessions are all that counts."""

COMMON = 5
"""Entries that a day has to be seen in before it is kept apart from them."""

ROUNDS = 5
"""Rounds of a session that are compared, of equal index: later ones are warmer."""

ODD = 5.0
"""Standard deviations beyond which a run of a baseline is odd, and left out."""

LEAST_ODD = 0.02
"""A run that is less than this off, as a share, is never odd."""


@dataclass(frozen=True)
class SessionFigure:
    """One session: the mean of its rounds' logarithms, and what they vary by.

    Attributes:
        mean: of the logarithms of its first `ROUNDS` rounds.
        rounds: the variance of one round.
    """

    mean: float
    rounds: Variance
    count: int

    @classmethod
    def of(cls, values: Iterable[float]) -> SessionFigure:
        """The figure of a session from one positive value a round.

        Raises:
            ValueError: there is no value, or one that is not positive and finite.
        """
        logs = []
        for place, value in enumerate(values):
            if not 0 < value < math.inf:
                raise ValueError(f"sample {place} is {value}: it must be positive and finite")
            logs.append(math.log(value))
        if not logs:
            raise ValueError("no samples: a comparison needs at least one value on each side")
        logs = logs[:ROUNDS]
        mean = math.fsum(logs) / len(logs)
        squares = math.fsum((log - mean) ** 2 for log in logs)
        freedom = len(logs) - 1
        return cls(mean, Variance(squares / freedom if freedom else 0.0, freedom), len(logs))


@dataclass(frozen=True)
class StoredRun:
    """One run of a baseline entry; entries that were recorded together share the label."""

    label: str
    sessions: tuple[SessionFigure, ...]

    @cached_property
    def mean(self) -> float:
        """Of its sessions."""
        return math.fsum(one.mean for one in self.sessions) / len(self.sessions)

    @cached_property
    def between_sessions(self) -> Variance:
        """The variance of one session around the run."""
        freedom = len(self.sessions) - 1
        squares = math.fsum((one.mean - self.mean) ** 2 for one in self.sessions)
        return Variance(squares / freedom if freedom else 0.0, freedom)


@dataclass(frozen=True)
class Spread:
    """What is known of all entries.

    Attributes:
        session: of one session around its run.
        run: of a run's mean around its entry and its day, as stored, so with the sessions' share;
            None where no entry has two runs.
        day: of what all entries of a run share; None where that is not seen.
        shifts: of each day, by the label of its run.
    """

    session: Variance = UNKNOWN
    run: Variance | None = None
    day: Variance | None = None
    shifts: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, entries: Sequence[Sequence[StoredRun]]) -> Spread:
        """The spread of entries, each given by its runs."""
        session = _session_variance(entries)
        first = cls(session, *_run_variances(entries, session))
        kept = [first.even_runs(runs) for runs in entries]
        if sum(map(len, kept)) == sum(map(len, entries)):
            return first
        return cls(session, *_run_variances(kept, session))

    def even_runs(self, runs: Sequence[StoredRun]) -> list[StoredRun]:
        """The runs without odd ones: at least a majority, all of one or two."""
        even = list(runs)
        means = [run.mean for run in runs]
        if len(even) < 3 or max(means) - min(means) <= math.log1p(LEAST_ODD):
            return even
        while len(even) > 2 and len(even) > len(runs) // 2 + 1:
            distances = [
                abs(run.mean - median(other.mean for other in even if other is not run))
                for run in even
            ]
            worst = max(range(len(even)), key=distances.__getitem__)
            if distances[worst] <= max(math.log1p(LEAST_ODD), ODD * self._of_one_run(even[worst])):
                break
            del even[worst]
        return even

    def _of_one_run(self, run: StoredRun) -> float:
        """The standard deviation of a run around its entry."""
        own = self.run.value if self.run else self.session.value / len(run.sessions)
        return math.sqrt(own + (self.day.value if self.day else 0.0))


def _session_variance(entries: Sequence[Sequence[StoredRun]]) -> Variance:
    """Of sessions around their runs; with few of them mostly `UNKNOWN`, or what rounds vary by."""
    own = [_pooled(run.between_sessions for run in runs) for runs in entries]
    if sum(one.freedom for one in own) >= ENOUGH:
        return fit(own)
    rounds = _pooled(one.rounds for runs in entries for run in runs for one in run.sessions)
    return Variance(max(UNKNOWN.value, rounds.value), UNKNOWN.freedom)


def own_session_variance(runs: Iterable[StoredRun]) -> Variance:
    """Of an entry's sessions around their runs."""
    return _pooled(run.between_sessions for run in runs)


def _pooled(variances: Iterable[Variance]) -> Variance:
    known = [one for one in variances if one.freedom]
    freedom = math.fsum(one.freedom for one in known)
    if not freedom:
        return Variance(0.0, 0.0)
    return Variance(math.fsum(one.value * one.freedom for one in known) / freedom, freedom)


def _run_variances(
    entries: Sequence[Sequence[StoredRun]], session: Variance
) -> tuple[Variance | None, Variance | None, dict[str, float]]:
    """The variance of runs, that of days, and the days' shifts.

    Entry and day are fitted in turns, days by their medians (median polish, Tukey 1977), so that
    one odd run moves neither. Where few entries have several runs, these are taken to differ as
    sessions do.
    """
    several = [runs for runs in entries if len(runs) > 1]
    if not several:
        return None, None, {}
    labels = sorted({run.label for runs in several for run in runs})
    place = {label: index for index, label in enumerate(labels)}
    table = np.full((len(several), len(labels)), np.nan)
    for row, runs in enumerate(several):
        for run in runs:
            table[row, place[run.label]] = run.mean
    table -= np.nanmedian(table, axis=1, keepdims=True)
    common = (~np.isnan(table)).sum(axis=0) >= COMMON
    days = np.zeros(len(labels))
    for _ in range(3):
        rest = table - days
        rest -= np.nanmean(rest, axis=1, keepdims=True)
        if common.any():
            days[common] += np.nanmedian(rest[:, common], axis=0)
    rest = table - days
    rest -= np.nanmean(rest, axis=1, keepdims=True)
    freedom = (~np.isnan(table)).sum(axis=1) - 1.0
    between = Variance(max(UNKNOWN.value, session.value), UNKNOWN.freedom)
    if freedom.sum() >= ENOUGH:
        between = fit(
            Variance(float(squares) / free, float(free))
            for squares, free in zip(np.nansum(rest**2, axis=1), freedom, strict=True)
            if free
        )
    counts = (~np.isnan(table)).sum(axis=0)[common]
    shifts = dict(zip(labels, days.tolist(), strict=True))
    return between, _day_variance(days[common], counts, between), shifts


def _day_variance(
    shifts: npt.NDArray[np.float64], counts: npt.NDArray[np.int64], run: Variance
) -> Variance | None:
    """Of days around one another, without what the medians of so many entries vary by."""
    if shifts.size < 2:
        return None
    by_chance = float((math.pi / 2 * run.value / counts).mean())
    return Variance(max(float(shifts.var(ddof=1)) - by_chance, 0.0), float(shifts.size - 1))
