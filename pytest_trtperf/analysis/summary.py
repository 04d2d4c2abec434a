"""Summaries of one sample: trtexec's percentile, the usual figures, and the stored quantiles."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

QUANTILES: tuple[float, ...] = (
    *(0.0, 0.01, 0.05, 0.1, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7),
    *(0.75, 0.8, 0.9, 0.925, 0.95, 0.975, 0.98, 0.99, 0.999, 1.0),
)
"""The 21 fractions that a baseline keeps of each metric and round, ascending from 0 to 1."""


@dataclass(frozen=True)
class Summary:
    """Figures of one sample, in the unit of the sample (ms); percentiles as trtexec has them.

    Attributes:
        count: how many values there are.
        min: minimum.
        max: maximum.
        mean: arithmetic mean.
        median: the middle value, or the mean of the middle pair.
        p90: 90th percentile, likewise `p95` and `p99`.
        cov: coefficient of variation, standard deviation over mean, as a fraction.
    """

    count: int
    min: float
    max: float
    mean: float
    median: float
    p90: float
    p95: float
    p99: float
    cov: float


def finite_samples(samples: npt.ArrayLike) -> FloatArray:
    """A flat float64 array of `samples`; ValueError when it is empty or holds NaN or infinity."""
    values = np.asarray(samples, dtype=np.float64).ravel()
    if not values.size:
        raise ValueError("no samples: a statistic needs at least one value")
    if not np.isfinite(values).all():
        wrong = np.flatnonzero(~np.isfinite(values))[0]
        raise ValueError(f"sample {wrong} is {values[wrong]}: only finite values count")
    return values


def positive_samples(samples: npt.ArrayLike) -> FloatArray:
    """As `finite_samples`, and ValueError on a value that is zero or negative."""
    values = finite_samples(samples)
    if values.min() <= 0:
        wrong = np.flatnonzero(values <= 0)[0]
        raise ValueError(f"sample {wrong} is {values[wrong]}: it must be positive")
    return values


def bounded_exp(log: float) -> float:
    """A ratio from its logarithm; those beyond 1e43, or below 1e-43, are all the same."""
    return math.exp(max(-100.0, min(log, 100.0)))


def _is_percentage(p: object) -> bool:
    return isinstance(p, Real) and 0 <= float(p) <= 100


class Sample:
    """A sample sorted once, for all of its figures; everything in the unit of the sample.

    One that is made of another shares its values.

    Raises:
        ValueError: `samples` is empty or not finite.
    """

    __slots__ = ("ordered",)

    def __init__(self, samples: npt.ArrayLike | Sample) -> None:
        self.ordered: FloatArray = (
            samples.ordered if isinstance(samples, Sample) else np.sort(finite_samples(samples))
        )

    @classmethod
    def pooled(cls, samples: Sequence[Sample]) -> Sample:
        """All values of several samples, of which there is at least one."""
        if len(samples) == 1:
            return samples[0]
        pool = cls.__new__(cls)
        # Stable sorting merges what is sorted already, several times as fast.
        pool.ordered = np.sort(np.concatenate([one.ordered for one in samples]), kind="stable")
        return pool

    def __len__(self) -> int:
        return int(self.ordered.size)

    @property
    def median(self) -> float:
        """The middle value, or the mean of the middle pair."""
        middle = self.ordered.size // 2
        first = middle if self.ordered.size % 2 else middle - 1
        return float(self.ordered[first : middle + 1].mean())

    def percentile(self, p: float) -> float:
        """See the function `percentile`."""
        if not _is_percentage(p):
            raise ValueError(f"percentile {p!r} is outside 0 to 100")
        # float32 is part of the definition: in float64 the P99 of 100 queries is another sample
        share = np.float32(1) - np.float32(p) / np.float32(100)
        excluded = int(share * np.float32(self.ordered.size))
        return float(self.ordered[max(self.ordered.size - 1 - excluded, 0)])

    def summarize(self) -> Summary:
        """See the function `summarize`."""
        mean = float(self.ordered.mean())
        return Summary(
            count=len(self),
            min=float(self.ordered[0]),
            max=float(self.ordered[-1]),
            mean=mean,
            median=self.median,
            p90=self.percentile(90),
            p95=self.percentile(95),
            p99=self.percentile(99),
            cov=float(self.ordered.std()) / mean if mean else 0.0,
        )

    def quantiles(self) -> FloatArray:
        """See the function `quantiles`."""
        values = [self.percentile(round(100 * fraction, 6)) for fraction in QUANTILES]
        values[QUANTILES.index(0.5)] = self.median
        return np.array(values, dtype=np.float64)


def percentile(samples: npt.ArrayLike, p: float) -> float:
    """The `p`-th percentile (0 to 100) as trtexec reports it, in the unit of `samples`.

    No interpolation: `sorted[max(N - 1 - int((1 - p / 100) * N), 0)]`, the index in float32
    arithmetic (NVIDIA/TensorRT, samples/common/sampleReporting.cpp, `findPercentile`).

    Raises:
        ValueError: `samples` is empty or not finite, or `p` is outside 0 to 100.
    """
    return Sample(samples).percentile(p)


def summarize(samples: npt.ArrayLike) -> Summary:
    """All figures of a `Summary`; percentiles as trtexec has them.

    The median averages the middle pair, and the coefficient of variation is the population
    standard deviation over the mean (both NVIDIA/TensorRT, sampleReporting.cpp); it is 0 for a
    mean of 0, which is what a query without transfers has.

    Raises:
        ValueError: `samples` is empty or not finite.
    """
    return Sample(samples).summarize()


def quantiles(samples: npt.ArrayLike) -> FloatArray:
    """The 21 values at `QUANTILES`: trtexec's percentiles, and its median for the fraction 0.5.

    Raises:
        ValueError: `samples` is empty or not finite.
    """
    return Sample(samples).quantiles()
