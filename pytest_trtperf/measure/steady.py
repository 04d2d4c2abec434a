"""Whether the numbers of a warm-up are steady, so that it may end."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

WINDOW_MS = 25.0
GROUP = 4
TOLERANCE = 0.01


def trend(medians: Sequence[float]) -> float:
    """Change of the last `GROUP` windows against the `GROUP` before, as a share.

    The medians of the two groups are compared, so that one disturbed window has no effect.
    """
    groups = np.asarray(medians[-2 * GROUP :]).reshape(2, GROUP)
    earlier, later = np.median(groups, axis=1)
    return float(later / earlier - 1)


def is_steady(medians: Sequence[float]) -> bool:
    """Whether two successive groups of windows agree.

    They agree if they differ by less than 1 %, or by less than twice the standard error of the
    difference of their means: a noisy session without a trend is steady.
    """
    if len(medians) < 2 * GROUP:
        return False
    groups = np.asarray(medians[-2 * GROUP :]).reshape(2, GROUP)
    noise = 2 * float(np.sqrt(groups.var(axis=1, ddof=1).sum() / GROUP) / groups.mean())
    # Noise may hide a drift of a few percent, never the jump from a fallback kernel.
    return abs(trend(medians)) < max(TOLERANCE, min(noise, 5 * TOLERANCE))
