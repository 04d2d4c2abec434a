"""What lies so far from a limit that no doubt about the measurement matters."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

from pytest_trtperf.analysis.summary import FloatArray
from pytest_trtperf.analysis.verdict import Reason, Status, Verdict

FAR = 3.0
"""A limit that all that was seen misses, or keeps, by this factor."""

FAR_UNSEEN = 10.0
"""The factor by which all queries must keep a limit, as slower ones may not have been seen."""

SPREADS = 10.0
"""What the level moved by during the rounds, so many times, leaves a verdict as it is."""


def far_percentile(
    verdict: Verdict, rounds: Iterable[FloatArray], contention: float
) -> Verdict | None:
    """The verdict on a percentile that all queries keep, or miss, by far; None where they do not.

    Kept by far: not one query of any round took a tenth of the limit. Missed by far: each took
    three times the limit, and longer by what other processes may have taken.

    Args:
        verdict: any, whose limit is ms. rounds: times of queries, ms.
        contention: the share of time that other processes took.
    """
    extremes = [(float(one.min()), float(one.max())) for one in rounds]
    fastest, slowest = min(low for low, _ in extremes), max(high for _, high in extremes)
    limit = verdict.limit
    if slowest * FAR_UNSEEN <= limit:
        message = f"no query took more than {slowest:.4g} ms, and the limit is {limit:.4g} ms"
        return replace(verdict, status=Status.PASS, reason=Reason.WITHIN_LIMIT, message=message)
    if fastest * (1 - contention) >= FAR * limit:
        message = f"no query took less than {fastest:.4g} ms, and the limit is {limit:.4g} ms"
        return replace(verdict, status=Status.FAIL, reason=Reason.OVER_LIMIT, message=message)
    return None


def is_kept_by_far(verdict: Verdict, levels: Sequence[float]) -> bool:
    """Whether three times a percentile's bound, and three times each round's, keep the limit.

    What other processes take of the time only makes queries slower, so that it is no doubt here.

    Args:
        levels: of each round, ms.
    """
    return verdict.upper is not None and FAR * max(*levels, verdict.upper) <= verdict.limit


def far_rate(verdict: Verdict, lowest: float, highest: float, contention: float) -> Verdict | None:
    """The verdict on a rate that is at least three times its limit, or a third; None otherwise.

    Args:
        verdict: any, whose limit is queries per second.
        lowest: what was measured, at least. highest: at most.
        contention: the share of time that other processes took.
    """
    limit, seen = verdict.limit, f"from {lowest:.4g} to {highest:.4g} qps were measured"
    message = f"{seen}, and the limit is {limit:.4g} qps"
    if lowest >= FAR * limit:
        return replace(verdict, status=Status.PASS, reason=Reason.WITHIN_LIMIT, message=message)
    if contention < 1 and highest / (1 - contention) * FAR <= limit:
        return replace(verdict, status=Status.FAIL, reason=Reason.UNDER_LIMIT, message=message)
    return None


def stands(verdict: Verdict, levels: Sequence[float], trend: float | None) -> bool:
    """Whether the limit lies beyond the bounds by `SPREADS` times what the level moved by.

    Both on logarithms. A verdict with such a margin holds although the numbers were not steady.

    Args:
        levels: of each round, in the unit of the verdict: a percentile, a throughput.
        trend: by what share the numbers still changed when the warm-up ended; None where it was
            too short to show that.
    """
    if trend is None or trend <= -1:
        return False
    moved = math.log(max(levels) / min(levels)) + abs(math.log1p(trend))
    return any(
        bound is not None and 0 < bound < math.inf and sign * math.log(verdict.limit / bound) > 0
        and abs(math.log(verdict.limit / bound)) >= SPREADS * moved
        for bound, sign in ((verdict.upper, 1), (verdict.lower, -1))
    )  # fmt: skip
