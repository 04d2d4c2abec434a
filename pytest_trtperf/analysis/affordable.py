"""What a time limit lets a slow engine show, known after its warm-up."""

from __future__ import annotations

import math

from pytest_trtperf.analysis.budget import PERCENTILE_ALPHA, least_queries, least_seconds
from pytest_trtperf.analysis.gates import LEAST_QUERIES_FOR_P99
from pytest_trtperf.analysis.regression import LOOKS

SPARE = 1.1
"""The time limit has room for half a round more than the first look takes."""


def too_slow_for_p99(rate: float, max_time: float, round_queries: int) -> str | None:
    """What the time limit supports, where the P99 of rounds is not part of it; else None.

    Args:
        rate: queries per second.
        max_time: seconds of rounds.
        round_queries: asked for in each round; with fewer than a P99 needs, none was asked for.
    """
    needed_s = SPARE * LOOKS[0] * LEAST_QUERIES_FOR_P99 / rate
    if round_queries < LEAST_QUERIES_FOR_P99 or needed_s <= max_time:
        return None
    least = least_queries(99, PERCENTILE_ALPHA)
    for_budget_s = max(SPARE * least / rate, least_seconds(99))
    budget = f", or to {math.ceil(for_budget_s)} s for a budget of P99 alone ({least} queries)"
    return (
        f"a query takes {1e3 / rate:.3g} ms: {max_time:g} s hold {int(rate * max_time)} queries, "
        f"which support the median and throughput; P99 needs {LEAST_QUERIES_FOR_P99} in each of "
        f"{LOOKS[0]} rounds: raise max_time to {math.ceil(needed_s)} s"
        f"{budget if for_budget_s > max_time else ''}"
    )
