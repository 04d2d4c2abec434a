"""Tests that are slower though their engines are not: the lines that each report counts them in."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from pytest_trtperf.analysis.percent import signed_percent
from pytest_trtperf.analysis.verdict import Reason
from pytest_trtperf.record.model import Measured
from pytest_trtperf.record.text import shortened
from pytest_trtperf.record.verdict import VerdictRecord
from pytest_trtperf.report.outcomes import listed
from pytest_trtperf.text import counted

_CAUSES = {
    Reason.ENVIRONMENT.value: (
        "ENVIRONMENT",
        "the machine, its driver, clocks or power changed, not what the tests measure",
    ),
    Reason.SOFTWARE.value: (
        "SOFTWARE",
        "other versions of what runs the engines are slower, not the engines themselves",
    ),
}


def environment_lines(measured: Sequence[Measured]) -> list[str]:
    """How many measurements are slower by something else than their engines, and by how much."""
    lines = []
    for reason, (title, words) in _CAUSES.items():
        slower = {
            one.key.partition("::")[2] or one.key: max(
                _slower(verdict) for verdict in one.verdicts if verdict.reason == reason
            )
            for one in measured
            if any(verdict.reason == reason for verdict in one.verdicts)
        }
        if not slower:
            continue
        sizes = sorted(slower.values())
        size = signed_percent(median(sizes))
        if len(sizes) > 1:
            size += f" at the median, {signed_percent(sizes[0])} to {signed_percent(sizes[-1])}"
        are = "is" if len(slower) == 1 else "are"
        all_of_them = counted(len(measured), "measurement")
        names = listed([shortened(name) for name in slower])
        lines.append(
            f"{title}: {len(slower)} of {all_of_them} {are} slower than the baseline, by {size}, "
            f"and the engines are not: {words} ({names})"
        )
    return lines


def _slower(verdict: VerdictRecord) -> float:
    """How much longer a query takes than in the baseline, as a share."""
    if not (verdict.value and verdict.baseline):
        return 0.0
    ratio = verdict.value / verdict.baseline
    return (1 / ratio if verdict.metric == "throughput" else ratio) - 1
