"""Records in the formats of other programs."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any

from pytest_trtperf.analysis.metrics import engine_metric
from pytest_trtperf.analysis.summary import QUANTILES
from pytest_trtperf.record.model import MeasurementRecord, RunRecord
from pytest_trtperf.report.markdown import markdown
from pytest_trtperf.report.outcomes import outcome
from pytest_trtperf.text import counted

FIGURES = ("count", "min", "mean", "median", "p90", "p95", "p99", "max", "cov")
_QUANTILES = {"median": QUANTILES.index(0.5), "p99": QUANTILES.index(0.99)}
COLUMNS = (
    "created", "commit", "hardware_class", "device", "backend", "key", "metric", *FIGURES,
    "throughput_qps", "verdict",
)  # fmt: skip


def rows(runs: Sequence[RunRecord]) -> list[dict[str, Any]]:
    """A row for each measurement and metric; figures are milliseconds, `cov` is a share."""
    return [
        {
            "created": run.created,
            "commit": run.commit or "",
            "hardware_class": run.hardware_class,
            "device": one.device,
            "backend": run.backend,
            "key": one.key,
            "metric": metric,
            **{name: figures[name] for name in FIGURES},
            "throughput_qps": one.throughput,
            "verdict": outcome(one),
        }
        for run in runs
        for one in run.measurements
        for metric, figures in one.summary.items()
    ]


def to_csv(runs: Sequence[RunRecord]) -> str:
    """`rows` as comma-separated values (RFC 4180) with a header."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS)
    writer.writeheader()
    writer.writerows(rows(runs))
    return text.getvalue()


def to_markdown(runs: Sequence[RunRecord]) -> str:
    """A section for each run."""
    return "\n".join(
        markdown(f"{run.backend} on {run.device}", run.measured, tests=run.tests) for run in runs
    )


def smaller_is_better(runs: Sequence[RunRecord]) -> list[dict[str, Any]]:
    """What github-action-benchmark reads as `customSmallerIsBetter`: medians and P99."""
    return [
        _entry(run, one, f"{metric} {name}", "ms", one.summary[metric][figure], values)
        for run, one in _measurements(runs)
        for metric, name, figure in _times(one)
        for values in [[r.quantiles[metric][_QUANTILES[figure]] for r in one.rounds]]
    ]


def bigger_is_better(runs: Sequence[RunRecord]) -> list[dict[str, Any]]:
    """What github-action-benchmark reads as `customBiggerIsBetter`: throughput."""
    return [
        _entry(run, one, "throughput", "qps", one.throughput, [r.throughput for r in one.rounds])
        for run, one in _measurements(runs)
    ]


def _measurements(runs: Sequence[RunRecord]) -> Iterator[tuple[RunRecord, MeasurementRecord]]:
    return ((run, one) for run in runs for one in run.measurements)


def _times(one: MeasurementRecord) -> list[tuple[str, str, str]]:
    return [(engine_metric(one.summary), "median", "median"), (one.judged_metric, "P99", "p99")]


def _entry(
    run: RunRecord,
    one: MeasurementRecord,
    what: str,
    unit: str,
    value: float,
    values: Sequence[float],
) -> dict[str, Any]:
    """An entry; `values` are those of its rounds, which the range is of."""
    return {
        "name": f"{one.key} {what} ({run.backend} on {run.hardware_class})",
        "unit": unit,
        "value": value,
        "range": f"rounds {min(values):.5g} to {max(values):.5g}",
        "extra": f"{counted(len(one.rounds), 'round')} on {one.device}, verdict {outcome(one)}",
    }
