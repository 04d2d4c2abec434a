"""Two engines in turns of a few milliseconds: the ratio of their times where a machine is noisy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from pytest_trtperf.analysis.paired import ALPHA, Ratio, ratio_of
from pytest_trtperf.analysis.summary import positive_samples

MOST_QUERIES = 500
"""Of a group and engine, where all of one are compared with all of the other."""

SHARE = 0.15
"""Of all ratios of a group: those closest together are the most frequent one."""

MOST_CORRELATION = 0.8
"""Of neighbouring groups: more cannot be known from a few of them."""


def chunked_ratio(
    new: Sequence[npt.ArrayLike],
    reference: Sequence[npt.ArrayLike],
    *,
    fresh: bool,
    alpha: float = ALPHA,
) -> Ratio:
    """The ratio of two engines from chunks that were measured in pairs, new and reference.

    What the machine does for longer than a pair falls on both of it alike. The median of a group's
    logarithms of ratios is one observation: it does not mind pairs that something else fell upon,
    and a group is longer than what its pairs have in common. The interval is Student's on the
    groups: what starts differ by is in it, and so is their order. Groups of one start may still
    resemble their neighbours: their variance is that of batch means with a correlation of first
    order (Law and Carson 1979).

    Args:
        new, reference: for each group one value a chunk, in the order of measuring.
        fresh: whether each group is of sessions of its own, started in either order in turns.

    Raises:
        ValueError: a value is not positive and finite, there is no group, or the numbers of chunks
            or groups differ.
    """
    logs = _logs(new, reference)
    if any(ours.size != theirs.size for ours, theirs in zip(*logs, strict=True)):
        raise ValueError("a group has more chunks of one engine than of the other")
    medians = [float(np.median(a - b)) for a, b in zip(*logs, strict=True)]
    return _of_groups(medians, logs, alpha, fresh=fresh)


def most_frequent_ratio(
    new: Sequence[npt.ArrayLike],
    reference: Sequence[npt.ArrayLike],
    *,
    fresh: bool,
    alpha: float = ALPHA,
) -> Ratio:
    """The same where other processes take the processors: that of queries in the same state.

    A query has all cores, or fewer, or is interrupted, and how often each happens is the machine's
    luck: it moves the median of a chunk by half. Of the ratios of each query to each of the other
    engine, those in one state agree. So one observation is the mean of the shortest interval that
    holds `SHARE` of a group's. Slow queries of an engine that has fewer of them than of others do
    not count: where nobody disturbs, `chunked_ratio` is to be asked.

    Args:
        new, reference: for each group the time of each query.

    Returns:
        The ratio; its `reference` is the median of that engine's queries, and its `new` follows.

    Raises:
        ValueError: as there; but the numbers of queries may differ.
    """
    logs = _logs(new, reference)
    modes = [_most_frequent(*map(_thinned, pair)) for pair in zip(*logs, strict=True)]
    found = _of_groups(modes, logs, alpha, fresh=fresh)
    return replace(found, new=found.reference * found.value)


Logs = list[npt.NDArray[np.float64]]


def _logs(new: Sequence[npt.ArrayLike], reference: Sequence[npt.ArrayLike]) -> tuple[Logs, Logs]:
    if not new or len(new) != len(reference):
        raise ValueError(f"{len(new)} groups of new, and {len(reference)} of the reference")
    ours, theirs = (
        [np.log(positive_samples(group)) for group in side] for side in (new, reference)
    )
    return ours, theirs


def _thinned(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return values[:: -(-values.size // MOST_QUERIES)]


def _most_frequent(new: npt.NDArray[np.float64], reference: npt.NDArray[np.float64]) -> float:
    """The mean of the shortest interval that holds a share of all differences."""
    differences = np.sort(np.subtract.outer(new, reference), axis=None)
    count = max(1, int(SHARE * differences.size))
    widths = differences[count - 1 :] - differences[: differences.size - count + 1]
    first = int(np.argmin(widths))
    return float(differences[first : first + count].mean())


def _of_groups(
    observations: Sequence[float], logs: tuple[Logs, Logs], alpha: float, *, fresh: bool
) -> Ratio:
    """The ratio from one logarithm a group."""
    values, inflation = np.array(observations), 1.0
    if not fresh:
        correlation = _correlation(values)
        inflation = (1 + correlation) / (1 - correlation)
    new, reference = (float(np.median(np.concatenate(side))) for side in logs)
    return ratio_of(values, None, alpha, new, reference, inflation)


def _correlation(values: npt.NDArray[np.float64]) -> float:
    """Of neighbours, one standard error up, as few groups show too little of it."""
    if values.size < 4:
        return MOST_CORRELATION
    rest = values - values.mean()
    squares = float((rest**2).sum())
    if not squares:
        return 0.0
    found = float((rest[1:] * rest[:-1]).sum()) / squares + 2 / values.size
    return min(max(found, 0.0), MOST_CORRELATION)
