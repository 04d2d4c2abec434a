"""Absolute limits: a percentile of latency, and throughput, judged from the rounds of one run."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from scipy import special

from pytest_trtperf.analysis.summary import FloatArray, checked, checked_positive, percentile
from pytest_trtperf.analysis.verdict import Status, Verdict, decide_by_estimate

__all__ = ["decide_by_estimate", "judge_percentile", "judge_throughput", "least_queries"]


def least_queries(p: float, alpha: float) -> int:
    """The least number of independent queries that bounds the `p`-th percentile (0 to 100).

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
    rounds: Sequence[npt.ArrayLike], p: float, limit: float, alpha: float = 0.05
) -> Verdict:
    """Judge whether the `p`-th percentile (0 to 100) is within `limit`; all in milliseconds.

    `value` is trtexec's percentile of the pooled rounds. `lower` and `upper` are the limits at
    which the answer turns: it passes from `upper` on and fails below `lower`, each at level
    1 - alpha. They invert the exact binomial bounds of Clopper & Pearson (1934) on the share of
    queries above the limit, for the number of queries that the rounds are worth (`_effective`).

    Raises:
        ValueError: a round is empty or not finite, or `p`, `limit` or `alpha` is out of range.
    """
    least = least_queries(p, alpha)
    _check_limit(limit)
    samples = [checked(one) for one in rounds]
    if not samples:
        raise ValueError("no rounds: a budget needs at least one")
    ordered = np.sort(np.concatenate(samples))
    value = percentile(ordered, p)
    text = f"P{p:g} {value:.4g} ms"
    if len(samples) < 2:
        return _too_few_rounds(text, value, limit)
    queries = _effective(samples, value, p, alpha)
    lower, upper = _percentile_bounds(ordered, p, queries, alpha)
    if upper is None and (lower is None or limit >= lower):
        needed = math.ceil(least * ordered.size / queries)
        message = f"{text}: {ordered.size} queries cannot bound it, about {needed} are needed"
        return Verdict(Status.INCONCLUSIVE, "too_few_queries", message, value, lower, upper, limit)
    return _judged(text, "ms", value, lower, upper, limit, higher_is_better=False)


def judge_throughput(rounds_qps: npt.ArrayLike, limit: float, alpha: float = 0.05) -> Verdict:
    """Judge whether throughput reaches `limit`, from one value a round; all in queries a second.

    `value` is the geometric mean of the rounds; the bounds are one-sided t bounds (Student 1908)
    on the logarithm, each at level 1 - alpha.

    Raises:
        ValueError: a value is not positive and finite, or `limit` or `alpha` is out of range.
    """
    _check_level(alpha)
    _check_limit(limit)
    rounds = np.sort(checked_positive(rounds_qps))
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


def _effective(rounds: Sequence[FloatArray], value: float, p: float, alpha: float) -> float:
    """How many independent queries the rounds are worth: their number over the design effect.

    Kish (1965): the variance of a share between clusters over its binomial variance. The share is
    that above the pooled percentile, and never counts for less than 1. The factor (t / z)**2
    pays for having estimated the variance from few rounds.
    """
    shares = np.sort([float(np.mean(one > value)) for one in rounds])
    queries = sum(one.size for one in rounds)
    tail = 1 - p / 100
    binomial = tail * (1 - tail) / queries
    effect = max(1.0, float(shares.var(ddof=1)) / len(rounds) / binomial)
    t = float(special.stdtrit(len(rounds) - 1, 1 - alpha))
    z = float(special.ndtri(1 - alpha))
    return float(queries / (effect * (t / z) ** 2))


def _percentile_bounds(
    ordered: FloatArray, p: float, queries: float, alpha: float
) -> tuple[float | None, float | None]:
    """The order statistics between which a limit is inconclusive; None where there is none."""
    tail, size = 1 - p / 100, ordered.size

    def surely_more(above: int) -> bool:
        return _clopper_pearson_lower(above / size, queries, alpha) > tail

    def perhaps_more(above: int) -> bool:
        return _clopper_pearson_upper(above / size, queries, alpha) > tail

    fails = _first(surely_more, size + 1)
    unsure = _first(perhaps_more, size + 1)
    lower = float(ordered[size - fails]) if 0 < fails <= size else None
    upper = float(ordered[size - unsure]) if unsure > 0 else None
    return lower, upper


def _first(holds: Callable[[int], bool], size: int) -> int:
    """The least index below `size` at which a monotone condition holds; `size` if none."""
    low, high = 0, size
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low


def _clopper_pearson_upper(share: float, queries: float, alpha: float) -> float:
    """One-sided upper bound on a proportion: a beta quantile (Clopper & Pearson 1934)."""
    if share >= 1:
        return 1.0
    above = share * queries
    return float(special.betaincinv(above + 1, queries - above, 1 - alpha))


def _clopper_pearson_lower(share: float, queries: float, alpha: float) -> float:
    """One-sided lower bound on a proportion: a beta quantile (Clopper & Pearson 1934)."""
    if share <= 0:
        return 0.0
    above = share * queries
    return float(special.betaincinv(above, queries - above + 1, alpha))


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
        status, reason, words = Status.INCONCLUSIVE, "overlaps_limit", "cannot be told from"
    elif above == higher_is_better:
        status, reason, words = Status.PASS, "within_limit", "keeps"
    else:
        reason = "under_limit" if higher_is_better else "over_limit"
        status, words = Status.FAIL, "misses"
    message = f"{evidence} {words} the limit of {limit:.4g} {unit}"
    return Verdict(status, reason, message, value, lower, upper, limit, higher_is_better)


def _too_few_rounds(
    text: str, value: float, limit: float, higher_is_better: bool = False
) -> Verdict:
    message = f"{text}: one round shows no spread, at least 2 are needed"
    return Verdict(
        Status.INCONCLUSIVE, "too_few_rounds", message, value, None, None, limit, higher_is_better
    )


def _number(bound: float | None) -> str:
    return "?" if bound is None else f"{bound:.4g}"


def _check_limit(limit: float) -> None:
    if not (math.isfinite(limit) and limit > 0):
        raise ValueError(f"limit {limit} is not a positive finite number")


def _check_level(alpha: float) -> None:
    if not 0 < alpha < 0.5:
        raise ValueError(f"alpha {alpha} is not between 0 and 0.5")
