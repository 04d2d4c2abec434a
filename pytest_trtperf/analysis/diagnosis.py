"""What a measurement says about itself: trtexec's warnings, trends and lateness, as values."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
import numpy.typing as npt
from scipy import special

from pytest_trtperf.analysis.budget import least_queries
from pytest_trtperf.analysis.percent import share_words
from pytest_trtperf.analysis.summary import FloatArray, Sample, finite_samples

ENQUEUE_SHARE = 0.8
UNSTABLE_COV = 0.025


TREND_LEVEL = 0.02
"""The p-value below which a trend is one: five rounds in perfect order have 0.017."""
TREND_SIZE = 0.01
LEAST_ROUNDS_FOR_TREND = 5
MOST_ROUNDS_FOR_TREND = 256
"""Rounds beyond which neighbours are pooled: all pairs of rounds are compared."""

LATE_SHARE = 0.01

SESSIONS_TOLERANCE = 0.02
"""How far apart the medians of sessions may be: users see the difference as latency."""


class FindingCode(str, Enum):
    """What a finding is about; records keep the value."""

    ENQUEUE_BOUND = "enqueue_bound"
    DETAILED_VERBOSITY = "detailed_verbosity"
    H2D_BOUND = "h2d_bound"
    D2H_BOUND = "d2h_bound"
    UNSTABLE = "unstable"
    MULTIPLE_STREAMS = "multiple_streams"
    DRIFTING = "drifting"
    BIMODAL = "bimodal"
    OUTLIERS = "outliers"
    TOO_FEW_QUERIES = "too_few_queries"
    SLOW_ENGINE = "slow_engine"
    LATE = "late"
    NOT_STEADY = "not_steady"
    SESSIONS_DIFFER = "sessions_differ"
    KERNELS_DIFFER = "kernels_differ"
    KERNELS_NOT_KEPT = "kernels_not_kept"
    SHORT_ROUNDS = "short_rounds"
    SATURATED = "saturated"
    DISTURBED = "disturbed"
    CONTENDED = "contended"
    STEERED = "steered"
    EMPTY_OUTPUTS = "empty_outputs"
    REMARK = "remark"


@dataclass(frozen=True)
class Finding:
    """One remark: `code` for programs, `message` for people.

    `share` is how much it is about, where one number says that: 0.34 of the time, for instance.
    """

    code: FindingCode
    message: str
    share: float | None = None


def diagnose(
    medians: Mapping[str, float],
    gpu_compute_cov: float,
    streams: int = 1,
    *,
    names_layers: bool = False,
) -> list[Finding]:
    """The conditions under which trtexec warns, in its order, and what makes one of them worse.

    `medians` maps enqueue, h2d, gpu_compute and d2h to medians in milliseconds; metrics that a
    backend does not have are left out. `gpu_compute_cov` is a fraction. `names_layers` says that
    each enqueue describes its layers to profilers in detail, which TensorRT says makes it slower.
    Conditions of NVIDIA/TensorRT, samples/common/sampleReporting.cpp (`printPerformanceReport`).
    """
    findings = list(_bottlenecks(medians))
    if names_layers and any(one.code is FindingCode.ENQUEUE_BOUND for one in findings):
        message = (
            'the engine was built with profiling_verbosity="detailed", which makes enqueue slower, '
            "and enqueue is what it is bound by: measure one without it, and keep this one for its "
            "layers"
        )
        findings.insert(1, Finding(FindingCode.DETAILED_VERBOSITY, message))
    if gpu_compute_cov > UNSTABLE_COV:
        message = (
            f"GPU compute time is unstable: its coefficient of variation is "
            f"{share_words(gpu_compute_cov)} (above {100 * UNSTABLE_COV:g}%); "
            f"lock the clocks or look for other work on it"
        )
        findings.append(Finding(FindingCode.UNSTABLE, message))
    if streams > 1:
        message = f"{streams} streams share the GPU: read throughput, not latency"
        findings.append(Finding(FindingCode.MULTIPLE_STREAMS, message))
    return findings


def _bottlenecks(medians: Mapping[str, float]) -> Iterator[Finding]:
    compute = medians.get("gpu_compute")
    if compute is None:
        return
    times = f"against {compute:.4g} ms of GPU compute"
    enqueue = medians.get("enqueue", 0.0)
    if enqueue > ENQUEUE_SHARE * compute:
        message = f"bound by the host: enqueue takes {enqueue:.4g} ms {times}; use cuda_graph"
        yield Finding(FindingCode.ENQUEUE_BOUND, message)
    for metric, way, code in (
        ("h2d", "to", FindingCode.H2D_BOUND),
        ("d2h", "from", FindingCode.D2H_BOUND),
    ):
        copy = medians.get(metric, 0.0)
        # without transfers both are 0, and nothing is bound by what does not happen
        if copy > 0 and copy >= compute:
            message = f"bound by copies {way} the GPU: {metric} takes {copy:.4g} ms {times}"
            yield Finding(code, message)


def too_few_queries(p: float, queries: int, alpha: float = 0.05) -> Finding | None:
    """The `p`-th percentile (0 to 100) of too few queries to bound it (code `too_few_queries`).

    See `budget.least_queries`: 299 independent queries for P99 at `alpha` 0.05.

    Raises:
        ValueError: `p` or `alpha` is out of range.
    """
    least = least_queries(p, alpha)
    if queries >= least:
        return None
    message = (
        f"P{p:g} rests on {queries} queries: at least {least} are needed to bound it at "
        f"{100 * (1 - alpha):g}% confidence; measure longer"
    )
    return Finding(FindingCode.TOO_FEW_QUERIES, message)


def drifting(round_medians: npt.ArrayLike, *, on_cpu: bool = False) -> Finding | None:
    """A trend over the rounds (code `drifting`), from their medians in the order of time.

    The test of Mann (1945) and Kendall (1975), two-sided; its size is the median slope between
    rounds (Sen 1968) over all of them, as a share of the median. Medians are in milliseconds.

    Args:
        on_cpu: where it was measured decides what to do.

    Raises:
        ValueError: there are no rounds, or a median is not finite.
    """
    medians = finite_samples(round_medians)
    rounds, level = medians.size, float(np.median(medians))
    if rounds < LEAST_ROUNDS_FOR_TREND or level <= 0:
        return None
    if rounds > MOST_ROUNDS_FOR_TREND:
        groups = np.array_split(medians, MOST_ROUNDS_FOR_TREND)
        medians = np.array([np.median(group) for group in groups])
    first, second = np.triu_indices(medians.size, 1)
    rises = medians[second] - medians[first]
    slope = float(np.median(rises / (second - first)))
    change = slope * (medians.size - 1) / level
    chance = _chance_of_trend(int(np.sign(rises).sum()), medians)
    if abs(change) <= TREND_SIZE or chance > TREND_LEVEL:
        return None
    cooler = "free the machine" if on_cpu else "lock the clocks and watch its temperature"
    advice = cooler if change > 0 else "warm up for longer"
    message = (
        f"the medians of {rounds} rounds {'rise' if change > 0 else 'fall'} by "
        f"{_of_their_median(abs(change))} from first to last (p = {chance:.2g}): {advice}"
    )
    return Finding(FindingCode.DRIFTING, message, abs(change))


def _of_their_median(share: float) -> str:
    """A share of the median, which even a fall over all rounds may exceed."""
    return share_words(share) if share < 1 else f"{share:.3g}x their median"


def sessions_differ(medians: Sequence[float], kernels: Sequence[str | None] = ()) -> Finding | None:
    """Sessions of one engine that are far apart (code `sessions_differ`).

    Args:
        medians: of each session, milliseconds.
        kernels: the state of each session's kernels, see `backend.session.Kernels`.
    """
    apart = max(medians) / min(medians) - 1
    if apart <= SESSIONS_TOLERANCE:
        return None
    states = [state for state in kernels if state]
    shown = [f"{median:.5g}" for median in medians]
    if len(states) == len(medians):
        shown = [f"{one} (kernels {state})" for one, state in zip(shown, states, strict=True)]
    message = (
        f"the medians of {len(medians)} sessions are {share_words(apart)} apart, which users "
        f"see, too, from one process to the next: {', '.join(shown)} ms"
    )
    return Finding(FindingCode.SESSIONS_DIFFER, message, apart)


def kernels_differ(fresh_ms: float, cached_ms: float) -> Finding | None:
    """Newly compiled kernels that take another time than cached ones (code `kernels_differ`).

    Args:
        fresh_ms, cached_ms: medians, milliseconds.
    """
    change = fresh_ms / cached_ms - 1
    if abs(change) <= SESSIONS_TOLERANCE:
        return None
    message = (
        f"a session that had just compiled its kernels took {fresh_ms:.5g} ms, those that take "
        f"them from the cache take {cached_ms:.5g} ms (compiled {change:+.1%}): users of the model "
        "see the same, so choose with kernels= what runs in production"
    )
    return Finding(FindingCode.KERNELS_DIFFER, message, abs(change))


def kernels_not_kept(fresh: int, sessions: int, *, stored: bool) -> Finding | None:
    """Sessions that were to have stored kernels and compiled some (code `kernels_not_kept`).

    Args:
        fresh: how many of the sessions did.
        stored: whether those that they compiled are stored.
    """
    if not fresh:
        return None
    which = f"{fresh} of {sessions} sessions compiled kernels anew (kernels fresh)"
    why = (
        "though those of the sessions before are stored: this engine is never complete in the "
        "cache, and each start of a process compiles, too"
        if stored
        else "and they are not kept: the engine cache cannot be written, or the plan is not in it. "
        "Where kernels are stored, other ones are measured"
    )
    return Finding(FindingCode.KERNELS_NOT_KEPT, f"{which}, {why}")


def late(lateness_ms: npt.ArrayLike | Sample, limit_ms: float = 0.02) -> Finding | None:
    """Queries of an open load issued late by the load generator (code `late`).

    `lateness_ms` is, for each query, from when it was due to when it was issued, in milliseconds.
    It is reported when more than 1 % are later than `limit_ms`.

    Raises:
        ValueError: `lateness_ms` is empty or not finite.
    """
    sample = Sample(lateness_ms)
    behind = len(sample) - int(np.searchsorted(sample.ordered, limit_ms, "right"))
    share = behind / len(sample)
    if share <= LATE_SHARE:
        return None
    message = (
        f"{share_words(share)} of queries were issued more than {limit_ms:g} ms after they were "
        f"due (P99 {sample.percentile(99):.3g} ms): the load generator was late, not the engine; "
        f"lower the rate or free the host's CPUs"
    )
    return Finding(FindingCode.LATE, message, share)


def _chance_of_trend(score: int, medians: FloatArray) -> float:
    """The two-sided p-value of Kendall's `score`: concordant less discordant pairs of rounds.

    Exact for up to 30 values without ties (Kendall 1938), else the normal approximation with
    continuity and tie correction (Kendall 1975).
    """
    rounds = medians.size
    ties = np.unique(medians, return_counts=True)[1]
    if rounds <= 30 and ties.size == rounds:
        # the number of discordant pairs in a random order: a sum of independent uniform ones
        chances = np.ones(1)
        for values in range(2, rounds + 1):
            chances = np.convolve(chances, np.full(values, 1 / values))
        discordant = (rounds * (rounds - 1) // 2 - abs(score)) // 2
        return min(1.0, 2 * float(chances[: discordant + 1].sum()))
    variance = _pairs_variance(np.array([rounds])) - _pairs_variance(ties)
    if variance <= 0:
        return 1.0
    return 2 * float(special.ndtr(-max(0, abs(score) - 1) / math.sqrt(variance)))


def _pairs_variance(sizes: npt.NDArray[np.int64]) -> float:
    return float((sizes * (sizes - 1) * (2 * sizes + 5)).sum()) / 18
