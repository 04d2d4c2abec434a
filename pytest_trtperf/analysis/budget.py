"""Absolute limits: a percentile of latency, and throughput, judged from the rounds of one run."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import special

from pytest_trtperf.analysis.regression import LOOKS
from pytest_trtperf.analysis.summary import FloatArray, finite_samples, percentile, positive_samples
from pytest_trtperf.analysis.verdict import Reason, Status, Verdict

PERCENTILE_ALPHA = 0.05
"""The level of a percentile's bound, on either side."""

WINDOWS = (50, 20, 10, 5)
"""The windows of consecutive queries that a round is cut into to see slow ones cluster."""


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


def judge_percentile(
    rounds: Sequence[npt.ArrayLike], p: float, limit: float, alpha: float = PERCENTILE_ALPHA
) -> Verdict:
    """Judge whether the `p`-th percentile (0 to 100) is within `limit`; all in milliseconds.

    A round's queries are in the order of time. `value` is trtexec's percentile of the pooled
    rounds. `lower` and `upper` are the limits at which the answer turns: it passes from `upper`
    on and fails below `lower`, each at level 1 - alpha. At each limit in question the share of
    queries above it gets the exact binomial bound of Clopper & Pearson (1934) for the number of
    independent queries that the rounds are worth there; `upper` and `lower` are the outermost
    limits at which that bound is undecided, so that a slower engine never fares better.

    Queries that depend on each other count for fewer: by bursts inside rounds (`_clustering`), and
    by what rounds differ at the limit, their drift taken further (`_spread`, `_drifted`). A limit
    beyond the reach of the drift does not suffer from it.

    The level holds for one look; those at a growing measurement add up. At alpha 0.05 five looks
    pass 2 to 7 % of simulated runs whose true P99 is the limit
    (benchmarks/verdicts/budget_boundary.py), but more when slow queries come in bursts so rare
    and long that many rounds have none.

    Raises:
        ValueError: a round is empty or not finite, or `p`, `limit` or `alpha` is out of range.
    """
    least = least_queries(p, alpha)
    _check_limit(limit)
    samples = [finite_samples(one) for one in rounds]
    if not samples:
        raise ValueError("no rounds: a budget needs at least one")
    pooled = np.concatenate(samples)
    value = percentile(pooled, p)
    text = f"P{p:g} {value:.4g} ms"
    if len(samples) < 2:
        return _too_few_rounds(text, value, limit)
    clustering = _clustering(samples, 1 - p / 100, alpha)
    lower, upper = _percentile_bounds(samples, p, clustering, alpha)
    if upper is None and (lower is None or limit >= lower):
        needed = math.ceil(least * clustering)
        message = f"{text}: {pooled.size} queries cannot bound it, about {needed} are needed"
        return Verdict(
            Status.INCONCLUSIVE, Reason.TOO_FEW_QUERIES, message, value, lower, upper, limit
        )
    return _judged(text, "ms", value, lower, upper, limit, higher_is_better=False)


def judge_throughput(
    rounds_qps: npt.ArrayLike, limit: float, alpha: float = 0.05 / len(LOOKS)
) -> Verdict:
    """Judge whether throughput reaches `limit`, from one value a round; all in queries a second.

    `value` is the geometric mean of the rounds; the bounds are one-sided t bounds (Student 1908)
    on the logarithm, each at level 1 - alpha. By default all `LOOKS` together are wrong in at most
    5 % of runs on either side, where rounds are independent.

    Raises:
        ValueError: a value is not positive and finite, or `limit` or `alpha` is out of range.
    """
    _check_level(alpha)
    _check_limit(limit)
    rounds = np.sort(positive_samples(rounds_qps))
    value = geometric_mean(rounds)
    text = f"throughput {value:.4g} qps"
    if rounds.size < 2:
        return _too_few_rounds(text, value, limit, higher_is_better=True)
    error = float(np.log(rounds / rounds[0]).std(ddof=1)) / math.sqrt(rounds.size)
    factor = math.exp(float(special.stdtrit(rounds.size - 1, 1 - alpha)) * error)
    return _judged(text, "qps", value, value / factor, value * factor, limit, higher_is_better=True)


