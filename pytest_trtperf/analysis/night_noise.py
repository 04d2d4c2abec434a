"""What the nights of a series differ by although nothing changed, each helped by all others.

A series of 10 to 60 nights hardly knows its standard deviation and its autocorrelation from night
to night. Both are drawn towards those of the other series, as far as these resemble each other.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from pytest_trtperf.analysis.night_density import IntArray
from pytest_trtperf.analysis.summary import FloatArray

MOST_PHI = 0.9

_ODD = 3.5
"""Deviations beyond this, in robust standard deviations, do not count."""

_ALONE_FREEDOM = 4.0
"""Degrees of freedom of the prior of a variance where few series say how much they differ."""

_ALONE_PHI = 0.04
"""Variance of the prior of an autocorrelation where few series say how much they differ."""

FEW = 8
"""Fewer series say little of what they have in common."""

_SHORT, _LOST = 30, 6.0
"""Of fewer nights an autocorrelation comes out too small, by about this over their number."""


@dataclass(frozen=True)
class Noise:
    """Of each series: mean, variance and autocorrelation, and what they come from.

    `nights` is how many, and `pairs` how many were followed by another one.
    """

    mean: FloatArray
    variance: FloatArray
    phi: FloatArray
    nights: FloatArray
    pairs: FloatArray


PARTS = tuple(field.name for field in fields(Noise))
"""The fields of a `Noise`."""


def own_noise(logs: FloatArray) -> Noise:
    """Estimates from each row of logarithms; NaN fills rows that are short.

    What is far from the median counts for nothing: the limit is 3.5 times 1.4826 times the median
    absolute deviation. The autocorrelation is that of one night and the next, and corrected for
    the bias of an estimated mean, about -(1 + 3 phi) / n (Kendall 1954).
    """
    middle = np.nanmedian(logs, axis=1, keepdims=True)
    reach = _ODD * 1.4826 * np.nanmedian(np.abs(logs - middle), axis=1, keepdims=True)
    kept = np.where(np.abs(logs - middle) <= reach + 1e-12, logs, np.nan)
    count = np.sum(~np.isnan(kept), axis=1)
    mean = np.nansum(kept, axis=1) / count
    rest = kept - mean[:, None]
    squares = np.nansum(rest**2, axis=1)
    variance = squares / np.maximum(count - 1, 1)
    products = rest[:, 1:] * rest[:, :-1]
    pairs = np.sum(~np.isnan(products), axis=1)
    raw = np.nansum(products, axis=1) / np.maximum(pairs, 1) / np.maximum(variance, 1e-24)
    phi = np.clip((pairs * raw + 1) / np.maximum(pairs - 3, 1), -0.95, 0.95)
    phi = np.where((variance > 1e-22) & (pairs > 0), phi, 0.0)
    return Noise(mean, variance, phi, count.astype(np.float64), pairs.astype(np.float64))


def shared_noise(own: Noise, groups: IntArray, floor: float) -> tuple[FloatArray, FloatArray]:
    """Standard deviations and autocorrelations, drawn towards those of the group.

    Variances as by Smyth (2004), with his moments of the logarithms; autocorrelations by the share
    of their variance that is more than chance.

    Args:
        groups: the group of each series, such as its metric.
        floor: the least standard deviation.
    """
    variance = np.maximum(own.variance, floor**2)
    phi = _drawn_phi(own)
    freedom = np.maximum((own.nights - 1) * (1 - phi**2) / (1 + phi**2), 2.0)
    sd = np.empty_like(variance)
    for group in np.unique(groups):
        chosen = groups == group
        sd[chosen] = np.sqrt(_drawn_variance(variance[chosen], freedom[chosen]))
    # A level that is estimated takes a part of what neighbouring nights have in common with it.
    lost = (1 + phi) / (1 - phi) / own.nights
    return np.maximum(sd / np.sqrt(np.maximum(1 - lost, 0.4)), floor), phi


def mean_variance(nights: FloatArray, phi: FloatArray) -> FloatArray:
    """The variance of a mean of this many values of variance 1, with autocorrelation `phi`."""
    exact: FloatArray = (
        (1 + phi) / (1 - phi) - 2 * phi * (1 - phi**nights) / (nights * (1 - phi) ** 2)
    ) / nights
    return exact


def _drawn_variance(variance: FloatArray, freedom: FloatArray) -> FloatArray:
    from scipy import special  # takes half a second, which most nights need not wait for

    logs = np.log(variance) - special.digamma(freedom / 2) + np.log(freedom / 2)
    if variance.size < FEW:
        prior = _ALONE_FREEDOM
    else:
        excess = float(np.var(logs, ddof=1) - np.mean(special.polygamma(1, freedom / 2)))
        prior = _inverse_trigamma(excess) if excess > 0 else 1e3
    centre = float(np.mean(logs)) + float(special.digamma(prior / 2) - np.log(prior / 2))
    drawn: FloatArray = (freedom * variance + prior * np.exp(centre)) / (freedom + prior)
    return drawn


def _inverse_trigamma(value: float) -> float:
    """Twice the argument at which the trigamma function has this value, by bisection."""
    from scipy import special

    low, high = 1e-2, 1e3
    for _ in range(60):
        middle = np.sqrt(low * high)
        if special.polygamma(1, middle / 2) > value:
            low = middle
        else:
            high = middle
    return float(np.sqrt(low * high))


def _drawn_phi(own: Noise) -> FloatArray:
    typical = float(np.median(own.phi))
    chance = 1.3 * (1 - min(typical**2, 0.9)) / np.maximum(own.pairs - 2, 0.1)
    if own.phi.size < FEW:
        centre, spread = float(np.mean(own.phi)) * 0.5, _ALONE_PHI
    else:
        weight = 1 / chance
        centre = float(np.sum(own.phi * weight) / np.sum(weight))
        spread = max(float(np.var(own.phi, ddof=1) - np.mean(chance)), 1e-4)
    drawn: FloatArray = (own.phi * spread + centre * chance) / (spread + chance)
    # Kendall's correction is too small where few nights remember much.
    short = np.where(own.nights < _SHORT, _LOST / own.nights, 0)
    found: FloatArray = np.clip(drawn * (1 + short), 0.0, MOST_PHI)
    return found
