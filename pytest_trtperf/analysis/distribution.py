"""Odd distributions of queries: several modes, and queries far above the rest."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import special

from pytest_trtperf.analysis.diagnosis import Finding, FindingCode
from pytest_trtperf.analysis.percent import share_words
from pytest_trtperf.analysis.summary import FloatArray, Sample

RESOLUTION_MS = 0.0005
"""What CUDA events resolve (CUDA runtime, `cudaEventElapsedTime`): finer steps say nothing."""

LEAST_FOR_SHAPE = 50
"""Queries below which neither outliers nor modes are looked for."""

OUTLIER_FACTOR = 1.2
"""How many times the median a query takes at least to be an outlier."""

CHANCE_OUTLIERS = 0.01
"""Outliers that all queries of a measurement with an ordinary tail have on average, at most."""

MODE_SHARE = 0.04

MODES_APART = 0.015
"""The minimum share of the queries in a mode, and the minimum distance of two levels.

They are below 5 and 2 %, so that modes of 5 % of the queries, and modes 2 % apart, are found
whatever the draw.
"""

VALLEY_DEPTH = 0.5
"""How high the density between two modes may be, as a share of the lower mode's."""

VALLEY_CHANCE = 1e-3
"""The chance that noise makes such a valley somewhere in one density."""

ASHMANS_D = 3.0


def outliers(rounds: Sequence[npt.ArrayLike | Sample], *, on_cpu: bool = False) -> Finding | None:
    """Queries far above the rest (code `outliers`), from each round's queries in milliseconds.

    The rest is all queries, or the slowest mode where there are several (`bimodal`). Outliers lie
    beyond a limit that 0.01 of n queries exceed on average (the outlier region of Davies & Gather
    1993). The limit is the larger of two: for an exponential tail, and for a lognormal one. The
    scale of each comes from the upper quartile or decile, whichever gives more. An outlier also
    takes at least 1.2 times the median, and three steps of an event's clock more than it. Neither
    the order of queries nor that of rounds matters.

    Args:
        on_cpu: where it was measured decides what to do.

    Raises:
        ValueError: there are no rounds, or one is empty or not finite.
    """
    samples = [Sample(one) for one in rounds]
    if not samples:
        raise ValueError("no rounds: outliers need at least one")
    sample = Sample.pooled(samples)
    median, longest, queries = sample.median, float(sample.ordered[-1]), len(sample)
    if queries < LEAST_FOR_SHAPE or median <= 0 or longest <= OUTLIER_FACTOR * median:
        return None
    factor = _far_fence(_modes(sample.ordered)[-1]) / median
    # rounded up first, so that the printed factor is the one that was counted with
    factor = math.ceil(100 * factor - 1e-6) / 100 if factor < 10 else math.ceil(factor)
    fence = factor * median
    count = queries - int(np.searchsorted(sample.ordered, fence, "right"))
    if not count:
        return None
    hit = sum(bool(one.ordered[-1] > fence) for one in samples)
    where = f" in {hit} of {len(samples)} rounds" if len(samples) > 1 else ""
    message = (
        f"{count} of {queries} queries ({share_words(count / queries)}){where} took more than "
        f"{factor:g}x the median {median:.4g} ms; the longest {longest:.4g} ms "
        f"({longest / median:.1f}x): look for other work on the "
        f"{'machine' if on_cpu else 'device and its host'}"
    )
    return Finding(FindingCode.OUTLIERS, message, count / queries)


def bimodal(samples: npt.ArrayLike | Sample, *, on_cpu: bool = False) -> Finding | None:
    """Two or more modes clearly apart (code `bimodal`), such as clock levels; in milliseconds.

    Two modes are parted by a valley in a kernel density of the logarithms, at any width from
    Silverman's rule of thumb (1986) up. Each side of it has at least `MODE_SHARE` of the queries.
    It is at most half as high as the lower of the peaks beside it, and deeper than the noise of
    independent queries makes one. Of several valleys, the first is that with the greatest variance
    between its sides (Otsu 1979); each side is then searched again. The sides' medians are apart
    by at least `MODES_APART` and by D > 3 (Ashman, Bird & Zepf 1994), with quartiles for standard
    deviations. The order of the queries does not matter.

    Args:
        on_cpu: where it was measured decides what to do.

    Raises:
        ValueError: `samples` is empty or not finite.
    """
    sample = Sample(samples)
    modes = _modes(sample.ordered)
    if len(modes) == 1:
        return None
    count = {2: "two", 3: "three"}.get(len(modes), str(len(modes)))
    shares = [f"{mode.size / len(sample):.0%}" for mode in modes]
    shares[0] += " of queries"
    levels = [f"near {np.median(mode):.4g} ms" for mode in modes]
    advice = (
        "look for other work on the machine, or for threads that move between processors"
        if on_cpu
        else "lock the clocks, or look for kernels that take turns and for other work on the device"
    )
    modes_of = ", ".join(map(" ".join, zip(shares, levels, strict=True)))
    return Finding(FindingCode.BIMODAL, f"{count} modes: {modes_of}; {advice}")


