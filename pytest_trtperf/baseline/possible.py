"""Numbers that no machine gives: a file that has them is damaged, though they are finite."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

LEAST_MS, MOST_MS = 1e-6, 1e9
"""A nanosecond, which clocks do not show, and eleven days."""
LEAST_QPS, MOST_QPS = 1e-9, 1e9
MOST_MHZ = 1e6

MEDIAN = 8  # where 0.5 stands among the 21 fractions of analysis.summary.QUANTILES


def impossible(
    throughput: float,
    quantiles: Mapping[str, Sequence[float]],
    yardstick_ms: float | None = None,
    sm_clock_mhz: float | None = None,
) -> Iterator[tuple[str, str]]:
    """The places within a round that cannot be measured, and why.

    Args:
        throughput: queries per second.
        quantiles: by metric, ms; those of medians and maxima are looked at.
    """
    if not LEAST_QPS <= throughput <= MOST_QPS:
        yield "throughput", f"{throughput:.3g} queries per second are impossible"
    for metric, values in quantiles.items():
        if not (values[MEDIAN] >= LEAST_MS and values[-1] <= MOST_MS):
            found = f"a median of {values[MEDIAN]:.3g} ms and a maximum of {values[-1]:.3g} ms"
            yield f"quantiles.{metric}", f"{found} are impossible"
    if yardstick_ms is not None and not LEAST_MS <= yardstick_ms <= MOST_MS:
        yield "yardstick_ms", f"{yardstick_ms:.3g} ms are impossible"
    if sm_clock_mhz is not None and not sm_clock_mhz <= MOST_MHZ:
        yield "sm_clock_mhz", f"{sm_clock_mhz:.3g} MHz are impossible"
