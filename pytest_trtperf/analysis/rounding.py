"""How far correct kernels of float32 are apart where sums cancel, so that the scale is gone."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

TRIALS = 4
"""By how many nudges a floor is estimated: one of a single value may cancel by chance."""

_NUDGE = 2.0**-7
_UNIT_ROUNDOFF = 2.0**-24
# A sum of n terms in any order is, with high probability, the exact one of terms that are off by
# this many times sqrt(n) roundings: N. J. Higham and T. Mary, "A new approach to probabilistic
# rounding error analysis", SIAM J. Sci. Comput. 41(5), 2019.
_LAMBDA = 4.0


def nudged(values: np.ndarray, trial: int) -> np.ndarray:
    """Each value of a float input a little larger or smaller; zeros and infinities stay.

    The share is far above a rounding, so that `rounding_floor` can scale what it does: a decision
    that flips then counts as what it is, not as a rounding that changes everything.
    """
    signs = np.random.default_rng(trial).choice([-_NUDGE, _NUDGE], values.shape)
    with np.errstate(over="ignore"):
        moved = (values * (1 + signs)).astype(values.dtype)
    return np.where(np.isfinite(moved), moved, values)


def rounding_floor(output: np.ndarray, moved: Sequence[np.ndarray], terms: int) -> float:
    """The absolute difference of two correct kernels, by the scale of what they add.

    Args:
        output: of the inputs as they are.
        moved: of `nudged` inputs.
        terms: that a sum has at most.

    Returns:
        0 where nothing can be learned: the shape depends on the inputs, or values are not finite.
    """
    if not output.size or any(one.shape != output.shape for one in moved):
        return 0.0
    wide = output.astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        changes = np.stack([one.astype(np.float64) for one in moved]) - wide
    known = np.abs(changes[np.isfinite(changes)])
    largest = float(known.max(initial=0))
    if not largest:
        return 0.0
    # Scaled, so that squares of large numbers do not overflow.
    change = largest * math.sqrt(float(np.mean((known / largest) ** 2)))
    return _LAMBDA * math.sqrt(terms) * _UNIT_ROUNDOFF / _NUDGE * change
