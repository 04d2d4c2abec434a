"""What other gates say of the same queries: the rules that ours is compared with."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy import stats

Samples = npt.NDArray[np.float64]

LEVEL = 0.01
RESAMPLES = 1000
NOISE_THRESHOLD = 0.01


def flat_mean(before: Samples, after: Samples) -> bool:
    """The mean is over 5 % above: pytest-benchmark's `--benchmark-compare-fail=mean:5%`."""
    return bool(after.mean() > 1.05 * before.mean())


def flat_median(before: Samples, after: Samples) -> bool:
    """The median is over 2 % above."""
    return bool(np.median(after) > 1.02 * np.median(before))


def mann_whitney(before: Samples, after: Samples) -> bool:
    """Queries rank higher by the test of Mann and Whitney (1947), one-sided at 1 %."""
    return bool(stats.mannwhitneyu(after, before, alternative="greater").pvalue < LEVEL)


def bootstrap(before: Samples, after: Samples) -> bool:
    """criterion's rule: the change of the mean, resampled, is surely above zero and above 1 %."""
    draw = np.random.default_rng(0)
    means = [draw.choice(side, (RESAMPLES, side.size)).mean(axis=1) for side in (after, before)]
    changes = means[0] / means[1] - 1
    return bool(np.percentile(changes, 2.5) > NOISE_THRESHOLD)


PEERS: dict[str, Callable[[Samples, Samples], bool]] = {
    "mean 5 % above": flat_mean,
    "median 2 % above": flat_median,
    "Mann-Whitney on queries, 1 %": mann_whitney,
    "bootstrap of the mean, 1 % of noise": bootstrap,
}


def alarms(before: Samples, after: Samples) -> dict[str, bool]:
    """Whether each rule calls the second set of queries slower than the first."""
    return {name: rule(before, after) for name, rule in PEERS.items()}
