"""Variances of few values, each helped by those of its kind: the moderated t of Smyth (2004).

"Linear models and empirical Bayes methods for assessing differential expression in microarray
experiments", Statistical Applications in Genetics and Molecular Biology 3 (1).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

MOST_FREEDOM = 1e6
"""Stands for infinitely many degrees of freedom."""

WORTH = 1.0
"""Log-likelihood by which a further parameter has to be better (Akaike 1974)."""

_PRIORS = np.array([*(2.0 ** (step / 2) for step in range(1, 15)), MOST_FREEDOM])
"""Freedoms of a prior that are tried."""

_LEAST_VARIANCE = 1e-14
"""Of logarithms: two clocks that agree to a ten-millionth are the same."""


@dataclass(frozen=True)
class Variance:
    """A variance of logarithms with the degrees of freedom that it is known to."""

    value: float
    freedom: float

    def moderated(self, own: Variance) -> Variance:
        """An entry's own variance, shrunk to this one of all entries."""
        freedom = self.freedom + own.freedom
        value = (self.freedom * self.value + own.freedom * own.value) / freedom
        return Variance(value, min(freedom, MOST_FREEDOM))


def fit(own: Iterable[Variance]) -> Variance:
    """What variances of many entries have in common: the scale and freedom of their prior.

    Over it they have an F distribution (Smyth 2004), which is fitted by maximum likelihood: its
    method of moments is far off with one degree of freedom each. A prior of little freedom, which
    lets entries differ, has to be likelier by `WORTH` than one that they all share.

    Raises:
        ValueError: no entry has a degree of freedom.
    """
    from scipy import special  # takes half a second, which a trend need not wait for

    known = [one for one in own if one.freedom > 0]
    if not known:
        raise ValueError("no variance has a degree of freedom: there is nothing to fit")
    values = np.array([max(one.value, _LEAST_VARIANCE) for one in known])
    freedom = np.array([one.freedom for one in known])
    scales = _likeliest_scales(values, freedom)
    prior = _PRIORS[:, None]
    ratio = values / scales[:, None]
    # The density of an F distribution, without what does not depend on the prior.
    likelihoods = (
        special.gammaln((freedom + prior) / 2)
        - special.gammaln(prior / 2)
        - freedom / 2 * np.log(prior * scales[:, None])
        - (freedom + prior) / 2 * np.log1p(freedom * ratio / prior)
    ).sum(axis=1)
    best = int(np.flatnonzero(likelihoods >= likelihoods.max() - WORTH)[-1])
    return Variance(float(scales[best]), float(_PRIORS[best]))


def _likeliest_scales(
    values: npt.NDArray[np.float64], freedom: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """The likeliest scale for each freedom of `_PRIORS`, by bisection of its logarithm."""
    low = np.full(_PRIORS.size, math.log(values.min()) - 1)
    high = np.full(_PRIORS.size, math.log(values.max()) + 1)
    prior = _PRIORS[:, None]
    for _ in range(50):
        middle = (low + high) / 2
        over = freedom * values / (prior * np.exp(middle)[:, None] + freedom * values)
        rising = ((freedom + prior) * over - freedom).sum(axis=1) > 0
        low, high = np.where(rising, middle, low), np.where(rising, high, middle)
    return np.asarray(np.exp((low + high) / 2))


def sum_of(parts: Iterable[Variance]) -> Variance:
    """The variance of a sum of independent parts, its freedom by Satterthwaite (1946)."""
    known = [part for part in parts if part.value > 0]
    total = math.fsum(part.value for part in known)
    if not total:
        return Variance(0.0, MOST_FREEDOM)
    freedom = total**2 / math.fsum(part.value**2 / part.freedom for part in known)
    return Variance(total, min(freedom, MOST_FREEDOM))


def quantile(level: float, freedom: float) -> float:
    """Student's quantile."""
    from scipy import special

    return float(special.stdtrit(freedom, level))
