"""The budgets that a test of a table holds, by what they are of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pytest_trtperf.slo.table import TableEntry
from pytest_trtperf.slo.types import Limit, Measured, MetricBudgets

_PERCENTILES = {"p50_ms": 50.0, "p90_ms": 90.0, "p95_ms": 95.0, "p99_ms": 99.0}


@dataclass(frozen=True)
class OfMetric:
    """The budgets of one metric.

    Attributes:
        percentiles_ms: of each percentile.
        tail_ratio: of P99 over the median. cov: of the coefficient of variation, a share.
    """

    percentiles_ms: Mapping[float, Limit] = field(default_factory=dict)
    tail_ratio: Limit | None = None
    cov: Limit | None = None

    @property
    def limits_something(self) -> bool:
        """Whether there is a budget."""
        return bool(self.percentiles_ms) or self.tail_ratio is not None or self.cov is not None


def budgets_of_metrics(entry: TableEntry, whole: Measured, key: str) -> dict[str | None, OfMetric]:
    """The budgets by metric; None is the one that a measurement judges unless told otherwise.

    Args:
        key: of the measurement, for messages; empty for the entry itself.

    Raises:
        TableError: a percentile is no number, or a metric comes twice.
    """
    found = {whole.metric: _of_metric(entry, whole, key)}
    for name, budgets in (whole.metrics or {}).items():
        where = ".".join(filter(None, (key, f"metrics.{name}")))
        if name == whole.metric:
            raise entry.problem(where, "metric= names it, too: write its budgets in one place")
        found[name] = _of_metric(entry, budgets, where)
    return {name: budgets for name, budgets in found.items() if budgets.limits_something}


def _of_metric(entry: TableEntry, budgets: MetricBudgets, key: str) -> OfMetric:
    found = {
        p: getattr(budgets, name)
        for name, p in _PERCENTILES.items()
        if getattr(budgets, name) is not None
    }
    for name, limit in (budgets.percentiles_ms or {}).items():
        try:
            p = float(name)
        except ValueError:
            p = 0.0
        if not 0 < p < 100:
            what = f"{name!r} is no percentile: write a number between 0 and 100, such as '99.9'"
            raise entry.problem(".".join(filter(None, (key, "percentiles_ms"))), what)
        found[p] = limit
    return OfMetric(found, budgets.tail_ratio, budgets.cov)
