"""The comparison with a baseline: is the metric worse by more than a tolerance?"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from scipy import special

from pytest_trtperf.analysis.percent import signed_percent
from pytest_trtperf.analysis.summary import bounded_exp
from pytest_trtperf.analysis.verdict import Reason, Status, Verdict, keeps_limit

LOOKS = (5, 8, 12, 16, 20)
"""Numbers of rounds at which a verdict is asked for; alpha is shared among these looks."""

ALPHA = 0.01
"""The level of all looks at all numbers that are compared, on either side."""

LEAST_RUNS = 5
"""From this many baseline runs on, their own spread alone is the run-to-run spread."""

FEW_RUNS_ALPHA = 0.05
"""The level for the spread of two to four runs: at 1 % two would support no tolerance at all."""

SENSITIVITY = 1.5
"""How much more than a fixed calculation an engine may feel a slower machine, as a power."""

# a change of exactly the tolerance must not fail on the rounding of a logarithm
_SLACK = 1e-12


@dataclass(frozen=True)
class Change:
    """A metric against its baseline; `ratio` is current / baseline, `lower` and `upper` its bounds.

    `current` and `baseline` are geometric means over rounds in the metric's unit. `improved` says
    that the metric is surely better by more than the tolerance. `supported` is the
    smallest change, as a share, that chance and disturbance do not explain.
    """

    verdict: Verdict
    ratio: float
    lower: float
    upper: float
    current: float
    baseline: float
    improved: bool
    supported: float


class _Interval(NamedTuple):
    lower: float
    upper: float


class _Sample:
    """A few logarithms, whose figures do not depend on their order; numpy is slow on so few."""

    def __init__(self, values: list[float]) -> None:
        self.values, self.size = values, len(values)
        self.mean = math.fsum(values) / self.size
        self.squares = math.fsum([(value - self.mean) ** 2 for value in values])

    @classmethod
    def of(cls, values: Iterable[float]) -> _Sample:
        # Not `positive_samples`: for five values numpy takes longer than all that follows.
        samples = [float(value) for value in values]
        if not samples:
            raise ValueError("no samples: a comparison needs at least one value on each side")
        for place, value in enumerate(samples):
            if not 0 < value < math.inf:
                raise ValueError(f"sample {place} is {value}: it must be positive and finite")
        return cls([math.log(value) for value in samples])


def judge_change(
    current: Iterable[float],
    runs: Sequence[Iterable[float]],
    tolerance: float,
    higher_is_better: bool = False,
    alpha: float = ALPHA / len(LOOKS),
    disturbance: float = 0.0,
) -> Change:
    """Judge the rounds of this run against the rounds of each baseline run.

    Works on logarithms of one value a round (a median, a percentile, a throughput). The interval
    of the difference is that of Welch (1947), each side at level 1 - alpha. Worse by more than
    `tolerance` (0.05 is 5 %) is a regression: PASS if none of the interval lies beyond, FAIL if
    all of it does, and lies beyond what the runs can support as well, see `_supported_tolerance`.
    For a metric where higher is better the limit is 1 / (1 + tolerance).

    Args:
        disturbance: a change, as a share, that circumstances of this run alone can make.

    Raises:
        ValueError: a value is not positive and finite, a run is empty, there are no runs, or
            `tolerance` is not in (0, 3] or `alpha` not in (0, 0.5).
    """
    _check_options(tolerance, alpha)
    now, logs = _Sample.of(current), [_Sample.of(run) for run in runs]
    if not logs:
        raise ValueError("no baseline runs: there is nothing to compare with")
    before = _Sample([value for run in logs for value in run.values])
    change = now.mean - before.mean
    interval = _interval(now, before, change, alpha)
    supported = max(_supported_tolerance(logs), disturbance)
    verdict = _verdict(change, interval, tolerance, supported, higher_is_better)
    return Change(
        verdict=verdict,
        ratio=verdict.value,
        lower=0.0 if verdict.lower is None else verdict.lower,
        upper=math.inf if verdict.upper is None else verdict.upper,
        current=math.exp(now.mean),
        baseline=math.exp(before.mean),
        improved=interval is not None
        and _is_better(interval, math.log1p(max(tolerance, supported)), higher_is_better),
        supported=supported,
    )


def allow_for_machine(change: Change, machine: float, tolerance: float) -> Change:
    """A change, made inconclusive where a faster or slower machine may explain it.

    A slower machine does not explain a regression that stays beyond the tolerance once the engine
    is allowed `SENSITIVITY` times what made the machine slower. The same holds for the estimate
    alone. A pass stands unless a faster machine hides a regression, by the same measure.

    Args:
        machine: what a fixed calculation takes now over what it took, as a ratio.
    """
    verdict = change.verdict
    slower = 1 / change.ratio if verdict.higher_is_better else change.ratio
    felt, unfelt = machine**SENSITIVITY, machine ** (1 / SENSITIVITY)
    regressed = slower / (felt if machine > 1 else unfelt) > 1 + tolerance
    improved = slower / (felt if machine < 1 else unfelt) < 1 / (1 + tolerance)
    change = replace(change, improved=change.improved and improved)
    contradicted = (
        regressed if verdict.status is Status.PASS else not (keeps_limit(verdict) or regressed)
    )
    if verdict.lower is None or not contradicted:
        return change
    message = (
        f"a fixed calculation takes {signed_percent(machine - 1)} since the baseline was "
        "recorded, so the machine itself may have changed"
    )
    verdict = replace(
        verdict, status=Status.INCONCLUSIVE, reason=Reason.MACHINE_CHANGED, message=message
    )
    return replace(change, verdict=verdict)


def _supported_tolerance(runs: Sequence[_Sample], alpha: float = ALPHA) -> float:
    """The change that one further run exceeds by chance with probability alpha, as a share.

    t * s * sqrt(1 + 1 / S) for S runs (Hahn & Meeker 1991), where s is the standard deviation of
    their means. Fewer than `LEAST_RUNS` estimate that badly: then it is at `FEW_RUNS_ALPHA`, and
    runs are taken to differ at least as rounds do within them. The run that is judged has no say:
    a slowdown of some queries makes its rounds differ. Looking again, or at another number, draws
    no other run, so alpha is not shared. 0 where there is no spread.

    Args:
        runs: logarithms of one value a round.
    """
    means = [_Sample([run.mean for run in runs])]
    if len(runs) >= LEAST_RUNS:
        margin = _prediction_margin(means, alpha)
    else:
        few = _prediction_margin(means, max(alpha, FEW_RUNS_ALPHA))
        margin = max(few, _prediction_margin(runs, alpha))
    return bounded_exp(margin * math.sqrt(1 + 1 / len(runs))) - 1


def why_undecidable(change: Change, tolerance: float) -> str | None:
    """Why not even the estimate may decide an inconclusive change; None where it may."""
    if change.verdict.reason == Reason.TOO_FEW_ROUNDS:
        return "one side has a single round, which shows no spread"
    if change.lower < 1 / (1 + tolerance) and change.upper > 1 + tolerance:
        lower, upper = (signed_percent(bound - 1, 0) for bound in (change.lower, change.upper))
        return f"too noisy to decide, from {lower} to {upper}"
    allowed = 1 + change.supported
    beyond = not 1 / (1 + tolerance) <= change.ratio <= 1 + tolerance
    if beyond and 1 / allowed <= change.ratio <= allowed:
        return f"the run-to-run spread alone may be up to {change.supported:.1%}"
    return None


def _prediction_margin(groups: Sequence[_Sample], alpha: float) -> float:
    """t times the standard deviation that the groups have in common; 0 without any spread."""
    freedom = sum(group.size - 1 for group in groups)
    if freedom < 1:
        return 0.0
    squares = math.fsum(group.squares for group in groups)
    return float(special.stdtrit(freedom, 1 - alpha)) * math.sqrt(squares / freedom)


def _interval(now: _Sample, before: _Sample, change: float, alpha: float) -> _Interval | None:
    """Bounds on the change of the logarithm; None where a side has one round and so no spread."""
    if now.size < 2 or before.size < 2:
        return None
    half = _welch_half_width(now, before, alpha)
    return _Interval(change - half, change + half)


def _welch_half_width(now: _Sample, before: _Sample, alpha: float) -> float:
    """Half the interval of a difference of means with unequal variances (Welch 1947)."""
    a, b = (side.squares / (side.size - 1) / side.size for side in (now, before))
    if a + b == 0:
        return 0.0
    share = a / (a + b)
    freedom = 1 / (share**2 / (now.size - 1) + (1 - share) ** 2 / (before.size - 1))
    return float(special.stdtrit(freedom, 1 - alpha)) * math.sqrt(a + b)


def _verdict(
    change: float,
    interval: _Interval | None,
    tolerance: float,
    supported: float,
    higher_is_better: bool,
) -> Verdict:
    allowed = max(tolerance, supported)
    status, reason = _decide(interval, tolerance, allowed, higher_is_better)
    ratio = bounded_exp(change)
    bounds = interval and _Interval(bounded_exp(interval.lower), bounded_exp(interval.upper))
    return Verdict(
        status=status,
        reason=reason,
        message="",
        value=ratio,
        lower=bounds and bounds.lower,
        upper=bounds and bounds.upper,
        limit=1 / (1 + allowed) if higher_is_better else 1 + allowed,
        higher_is_better=higher_is_better,
    )


def _decide(
    interval: _Interval | None, tolerance: float, allowed: float, higher_is_better: bool
) -> tuple[Status, Reason]:
    if interval is None:
        return Status.INCONCLUSIVE, Reason.TOO_FEW_ROUNDS
    worse = _worsening(interval, higher_is_better)
    if worse.lower > math.log1p(allowed) + _SLACK:
        return Status.FAIL, Reason.UNDER_LIMIT if higher_is_better else Reason.OVER_LIMIT
    if worse.upper <= math.log1p(tolerance) + _SLACK:
        return Status.PASS, Reason.WITHIN_LIMIT
    return Status.INCONCLUSIVE, Reason.OVERLAPS_LIMIT


def _is_better(interval: _Interval, allowed: float, higher_is_better: bool) -> bool:
    return _worsening(interval, higher_is_better).upper < -allowed


def _worsening(interval: _Interval, higher_is_better: bool) -> _Interval:
    """The interval with its sign turned so that more is always worse."""
    if higher_is_better:
        return _Interval(-interval.upper, -interval.lower)
    return interval


def _check_options(tolerance: float, alpha: float) -> None:
    if not 0 < tolerance <= 3:
        raise ValueError(f"tolerance {tolerance} is not in (0, 3]; 0.05 stands for 5 %")
    if not 0 < alpha < 0.5:
        raise ValueError(f"alpha {alpha} is not between 0 and 0.5")
