"""The comparison with a baseline: is the metric worse by more than a tolerance?

The rule, as docs/verdicts.md has it: one session first. What looks suspicious in it is measured
in fresh sessions, and they alone decide. A number fails when the 95 % interval lies beyond the
tolerance, each fresh session does, and chance would do as much in fewer than 5 % of runs of
unchanged tests. The interval holds what sessions, runs and days differ by.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from pytest_trtperf.analysis.change import (
    CONFIRMING,
    EXTREME,
    EXTREME_RATIO,
    INTERVAL,
    LEAST_EXTREME,
    MOST_RUNS,
    POWER_OF_EACH,
    RED_BY_CHANCE,
    SUSPICIOUS,
    Baseline,
    Change,
    Level,
)
from pytest_trtperf.analysis.moderation import Variance, quantile, sum_of
from pytest_trtperf.analysis.shift import Shift
from pytest_trtperf.analysis.spread import UNKNOWN, SessionFigure, own_session_variance
from pytest_trtperf.analysis.summary import bounded_exp
from pytest_trtperf.analysis.verdict import Reason, Status, Verdict

LOOKS = (5, 8, 12, 16, 20)
"""Numbers of rounds at which a budget is asked for; alpha is shared among these looks."""

# a change of exactly the tolerance must not fail on the rounding of a logarithm
_SLACK = 1e-12


def judge_change(
    sessions: Sequence[SessionFigure],
    baseline: Baseline,
    level: Level,
    *,
    higher_is_better: bool = False,
    shift: Shift | None = None,
    disturbance: float = 0.0,
) -> Change:
    """Judge the sessions of this run against the runs of a baseline.

    Args:
        sessions: the first one, or the fresh ones that are to confirm what it showed.
        shift: how much slower the machine is today; None where that is not known.
        disturbance: a change, as a share, that circumstances of this run alone can make.

    Raises:
        ValueError: there is no session or no run, or the tolerance is not in (0, 3].
    """
    if not 0 < level.tolerance <= 3:
        raise ValueError(f"tolerance {level.tolerance} is not in (0, 3]; 0.05 stands for 5 %")
    if not sessions or not baseline.runs:
        raise ValueError("no sessions or no baseline runs: there is nothing to compare")
    return _Judgement(sessions, baseline, level, higher_is_better, shift, disturbance).change()


class _Judgement:
    """One number; more is worse in all logarithms."""

    def __init__(
        self,
        sessions: Sequence[SessionFigure],
        baseline: Baseline,
        level: Level,
        higher_is_better: bool,
        shift: Shift | None,
        disturbance: float,
    ) -> None:
        self.sessions, self.level, self.spread = sessions, level, baseline.spread
        self.sign = -1.0 if higher_is_better else 1.0
        self.higher_is_better, self.disturbance = higher_is_better, disturbance
        self.runs = baseline.spread.even_runs(baseline.runs)
        self.odd = tuple(run.label for run in baseline.runs if run not in self.runs)
        self.now = math.fsum(one.mean for one in sessions) / len(sessions)
        self.then = math.fsum(run.mean for run in self.runs) / len(self.runs)
        self.session = self.spread.session.moderated(own_session_variance(self.runs))
        self.run = self._run_variance()
        self.stored = math.fsum(len(run.sessions) for run in self.runs) / len(self.runs)
        self.day, self.shift = self._day(shift)
        self.worse = self._worse(self.now)

    def _day(self, shift: Shift | None) -> tuple[Variance | None, Shift | None]:
        """What days add to the variance: what the day's own shift leaves, where that is known.

        Runs that were recorded on like days do not outvote what unchanged engines show today.
        """
        if shift:
            return shift.variance, shift
        # With one run each nothing shows what days differ by; with more, runs do.
        return self.spread.day or (UNKNOWN if self.spread.run is None else None), None

    def _day_variance(self, runs: int) -> Variance | None:
        """Of the day between this run and so many of the baseline, or of what a shift leaves."""
        if self.day is None or self.shift:
            return self.day
        return Variance(self.day.value * (1 + 1 / runs), self.day.freedom)

    def parts(self, count: int, runs: int) -> list[Variance]:
        """The variances of a change that so many sessions show of so many runs, without days."""
        parts = self._parts(count, runs)
        if self.shift:
            # Engines that feel the machine unlike one another vary around what they have in common.
            usual = sum_of(self._parts(1, len(self.runs))).value
            by_chance = usual * (1 + 2 * math.sqrt(2 / self.shift.controls))
            excess = max(self.shift.spread.value - by_chance, 0.0)
            parts.append(Variance(excess, self.shift.spread.freedom))
        return parts

    def _parts(self, count: int, runs: int) -> list[Variance]:
        if run := self.run:
            few = max(1 / count - 1 / self.stored, 0.0)
            return [
                Variance(run.value * (1 + 1 / runs), run.freedom),
                Variance(self.session.value * few, self.session.freedom),
            ]
        each = 1 / count + 1 / (runs * self.stored)
        return [Variance(self.session.value * each, self.session.freedom)]

    def _run_variance(self) -> Variance | None:
        """Of a run's mean around the entry and its day, as stored."""
        if self.spread.run is None:
            return None
        means = [run.mean - self.spread.shifts.get(run.label, 0.0) for run in self.runs]
        centre = math.fsum(means) / len(means)
        freedom = len(means) - 1
        squares = math.fsum((mean - centre) ** 2 for mean in means)
        return self.spread.run.moderated(Variance(squares / freedom if freedom else 0.0, freedom))

    def variance(self, count: int, runs: int = 0) -> Variance:
        """Of a change that so many sessions show; at least what their own rounds vary by.

        Args:
            runs: that the baseline is taken to have; those that it has unless given.
        """
        runs = runs or len(self.runs)
        day = self._day_variance(runs)
        total = sum_of([*self.parts(count, runs), *([day] if day else [])])
        within = sum_of(
            Variance(one.rounds.value / one.count / len(self.sessions) ** 2, one.rounds.freedom)
            for one in self.sessions
            if one.rounds.freedom
        )
        return max(within, total, key=lambda one: one.value)

    def half_width(self, count: int, runs: int = 0) -> float:
        """Half the 95 % interval of the change; more runs than there are also know more."""
        variance = self.variance(count, runs)
        freedom = variance.freedom + max(runs - len(self.runs), 0) * self.stored
        return quantile((1 + INTERVAL) / 2, freedom) * math.sqrt(variance.value)

    def by_chance(self, count: int, together: int = 1) -> float:
        """What an unchanged number exceeds in few runs only, of all numbers of all tests.

        Each number has its share of the level (Bonferroni); the day is one for all of them, and
        takes half.

        Args:
            count: sessions that the number is the mean of.
            together: such numbers, independent of one another, that all have to exceed it.
        """
        own = sum_of(self.parts(count, len(self.runs)))
        share = RED_BY_CHANCE / 2 / (self.level.gates * self.level.comparisons)
        share = share ** (1 / together)
        limit = quantile(1 - share, own.freedom) * math.sqrt(own.value)
        if day := self._day_variance(len(self.runs)):
            limit += quantile(1 - RED_BY_CHANCE / 2, day.freedom) * math.sqrt(day.value)
        return limit

    def finds(self) -> float:
        """The slowdown that fails with 90 % power in fresh sessions, a logarithm."""
        variance = self.variance(CONFIRMING)
        limit = max(
            math.log1p(self.level.tolerance) + self.half_width(CONFIRMING),
            self.by_chance(CONFIRMING),
        )
        mean = limit + quantile(POWER_OF_EACH, variance.freedom) * math.sqrt(variance.value)
        one = self.variance(1)
        power = POWER_OF_EACH ** (1 / CONFIRMING)
        each = self.by_chance(1, together=CONFIRMING)
        return max(mean, each + quantile(power, one.freedom) * math.sqrt(one.value))

    def is_suspicious(self, variance: Variance, upper: float) -> bool:
        """Whether one session shows more than chance does in most unchanged tests."""
        limit = quantile(1 - SUSPICIOUS / self.level.gates, variance.freedom)
        return upper > math.log1p(self.level.tolerance) + _SLACK and self.worse > max(
            limit * math.sqrt(variance.value), math.log1p(self.disturbance)
        )

    def is_confirmed(self, lower: float) -> bool:
        """Whether fresh sessions show a regression, all together and one beside the other.

        A single one that is far off, as they are where tails are heavy, carries the mean.
        """
        by_chance = max(self.by_chance(len(self.sessions)), math.log1p(self.disturbance))
        if not (
            len(self.sessions) >= self.level.confirming
            and lower > math.log1p(self.level.tolerance) + _SLACK
            and self.worse > by_chance
        ):
            return False
        worst = sorted((self._worse(one.mean) for one in self.sessions), reverse=True)
        count = self.level.confirming
        return worst[count - 1] > self.by_chance(1, together=count)

    def is_extreme(self, variance: Variance) -> bool:
        """Whether the change is far outside every explanation."""
        widest = math.log1p(self.level.tolerance * self.level.most_widening)
        least = max(widest, math.log1p(LEAST_EXTREME), math.log1p(self.disturbance))
        far = max(EXTREME * math.sqrt(variance.value), least)
        return self.worse > min(far, max(math.log(EXTREME_RATIO), math.log1p(self.disturbance)))

    def runs_needed(self, widest: float) -> int | None:
        """Runs with which the interval supports the widest tolerance; None if too many."""
        counts = range(len(self.runs) + 1, MOST_RUNS + 1)
        return next((n for n in counts if 2 * self.half_width(CONFIRMING, n) <= widest), None)

    def change(self) -> Change:
        """All of it."""
        count, variance = len(self.sessions), self.variance(len(self.sessions))
        half = self.half_width(count)
        lower, upper = self.worse - half, self.worse + half
        tolerance = math.log1p(self.level.tolerance)
        widest = math.log1p(self.level.tolerance * self.level.most_widening)
        allowed = max(tolerance, min(max(2 * half, math.log1p(self.disturbance)), widest))
        each_shows_it = all(self._worse(one.mean) > tolerance + _SLACK for one in self.sessions)
        if each_shows_it and (self.is_confirmed(lower) or self.is_extreme(variance)):
            status = Status.FAIL
            reason = Reason.UNDER_LIMIT if self.higher_is_better else Reason.OVER_LIMIT
        elif upper <= allowed + _SLACK:
            status, reason = Status.PASS, Reason.WITHIN_LIMIT
            if self.worse + (self.shift.value if self.shift else 0.0) > allowed:
                reason = Reason.ENVIRONMENT
        else:
            status, reason = Status.INCONCLUSIVE, Reason.OVERLAPS_LIMIT
            if 2 * half > widest:
                reason = Reason.TOO_NOISY
            elif count < CONFIRMING and lower > tolerance:
                reason = Reason.ONE_SESSION
        bounds = (-upper, -lower) if self.higher_is_better else (lower, upper)
        limit = bounded_exp(allowed)
        verdict = Verdict(
            status=status,
            reason=reason,
            message="",
            value=bounded_exp(self.sign * self.worse),
            lower=bounded_exp(bounds[0]),
            upper=bounded_exp(bounds[1]),
            limit=1 / limit if self.higher_is_better else limit,
            higher_is_better=self.higher_is_better,
        )
        return Change(
            verdict=verdict,
            ratio=verdict.value,
            lower=bounded_exp(bounds[0]),
            upper=bounded_exp(bounds[1]),
            current=math.exp(self.now),
            baseline=math.exp(self.then),
            improved=upper < -tolerance and -self.worse > self.by_chance(count),
            widened=limit - 1,
            finds=bounded_exp(self.finds()) - 1,
            suspicious=self.is_suspicious(variance, upper),
            suspicion=self.worse / math.sqrt(variance.value) if variance.value else 0.0,
            shift=bounded_exp(self.shift.value) - 1 if self.shift else 0.0,
            controls=self.shift.controls if self.shift else 0,
            odd_runs=self.odd,
            runs=len(self.runs),
            sessions=count,
            runs_needed=self.runs_needed(widest) if reason is Reason.TOO_NOISY else None,
        )

    def _worse(self, log: float) -> float:
        """How much worse than the baseline, of a logarithm."""
        worse = self.sign * (log - self.then)
        return worse - self.shift.value if self.shift else worse
