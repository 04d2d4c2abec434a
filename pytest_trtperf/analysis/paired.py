"""Two engines measured in turns: the ratio of their times."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from pytest_trtperf.analysis.summary import bounded_exp, positive_samples
from pytest_trtperf.analysis.verdict import Reason, Status, Verdict

BLOCK_LOOKS = (4, 8, 12, 16)
"""Numbers of blocks at which a verdict is asked for; alpha is shared among these looks."""

ALPHA = 0.01 / len(BLOCK_LOOKS)

# a ratio of exactly the limit must not be decided by the rounding of a logarithm
_SLACK = 1e-12


@dataclass(frozen=True)
class Ratio:
    """New over reference.

    Attributes:
        value: the ratio; below 1 the new engine takes less time.
        lower: confidence bound, one-sided.
        upper: confidence bound, one-sided.
        new: geometric mean of the new engine's rounds, ms or queries per second.
        reference: that of the reference.
        blocks: the ratio of each observation, a block or a group of chunks, in their order.
    """

    value: float
    lower: float
    upper: float
    new: float
    reference: float
    blocks: tuple[float, ...] = ()

    @property
    def block_changes(self) -> list[float]:
        """How far each observation is from 1, to five digits, as records keep it."""
        return [float(f"{one - 1:.5g}") for one in self.blocks]

    @property
    def figures(self) -> dict[str, float]:
        """All but the blocks, by name."""
        names = ("value", "lower", "upper", "new", "reference")
        return {name: getattr(self, name) for name in names}


def paired_ratio(
    new: npt.ArrayLike,
    reference: npt.ArrayLike,
    new_first: Sequence[bool] | None = None,
    alpha: float = ALPHA,
) -> Ratio:
    """The ratio of two engines from blocks of rounds in the order new, reference, reference, new.

    Within a block a drift that is linear in time falls on both alike. A block's difference of mean
    logarithms is one observation, and the interval is Student's on them (1908), each side at level
    1 - alpha; unbounded with a single block. Which session was started first can make one engine
    faster than itself: blocks of either order weigh the same then, and the spread is that within
    an order.

    Args:
        new, reference: one value a round in the order of measuring, two a block.
        new_first: for each block, whether the new engine's session was started first; None where
            that was never changed.

    Raises:
        ValueError: a value is not positive and finite, or the numbers of rounds differ, are odd or
            zero, or not those of `new_first`.
    """
    logs = [np.log(positive_samples(side)) for side in (new, reference)]
    if logs[0].size != logs[1].size or logs[0].size % 2:
        raise ValueError(
            f"blocks have two rounds of each, but there are {logs[0].size} and {logs[1].size}"
        )
    blocks = [side.reshape(-1, 2).mean(axis=1) for side in logs]
    differences = blocks[0] - blocks[1]
    means = [float(side.mean()) for side in logs]
    return ratio_of(differences, new_first, alpha, means[0], means[1])


def ratio_of(
    differences: npt.NDArray[np.float64],
    new_first: Sequence[bool] | None,
    alpha: float,
    new: float,
    reference: float,
    inflation: float = 1.0,
) -> Ratio:
    """The ratio from one difference of logarithms an observation, see `paired_ratio`.

    Args:
        new, reference: logarithms of what each engine takes.
        inflation: of the variance, where observations resemble each other.

    Raises:
        ValueError: `new_first` has another length.
    """
    first = np.ones(differences.size, bool) if new_first is None else np.asarray(new_first, bool)
    if first.size != differences.size:
        raise ValueError(f"{differences.size} blocks, but new_first has {first.size}")
    orders = [np.sort(group) for group in (differences[first], differences[~first]) if group.size]
    change, half = float(np.mean([group.mean() for group in orders])), 0.0
    freedom = differences.size - len(orders)
    if freedom > 0:
        squares = math.fsum(float(group.var()) * group.size for group in orders)
        share = sum(1 / group.size for group in orders) / len(orders) ** 2
        t = float(special.stdtrit(freedom, 1 - alpha))
        half = t * math.sqrt(inflation * squares / freedom * share)
    return Ratio(
        value=bounded_exp(change),
        lower=bounded_exp(change - half) if freedom > 0 else 0.0,
        upper=bounded_exp(change + half) if freedom > 0 else math.inf,
        new=math.exp(new),
        reference=math.exp(reference),
        blocks=tuple(map(bounded_exp, differences.tolist())),
    )


def judge_ratio(ratio: Ratio, limit: float, higher_is_better: bool = False) -> Verdict:
    """Whether a ratio is surely at most `limit`, surely above it, or neither.

    Args:
        higher_is_better: at least, and below.

    Raises:
        ValueError: `limit` is not positive and finite.
    """
    if not (math.isfinite(limit) and limit > 0):
        raise ValueError(f"a ratio's limit must be a number above 0, got {limit}")
    best, worst = ratio.lower, ratio.upper
    if higher_is_better:
        best, worst = -worst, -best
    allowed = (-limit if higher_is_better else limit) + _SLACK
    if worst <= allowed:
        status, reason = Status.PASS, Reason.WITHIN_LIMIT
    elif best > allowed:
        status, reason = Status.FAIL, Reason.UNDER_LIMIT if higher_is_better else Reason.OVER_LIMIT
    else:
        status, reason = Status.INCONCLUSIVE, Reason.OVERLAPS_LIMIT
    return Verdict(
        status, reason, "", ratio.value, ratio.lower, ratio.upper, limit, higher_is_better
    )
