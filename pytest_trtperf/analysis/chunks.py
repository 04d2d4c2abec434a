"""Two engines in turns of a few milliseconds: the ratio of their times where a machine is noisy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pytest_trtperf.analysis.paired import ALPHA, Ratio, ratio_of
from pytest_trtperf.analysis.summary import positive_samples

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
    if not new or len(new) != len(reference):
        raise ValueError(f"{len(new)} groups of new, and {len(reference)} of the reference")
    logs = [[np.log(positive_samples(group)) for group in side] for side in (new, reference)]
    if any(ours.size != theirs.size for ours, theirs in zip(*logs, strict=True)):
        raise ValueError("a group has more chunks of one engine than of the other")
    medians = np.array([float(np.median(a - b)) for a, b in zip(*logs, strict=True)])
    inflation = 1.0
    if not fresh:
        correlation = _correlation(medians)
        inflation = (1 + correlation) / (1 - correlation)
    means = [float(np.median(np.concatenate(side))) for side in logs]
    return ratio_of(medians, None, alpha, means[0], means[1], inflation)


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
