"""The outcome of a measurement in one word, and its row of cells: what all reports share."""

from __future__ import annotations

from pytest_trtperf.analysis.percent import signed_percent
from pytest_trtperf.analysis.verdict import Reason
from pytest_trtperf.record.model import (
    Measured,
    MeasurementRecord,
    VerdictRecord,
)
from pytest_trtperf.record.text import shortened

COLUMNS = ("test", "P50 ms", "P99 ms", "QPS", "budget", "baseline", "change", "verdict")

OUTCOMES = ("fail", "inconclusive", "pass", "measured")
"""In the order in which they matter."""


def outcome(record: Measured) -> str:
    """One of `OUTCOMES`; measured where nothing was judged."""
    if any(verdict.failed for verdict in record.verdicts):
        return "fail"
    states = {verdict.status for verdict in record.verdicts}
    return "inconclusive" if "inconclusive" in states else "pass" if states else "measured"


def row(record: MeasurementRecord) -> tuple[str, ...]:
    """A cell for each of `COLUMNS`."""
    judged = record.summary[record.judged_metric]
    budgets = [v for v in record.verdicts if v.kind == "budget" and v.limit is not None]
    shown = decisive(record)
    return (
        shortened(record.key),
        f"{judged['median']:.4g}",
        f"{judged['p99']:.4g}",
        f"{record.throughput:.5g}",
        ", ".join(map(_budget, budgets)) or "-",
        _baseline(shown, record.baseline),
        signed_percent(shown.change) if shown and shown.change is not None else "-",
        _verdict(record),
    )


def decisive(record: MeasurementRecord) -> VerdictRecord | None:
    """The comparison to show: the first that failed, else that of the engine's own time."""
    compared = [
        verdict
        for verdict in record.verdicts
        if verdict.kind == "baseline" and verdict.change is not None
    ]
    return next((v for v in compared if v.failed), compared[0] if compared else None)


def _budget(verdict: VerdictRecord) -> str:
    name = verdict.metric.removesuffix(" of latency")
    if verdict.metric == "throughput":
        return f">={verdict.limit:.4g} qps"
    if verdict.metric == "device memory":
        return f"memory<={verdict.limit:g} MiB"
    return f"{name}<={verdict.limit:.4g}"


def _baseline(shown: VerdictRecord | None, state: str) -> str:
    if shown is None or shown.baseline is None:
        return state if state != "compared" else "-"
    return f"{shown.metric} {shown.baseline:.4g}"


def _verdict(record: MeasurementRecord) -> str:
    word = outcome(record)
    if word == "fail":
        return "FAIL " + ", ".join(verdict.metric for verdict in record.verdicts if verdict.failed)
    by_estimate = any(verdict.reason == Reason.ESTIMATE for verdict in record.verdicts)
    return f"{word} (by estimate)" if by_estimate else word
