"""How unlikely a night is in a series that did not change: the common density of all series.

A night's surprise is its value less what the nights before let expect, in standard deviations. Most
nights follow the normal distribution; some are odd. How odd they are, and how often, is counted
over all series, so that an alarm takes more nights where odd ones are frequent.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from pytest_trtperf.analysis.summary import FloatArray

IntArray = npt.NDArray[np.intp]

_EDGES = np.array([0.0, 2.0, 2.5, 3.0, 3.5, *(3.5 * 1.25 ** np.arange(1, 21))])
"""Borders of surprise on either side; what is beyond the last counts to the last bin."""

_NORMAL_BINS = 4
"""Bins in which the density has the normal shape; in the others it is flat."""

_ODD_SHARE, _ODD_NIGHTS = 0.02, 500.0
"""What is assumed before anything was seen: the share of odd nights, with this many nights' weight.

Odd nights are as likely in each flat bin: their size is known by its order of magnitude at most.
"""

_NEAR, _STEPS = 8, 64
"""Surprises up to here are looked up, in steps of a 64th."""

_ROOT = float(np.sqrt(2 * np.pi))


class NightDensity:
    """Counts of surprises, and the density that follows from them.

    Args:
        counts: those of an earlier one.
    """

    def __init__(self, counts: FloatArray | None = None) -> None:
        bins = _EDGES.size - 1
        # Of the normal distribution; scipy's import takes longer than a night's trend.
        beyond = np.array([math.erfc(edge / math.sqrt(2)) / 2 for edge in _EDGES.tolist()])
        self._normal = -np.diff(beyond)
        self._normal[-1] += beyond[-1]
        flat = np.zeros(bins)
        flat[_NORMAL_BINS:] = _ODD_SHARE / 2 / (bins - _NORMAL_BINS)
        prior = _ODD_NIGHTS * (self._normal * (1 - _ODD_SHARE) + flat)
        self.counts = np.vstack([prior, prior]) if counts is None else counts
        self._renew()

    def add(self, surprises: FloatArray) -> None:
        """Counts the surprises of nights at which nothing was suspected."""
        places = _places(surprises)
        for side, chosen in enumerate((surprises < 0, surprises >= 0)):
            self.counts[side] += np.bincount(places[chosen], minlength=self.counts.shape[1])
        self._renew()

    def log(self, surprises: FloatArray) -> FloatArray:
        """The logarithm of the density, for an array of any shape."""
        near: FloatArray = self._table[
            np.clip(surprises * _STEPS + _STEPS * _NEAR, 0, 2 * _STEPS * _NEAR).astype(np.intp)
        ]
        far = np.abs(surprises) >= _NEAR
        if far.any():
            near[far] = self._exact(surprises[far])
        return near

    def _exact(self, surprises: FloatArray) -> FloatArray:
        side = (surprises >= 0).astype(np.intp)
        place = _places(surprises)
        normal = -0.5 * surprises * surprises
        values: FloatArray = np.where(
            place < _NORMAL_BINS, normal + self._log[side, place], self._log[side, place]
        )
        return values

    def usual(self, surprises: FloatArray) -> FloatArray:
        """The probability that a night is not odd."""
        normal = np.exp(-0.5 * surprises * surprises) / _ROOT
        share: FloatArray = np.minimum(1.0, normal * self._usual / np.exp(self.log(surprises)))
        return share

    def _renew(self) -> None:
        shares = self.counts / self.counts.sum()
        flat = shares / np.diff(_EDGES)
        shaped = shares / np.maximum(self._normal, 1e-9) / _ROOT
        self._log = np.log(np.where(np.arange(flat.shape[1]) < _NORMAL_BINS, shaped, flat))
        middles = (np.arange(2 * _STEPS * _NEAR + 1) + 0.5) / _STEPS - _NEAR
        self._table = self._exact(middles)
        self._usual = float(shares[:, 0].sum() / (2 * self._normal[0]))


def _places(surprises: FloatArray) -> IntArray:
    size = np.abs(surprises)
    places = np.log(np.maximum(size, 1e-9) / 3.5) * (1 / np.log(1.25)) + _NORMAL_BINS
    # The bins below 3.5 are half a standard deviation wide, from 2 on.
    inner = np.maximum(2 * size - 3, 0)
    last = _EDGES.size - 2
    chosen = np.where(size < 3.5, inner, np.minimum(places, last))
    found: IntArray = chosen.astype(np.intp)
    return found
