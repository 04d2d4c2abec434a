"""What a person reads in the terminal: a header line, one table, and what needs attention."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pytest_trtperf.report.record import CapacityRecord, MeasurementRecord, PairRecord
from pytest_trtperf.report.words import COLUMNS, aligned, row


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
    rows = [row(record) for record in measurements]
    lines = aligned([COLUMNS, *rows], left=(0, len(COLUMNS) - 1)) if rows else []
    for found in others:
        lines += [found.message, *(f"{found.key}: {one.message}" for one in found.findings)]
        lines += [f"{verdict.status.upper()} {verdict.message}" for verdict in found.verdicts]
    if not lines:
        lines.append("nothing was measured")
    for record in measurements:
        remarks = [*(finding.message for finding in record.findings), *record.notes]
        lines += [f"{record.key}: {text}" for text in remarks]
    if missing:
        lines.append(f"WITHOUT A BASELINE, nothing was compared ({len(missing)}):")
        lines += [f"  {key}" for key in missing]
        lines.append("  record one with --trtperf-update-new and commit it")
    lines += [f"baseline written: {path}" for path in written]
    if stale:
        done = "removed" if removed else "--trtperf-update removes them"
        lines.append(f"stale baseline entries ({done}): {', '.join(stale)}")
    return lines + [f"ERROR: {error}" for error in errors]