def geometric_mean(values: FloatArray) -> float:
    """The geometric mean of positive values; exact when they are all equal."""
    reference = float(values.min())
    return reference * math.exp(float(np.log(values / reference).mean()))


def _clustering(rounds: Sequence[FloatArray], tail: float, alpha: float) -> float:
    """How many queries of a round are worth one independent query; at least 1.

    The variance of the number of slow queries in windows of consecutive ones, over that of a
    random order (hypergeometric), at the window length where it is greatest. Slow is what lies
    above the round's own quantile, so that the level of a round does not count.
    """
    worst = 1.0
    for windows in WINDOWS:
        squares = expected = 0.0
        parts = 0
        for one in rounds:
            length = one.size // windows
            above = one > np.sort(one)[max(one.size - 1 - math.floor(tail * one.size + 1e-9), 0)]
            slow = int(above.sum())
            if length < 2 or not slow:
                continue
            sums = np.concatenate(([0], np.cumsum(above)))
            # whole numbers, so that neither the order of time nor that of rounds matters
            excess = one.size * (sums[length:] - sums[:-length]) - length * slow
            squares += float(np.mean(excess**2)) / one.size**2
            share = slow / one.size
            expected += length * share * (1 - share) * (one.size - length) / (one.size - 1)
            parts += windows - 1
        if expected:
            worst = max(worst, squares / expected * _few(parts, alpha))
    return worst


def _spread(rounds: Sequence[FloatArray], limits: FloatArray, alpha: float) -> FloatArray:
    """How many queries are worth one independent query, by the shares of rounds above `limits`.

    Kish (1965): the variance of a share between clusters over its binomial variance.
    """
    above = np.array([one.size - np.searchsorted(one, limits, "right") for one in rounds])
    sizes = np.array([one.size for one in rounds])
    share = above.sum(axis=0) / sizes.sum()
    binomial = share * (1 - share) / sizes.sum()
    variance = (above / sizes[:, None]).var(axis=0, ddof=1) / len(rounds)
    some = binomial > 0
    effect = np.zeros(limits.size)
    effect[some] = variance[some] / binomial[some] * _few(len(rounds) - 1, alpha)
    return effect


def _few(degrees: int, alpha: float) -> float:
    """What a variance is multiplied with for having been estimated from few values."""
    return float(special.stdtrit(degrees, 1 - alpha) / special.ndtri(1 - alpha)) ** 2


def _drifted(rounds: Sequence[FloatArray], p: float) -> list[FloatArray]:
    """The rounds with their levels (medians) as far apart as rounds to come may be.

    The factor is the `p`-th percentile of Student's t, and at least 1.
    """
    levels = [float(np.median(one)) for one in rounds]
    centre = math.fsum(levels) / len(levels)
    factor = max(1.0, abs(float(special.stdtrit(len(rounds) - 1, p / 100))))
    return [
        one + (factor - 1) * (level - centre) for one, level in zip(rounds, levels, strict=True)
    ]


def _percentile_bounds(
    rounds: Sequence[FloatArray], p: float, clustering: float, alpha: float
) -> tuple[float | None, float | None]:
    """The limits between which the answer is open; None where there is none."""
    rounds = sorted((np.sort(one) for one in rounds), key=np.sum)
    drifted = _drifted(rounds, p)
    tail, ordered = 1 - p / 100, np.sort(np.concatenate(rounds))
    beyond = [one[one > ordered[-1]] for one in drifted]
    limits = np.unique(np.concatenate([ordered, *beyond]))
    share = 1 - np.searchsorted(ordered, limits, "right") / ordered.size
    # a limit below everything comes first: there is none lower that could fail
    limits, share = np.concatenate(([-np.inf], limits)), np.concatenate(([1.0], share))
    effect = np.maximum(_spread(rounds, limits, alpha), _spread(drifted, limits, alpha))
    queries = ordered.size / np.maximum(effect, clustering)
    slow, other = share * queries, (1 - share) * queries
    middle = int(np.argmax(share <= tail))
    # Clopper & Pearson's bounds are beta quantiles: such a one is below x if the cdf at x is above
    fails = special.betainc(slow[:middle], other[:middle] + 1, tail) < alpha
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
    message = f"{evidence} {words} the limit of {limit:.4g} {unit}"
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