def _far_fence(ordered: FloatArray) -> float:
    """The latency above which a query is an outlier to the ascending and positive `ordered`."""
    median, quartile, decile = _at(ordered, 0.5, 0.75, 0.9)
    rare = CHANCE_OUTLIERS / ordered.size
    scale = max((quartile - median) / math.log(2), (decile - median) / math.log(5))
    exponential = median + scale * math.log(0.5 / rare)
    sigma = max(math.log(quartile / median) / 0.6745, math.log(decile / median) / 1.2816)
    lognormal = median * math.exp(min(-float(special.ndtri(rare)) * sigma, 500.0))
    return max(exponential, lognormal, OUTLIER_FACTOR * median, median + 3 * RESOLUTION_MS)


def _modes(ordered: FloatArray, least: float = 0.0) -> list[FloatArray]:
    """The ascending `ordered`, cut into its modes of at least `least` queries; see `bimodal`."""
    least = least or MODE_SHARE * ordered.size
    split = _fast_mode(ordered, least)
    if split is None:
        return [ordered]
    return _modes(ordered[:split], least) + _modes(ordered[split:], least)


def _fast_mode(ordered: FloatArray, least: float) -> int | None:
    """How many of the ascending `ordered` belong to the faster of two modes; None if there is one.

    Only the inner 98 % are looked at, so that one query of a second does not widen the grid.
    """
    queries, ordered = ordered.size, np.maximum(ordered, 0.0)
    # started logarithms (Tukey 1977): what events cannot resolve is small, and 0 has one
    quantiles = np.array(_at(ordered, 0.01, 0.05, 0.25, 0.75, 0.95, 0.99))
    low, q05, q25, q75, q95, high = np.log(quantiles + RESOLUTION_MS).tolist()
    if queries < LEAST_FOR_SHAPE or high - low < math.log1p(MODES_APART):
        return None
    # the lesser of two robust deviations: one mode's, if the other is small or they are alike
    deviation = min((q75 - q25) / 1.349, (q95 - q05) / 3.29)
    width = max(0.9 * deviation * queries**-0.2, MODES_APART / 6, RESOLUTION_MS * math.exp(-q05))
    found = [np.zeros(0, dtype=np.int64)]
    while width < (high - low) / 3:
        grid = np.arange(low - 4 * width, high + 4 * width, width / 4)
        below = np.searchsorted(ordered, np.exp(grid) - RESOLUTION_MS)
        found.append(below[1:][_valleys(np.diff(below))])
        width *= 2
    splits = np.concatenate(found)
    splits = splits[(splits >= least) & (splits <= queries - least)]
    if not splits.size:
        return None
    logs = np.log(ordered + RESOLUTION_MS)
    sums = np.cumsum(logs - logs[0])
    between = (sums[splits - 1] - sums[-1] * splits / queries) ** 2 / (splits * (queries - splits))
    split = int(splits[np.argmax(between)])
    return split if _apart(logs[:split], logs[split:]) else None


def _valleys(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Which bins are valleys deep enough to part two modes; bins are 1/4 kernel wide."""
    kernel = np.exp(-0.5 * (np.arange(-16, 17) / 4) ** 2)
    # so scaled, a density is the number of queries that it rests on: Poisson's variance
    density = np.convolve(counts, kernel, "same") * (kernel.sum() / (kernel**2).sum())
    peak = np.minimum(np.maximum.accumulate(density), np.maximum.accumulate(density[::-1])[::-1])
    # any two places could have been peak and valley (Bonferroni)
    sigmas = -float(special.ndtri(VALLEY_CHANCE / (counts.size / 4) ** 2))
    deep = (density <= VALLEY_DEPTH * peak) & (peak - density >= sigmas * np.sqrt(peak + density))
    # the last bin of an empty stretch stands for it; the ends are no valleys in any case
    least = (density <= np.roll(density, 1)) & (density < np.roll(density, -1))
    found: npt.NDArray[np.bool_] = deep & least
    return found


def _apart(fast: FloatArray, slow: FloatArray) -> bool:
    """Whether two modes, as ascending logarithms, differ by a share and a spread that matter."""
    (low, fast_median, high), (left, slow_median, right) = (
        _at(side, 0.25, 0.5, 0.75) for side in (fast, slow)
    )
    gap = slow_median - fast_median
    spread = math.hypot(high - low, right - left) / 1.349
    return gap >= math.log1p(MODES_APART) and math.sqrt(2) * gap > ASHMANS_D * spread


def _at(ordered: FloatArray, *fractions: float) -> list[float]:
    """The values at `fractions` of an ascending sample, between neighbours by interpolation."""
    places = np.array(fractions) * (ordered.size - 1)
    first = places.astype(int)
    second = np.minimum(first + 1, ordered.size - 1)
    values: list[float] = (
        ordered[first] + (places - first) * (ordered[second] - ordered[first])
    ).tolist()
    return values
