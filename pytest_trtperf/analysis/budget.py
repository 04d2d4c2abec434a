"""Absolute limits: a percentile of latency, and throughput, judged from the rounds of one run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy import special

from pytest_trtperf.analysis.effective_queries import clustering, drifted, few, parts_of, spread
from pytest_trtperf.analysis.regression import LOOKS
from pytest_trtperf.analysis.summary import FloatArray, finite_samples, percentile, positive_samples
from pytest_trtperf.analysis.verdict import Reason, Status, Verdict

PERCENTILE_ALPHA = 0.05
"""The level of the bound by which a percentile passes."""

LOOK_ALPHA = 0.05 / len(LOOKS)
"""The level of one look by which a percentile fails, and of both bounds of a throughput."""

LEAST_RATIO = 1e-9
"""Below it a number without a unit counts as nothing: verdicts are on logarithms."""

BURST_S = 0.04
"""Bursts of slow queries that a pass must not miss: 100 queries of 0.4 ms, or one slow one."""

LEAST_BURSTS = 3.0
"""As many bursts are expected while a pass is measured, if they hold twice what is allowed.

None of them is seen then in exp(-3), 5 % of runs.
"""

MOST_CORRELATION = 0.95
"""Of successive rounds: of more, their number says nothing about how sure their mean is."""


def least_queries(p: float, alpha: float) -> int:
    """The minimum number of independent queries that bounds the `p`-th percentile (0 to 100).

    The largest of n queries is an upper bound at level 1 - alpha when (p / 100)**n <= alpha
    (Wilks 1941); 299 for P99 at alpha 0.05, 459 at 0.01.

    Raises:
        ValueError: `p` is not strictly between 0 and 100, or `alpha` not between 0 and 0.5.
    """
    _check_level(alpha)
    if not 0 < p < 100:
        raise ValueError(f"percentile {p} cannot be bounded: it must be between 0 and 100")
    # the slack keeps an exact power, such as 0.5**2 == 0.25, from being rounded up
    return max(1, math.ceil(math.log(alpha) / math.log(p / 100) - 1e-9))


def least_seconds(p: float) -> float:
    """The minimum time of rounds in which the `p`-th percentile (0 to 100) can pass: 6 s for P99.

    Queries that are too slow may come in bursts, and a short measurement falls between two of
    them. Of bursts of `BURST_S` that hold twice the allowed share of the time, `LEAST_BURSTS` are
    expected in it.
    """
    return LEAST_BURSTS * BURST_S * 100 / (2 * (100 - p))


def judge_percentile(
    rounds: Sequence[npt.ArrayLike],
    p: float,
    limit: float,
    alpha: float = PERCENTILE_ALPHA,
    fail_alpha: float = LOOK_ALPHA,
    seconds: float = math.inf,
) -> Verdict:
    """Judge whether the `p`-th percentile (0 to 100) is within `limit`; all in milliseconds.

    A round's queries are in the order of time. `value` is trtexec's percentile of the pooled
    rounds. `lower` and `upper` are the limits at which the answer turns: it passes from `upper`
    on, at level 1 - `alpha`, and fails below `lower`, at level 1 - `fail_alpha`. At each limit in
    question the share of queries above it gets the exact binomial bound of Clopper & Pearson (1934)
    for the number of independent queries that the rounds are worth there; `upper` and `lower` are
    the outermost limits at which that bound is undecided, so that a slower engine never fares
    better.

    Queries that depend on each other count for fewer: by bursts inside rounds (`clustering`), and
    by what rounds differ at the limit, their drift taken further (`spread`, `drifted`). A limit
    beyond the reach of the drift does not suffer from it. Long rounds count as several
    (`parts_of`). Nothing passes in less than `least_seconds`.

    The levels hold for one look; those at a growing measurement add up. Five looks pass 4 to 8 % of
    simulated runs whose true P99 is the limit (benchmarks/verdicts/budget_boundary.py), but more
    when slow queries come in bursts so rare and long that many rounds have none.

    Args:
        seconds: of all rounds; by default long enough, in rounds that are not long.

    Raises:
        ValueError: a round is empty or not finite, or `p`, `limit` or a level is out of range.
    """
    least = least_queries(p, alpha)
    _check_level(fail_alpha)
    _check_limit(limit)
    samples = [finite_samples(one) for one in rounds]
    if not samples:
        raise ValueError("no rounds: a budget needs at least one")
    queries = sum(one.size for one in samples)
    value = percentile(np.concatenate(samples), p)
    text = f"P{p:g} {value:.4g} ms"
    if len(samples) < 2:
        return _too_few_rounds(text, value, limit)
    parts = parts_of(samples, math.ceil(1 / (1 - p / 100)), seconds, LOOKS[-1])
    in_bursts = clustering(samples, 1 - p / 100, alpha)
    lower, upper = _percentile_bounds(parts, p, in_bursts, alpha, fail_alpha)
    if upper is None and (lower is None or limit >= lower):
        needed = math.ceil(least * in_bursts)
        time = f", {needed / queries * seconds:.3g} s" if math.isfinite(seconds) else ""
        message = f"{text}: {queries} queries cannot bound it, about {needed} are needed{time}"
        return Verdict(
            Status.INCONCLUSIVE, Reason.TOO_FEW_QUERIES, message, value, lower, upper, limit
        )
    verdict = _judged(text, "ms", value, lower, upper, limit, higher_is_better=False)
    if verdict.status is not Status.PASS or not math.isfinite(seconds):
        return verdict
    least_s = least_seconds(p)
    if seconds >= least_s:
        time = f"in {seconds:.3g} s of rounds ({least_s:.2g} s at least)"
        return replace(verdict, message=f"{verdict.message} {time}")
    message = (
        f"{verdict.message} as far as {seconds:.2g} s of rounds show: slow queries may come in "
        f"bursts, and a pass takes {least_s:.2g} s at least"
    )
    return replace(verdict, status=Status.INCONCLUSIVE, reason=Reason.SHORT_TIME, message=message)


def judge_throughput(rounds_qps: npt.ArrayLike, limit: float, alpha: float = LOOK_ALPHA) -> Verdict:
    """Judge whether throughput reaches `limit`, from one value a round in the order of time.

    All in queries a second. `value` is the geometric mean of the rounds; the bounds are one-sided t
    bounds (Student 1908) on the logarithm, each at level 1 - alpha. Successive rounds resemble each
    other: the variance of their mean is taken for greater by (1 + r) / (1 - r) (Bartlett 1935),
    where r is the correlation of neighbours, free of its bias (Marriott & Pope 1954) and one
    standard error up, and two rounds count as one degree of freedom. By default all `LOOKS`
    together are wrong in 0.5 % of runs on either side where the truth is the limit and rounds are
    independent, in 3 and 6 % where r is 0.5 and 0.7 (benchmarks/verdicts/budget_limits.py).

    Raises:
        ValueError: a value is not positive and finite, or `limit` or `alpha` is out of range.
    """
    return _judge_mean("throughput", "qps", rounds_qps, limit, alpha, higher_is_better=True)


def judge_ratio(
    name: str, rounds: npt.ArrayLike, limit: float, alpha: float = LOOK_ALPHA
) -> Verdict:
    """Judge whether a number without a unit stays below `limit`, from one value a round.

    In the way of `judge_throughput`; a value of zero counts as next to nothing.

    Raises:
        ValueError: see `judge_throughput`.
    """
    return _judge_mean(
        name, "", np.maximum(rounds, LEAST_RATIO), limit, alpha, higher_is_better=False
    )


def _judge_mean(
    name: str,
    unit: str,
    rounds: npt.ArrayLike,
    limit: float,
    alpha: float,
    *,
    higher_is_better: bool,
) -> Verdict:
    _check_level(alpha)
    _check_limit(limit)
    values = positive_samples(rounds)
    value = geometric_mean(values)
    text = f"{name} {value:.4g} {unit}".rstrip()
    if values.size < 2:
        return _too_few_rounds(text, value, limit, higher_is_better=higher_is_better)
    error = _error_of_mean([float(log) for log in np.log(values / values.min())])
    freedom = max(1.0, (values.size - 1) / 2)
    factor = math.exp(float(special.stdtrit(freedom, 1 - alpha)) * error)
    bounds = value / factor, value * factor
    return _judged(text, unit, value, *bounds, limit, higher_is_better=higher_is_better)


def geometric_mean(values: FloatArray) -> float:
    """The geometric mean of positive values; exact when they are all equal."""
    reference = float(values.min())
    return reference * math.exp(math.fsum(np.log(values / reference)) / values.size)


def _error_of_mean(values: Sequence[float]) -> float:
    """The standard error of the mean of successive values, which may be correlated."""
    count = len(values)
    mean = math.fsum(values) / count
    apart = [value - mean for value in values]
    squares = math.fsum(one * one for one in apart)
    if not squares:
        return 0.0
    # exact sums, so that it does not matter in which direction time runs
    found = math.fsum(one * other for one, other in pairwise(apart)) / squares
    unbiased = found + (1 + 3 * max(found, 0.0)) / count
    correlation = min(max(unbiased + 1 / math.sqrt(count), 0.0), MOST_CORRELATION)
    variance = squares / (count - 1) / count
    return math.sqrt(variance * (1 + correlation) / (1 - correlation))


def _percentile_bounds(
    rounds: Sequence[FloatArray], p: float, in_bursts: float, alpha: float, fail_alpha: float
) -> tuple[float | None, float | None]:
    """The limits between which the answer is open; None where there is none."""
    rounds = sorted((np.sort(one) for one in rounds), key=np.sum)
    apart = drifted(rounds, p)
    tail, ordered = 1 - p / 100, np.sort(np.concatenate(rounds))
    beyond = [one[one > ordered[-1]] for one in apart]
    limits = np.unique(np.concatenate([ordered, *beyond]))
    share = 1 - np.searchsorted(ordered, limits, "right") / ordered.size
    # a limit below everything comes first: there is none lower that could fail
    limits, share = np.concatenate(([-np.inf], limits)), np.concatenate(([1.0], share))
    middle, freedom = int(np.argmax(share <= tail)), len(rounds) - 1
    between = np.maximum(spread(rounds, limits), spread(apart, limits))
    queries = ordered.size / np.maximum(
        np.concatenate(
            [between[:middle] * few(freedom, fail_alpha), between[middle:] * few(freedom, alpha)]
        ),
        in_bursts,
    )
    slow, other = share * queries, (1 - share) * queries
    # Clopper & Pearson's bounds are beta quantiles: such a one is below x if the cdf at x is above
    fails = special.betainc(slow[:middle], other[:middle] + 1, tail) < fail_alpha
    passes = special.betainc(slow[middle:] + 1, other[middle:], tail) >= 1 - alpha
    first_open = int(np.argmin(np.append(fails, False)))
    first_pass = limits.size - int(np.argmin(np.append(passes[::-1], False)))
    lower = float(limits[first_open]) if first_open > 0 else None
    upper = float(limits[first_pass]) if first_pass < limits.size else None
    return lower, upper


def _judged(
    text: str,
    unit: str,
    value: float,
    lower: float | None,
    upper: float | None,
    limit: float,
    *,
    higher_is_better: bool,
) -> Verdict:
    below = upper is not None and (upper < limit if higher_is_better else upper <= limit)
    above = lower is not None and (lower >= limit if higher_is_better else lower > limit)
    evidence = f"{text} [{_number(lower)}, {_number(upper)}]"
    if above == below:
        status, reason, words = Status.INCONCLUSIVE, Reason.OVERLAPS_LIMIT, "is too close to"
    elif above == higher_is_better:
        status, reason, words = Status.PASS, Reason.WITHIN_LIMIT, "keeps"
    else:
        reason = Reason.UNDER_LIMIT if higher_is_better else Reason.OVER_LIMIT
        status, words = Status.FAIL, "misses"
    message = f"{evidence} {words} the limit of {limit:.4g} {unit}".rstrip()
    return Verdict(status, reason, message, value, lower, upper, limit, higher_is_better)


def _too_few_rounds(
    text: str, value: float, limit: float, higher_is_better: bool = False
) -> Verdict:
    message = f"{text}: one round shows no spread, at least 2 are needed"
    return Verdict(
        Status.INCONCLUSIVE,
        Reason.TOO_FEW_ROUNDS,
        message,
        value,
        None,
        None,
        limit,
        higher_is_better,
    )


def _number(bound: float | None) -> str:
    return "?" if bound is None else f"{bound:.4g}"


def _check_limit(limit: float) -> None:
    if not (math.isfinite(limit) and limit > 0):
        raise ValueError(f"limit {limit} is not a positive finite number")


def _check_level(alpha: float) -> None:
    if not 0 < alpha < 0.5:
        raise ValueError(f"alpha {alpha} is not between 0 and 0.5")
