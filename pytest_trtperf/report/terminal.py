"""What a person reads in the terminal: a header line, one table, and what needs attention."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pytest_trtperf.report.record import (
    CapacityRecord,
    MeasurementRecord,
    PairRecord,
    VerdictRecord,
)

COLUMNS = ("test", "P50 ms", "P99 ms", "QPS", "budget", "baseline", "change", "verdict")


def header(backend: str, device: str, software: Mapping[str, str]) -> str:
    """One line: backend, device, driver and versions."""
    versions = ", ".join(f"{name} {version}" for name, version in sorted(software.items()))
    return f"trtperf: {backend} on {device} ({versions})"


def summary_lines(
    measurements: Sequence[MeasurementRecord],
    others: Sequence[CapacityRecord | PairRecord] = (),
    *,
    missing: Sequence[str],
    written: Sequence[Path],
    stale: Sequence[str],
    removed: bool,
    errors: Sequence[str],
) -> list[str]:
    """The section that a run ends with."""
    lines = _table(measurements) if measurements else []
    for found in others:
        lines += [found.message, *(f"{found.key}: {text}" for text in found.findings)]
        lines += [f"{verdict.status.upper()} {verdict.message}" for verdict in found.verdicts]
    if not lines:
        lines.append("nothing was measured")
    for record in measurements:
        lines += [f"{record.key}: {text}" for text in (*record.findings, *record.notes)]
    if missing:
        lines.append(f"WITHOUT A BASELINE, nothing was compared ({len(missing)}):")
        lines += [f"  {key}" for key in missing]
        lines.append("  record one with --trtperf-update-new and commit it")
    lines += [f"baseline written: {path}" for path in written]
    if stale:
        done = "removed" if removed else "--trtperf-update removes them"
        lines.append(f"stale baseline entries ({done}): {', '.join(stale)}")
    return lines + [f"ERROR: {error}" for error in errors]


def _table(measurements: Sequence[MeasurementRecord]) -> list[str]:
    rows = [COLUMNS, *(_row(record) for record in measurements)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    return [
        "  ".join(
            cell.ljust(width) if column in (0, len(COLUMNS) - 1) else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _row(record: MeasurementRecord) -> tuple[str, ...]:
    judged = record.summary[record.judged_metric]
    budgets = [verdict for verdict in record.verdicts if verdict.kind == "budget"]
    compared = [
        verdict
        for verdict in record.verdicts
        if verdict.kind == "baseline" and verdict.change is not None
    ]
    shown = _most_telling(compared)
    return (
        record.key,
        f"{judged['median']:.4g}",
        f"{judged['p99']:.4g}",
        f"{record.throughput:.5g}",
        ", ".join(map(_budget, budgets)) or "-",
        _baseline(shown, record.baseline),
        f"{shown.change:+.1%}" if shown and shown.change is not None else "-",
        _verdict(record),
    )


def _most_telling(compared: Sequence[VerdictRecord]) -> VerdictRecord | None:
    """The first failed comparison, else the engine's own time."""
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
    failed = [verdict for verdict in record.verdicts if verdict.failed]
    if failed:
        return "FAIL " + ", ".join(verdict.metric for verdict in failed)
    states = {verdict.status for verdict in record.verdicts}
    word = "inconclusive" if "inconclusive" in states else "pass" if states else "measured"
    by_estimate = any(verdict.reason == "estimate" for verdict in record.verdicts)
    return f"{word} (by estimate)" if by_estimate else word
