"""Lines on what the machine did: tests that it slowed down, and other processes beside them."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from pytest_trtperf.analysis.diagnosis import FindingCode
from pytest_trtperf.analysis.percent import share_words, signed_percent
from pytest_trtperf.analysis.verdict import Reason
from pytest_trtperf.record.model import Measured
from pytest_trtperf.record.text import shortened
from pytest_trtperf.record.verdict import VerdictRecord
from pytest_trtperf.report.marks import deciding_race
from pytest_trtperf.report.outcomes import listed, outcome
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
            one.key.partition("::")[2] or one.key: next(
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


def busy_line(measured: Sequence[Measured]) -> str | None:
    """That other processes ran beside what failed, and whether a race holds in spite of it."""
    failed = [one for one in measured if outcome(one) == "fail"]
    shares = [
        finding.share or 0.0
        for one in failed
        for finding in one.findings
        if finding.code == FindingCode.CONTENDED.value
    ]
    if not shares:
        return None
    raced = all(any(map(deciding_race, one.verdicts)) for one in failed)
    # Both engines of a race are disturbed alike.
    holds = "the failure holds in spite of it, since engines in turns are disturbed alike"
    return (
        f"other processes took up to {share_words(max(shares))} of the time beside what failed: "
        + (holds if raced else "measure again on a free machine before you trust the sizes")
    )


def _slower(verdict: VerdictRecord) -> float:
    """How much longer a query takes than in the baseline, as a share."""
    if not (verdict.value and verdict.baseline):
        return 0.0
    ratio = verdict.value / verdict.baseline
    return (1 / ratio if verdict.metric == "throughput" else ratio) - 1
