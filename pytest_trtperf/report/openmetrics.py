"""A record as text that monitoring reads: OpenMetrics, and the metrics report of GitLab.

https://github.com/prometheus/OpenMetrics/blob/main/specification/OpenMetrics.md

All families are gauges, so that the text collector of Prometheus' node exporter, which knows no
other new type of OpenMetrics, reads the file too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pytest_trtperf.analysis.metrics import engine_metric
from pytest_trtperf.record.model import Measured, MeasurementRecord, RunRecord
from pytest_trtperf.report.outcomes import outcome
from pytest_trtperf.utc import utc_seconds

STATISTICS = ("min", "mean", "median", "p90", "p95", "p99", "max")

Labels = Mapping[str, str]


class _Families:
    """Samples by family, whose lines have to stand together."""

    def __init__(self) -> None:
        self._families: dict[str, tuple[str, str, list[str]]] = {}

    def add(self, name: str, help: str, labels: Labels, value: float, unit: str = "") -> None:
        """Adds a sample; a unit is the end of the name."""
        _, _, lines = self._families.setdefault(name, (help, unit, []))
        listed = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
        lines.append(f"{name}{{{listed}}} {float(value)!r}")

    def text(self) -> str:
        """The whole file."""
        return "\n".join([*self._lines(), "# EOF"]) + "\n"

    def _lines(self) -> Iterator[str]:
        for name, (help, unit, lines) in self._families.items():
            yield f"# TYPE {name} gauge"
            if unit:
                yield f"# UNIT {name} {unit}"
            yield f"# HELP {name} {help}"
            yield from lines


def openmetrics(runs: Sequence[RunRecord]) -> str:
    """All numbers of a record, with what became of each test."""
    families = _Families()
    for number, run in enumerate(runs, 1):
        for one in run.measured:
            _add_numbers(families, run, one)
        for item in run.tests:
            labels = {"test": item.test, **_of_run(run, run.host), "outcome": item.outcome}
            families.add("trtperf_test_outcome", "What became of a test.", labels, 1)
        _add_run(families, run, str(number))
    return families.text()


_UNITS = {"ms": "milliseconds", "mJ": "millijoules", "s": "seconds", "MiB": "mebibytes"}


def gitlab_metrics(runs: Sequence[RunRecord]) -> str:
    """The numbers that a merge request of GitLab compares: medians, P99 and throughput.

    GitLab takes all that follows a # for a comment, so that / precedes the name of a measurement.
    """
    families = _Families()
    for run in runs:
        for one in run.measurements:
            labels = {
                name: text.replace("#", "/")
                for name, text in {"test": one.key, **_of_hardware(run)}.items()
            }
            for metric, statistic in (
                (engine_metric(one.summary), "median"),
                (one.judged_metric, "p99"),
            ):
                how = {**labels, "statistic": statistic}
                _add_time(families, metric, how, one.summary[metric][statistic])
            _add_throughput(families, labels, one.throughput)
    return families.text()


def _add_numbers(families: _Families, run: RunRecord, one: Measured) -> None:
    labels = {"test": one.test, "name": _name(one), **_of_run(run, one.host or run.host)}
    if isinstance(one, MeasurementRecord):
        for metric, figures in one.summary.items():
            for statistic in STATISTICS:
                how = {**labels, "statistic": statistic}
                _add_time(families, metric, how, figures[statistic])
        _add_throughput(families, labels, one.throughput)
        for name, cost in one.costs.items():
            unit = _UNITS[cost.unit]
            help = f"What the engine costs: {name.replace('_', ' ')}."
            families.add(f"trtperf_{name}_{unit}", help, labels, cost.value, unit)
    help = "1 where a verdict failed: a budget or a comparison."
    families.add("trtperf_failed", help, labels, outcome(one) == "fail")
    changes = {v.metric: v.change for v in one.verdicts if v.kind in ("baseline", "race")}
    for metric, change in changes.items():
        if change is not None:
            help = "Change against the baseline, as a share."
            families.add("trtperf_change_ratio", help, {**labels, "metric": metric}, change)


def _add_time(families: _Families, metric: str, labels: Labels, value: float) -> None:
    unit = "milliseconds"
    families.add(f"trtperf_{metric}_{unit}", f"{metric} of a query.", labels, value, unit)


def _add_throughput(families: _Families, labels: Labels, value: float) -> None:
    unit = "queries_per_second"
    families.add(f"trtperf_throughput_{unit}", "Throughput.", labels, value, unit)


def _add_run(families: _Families, run: RunRecord, number: str) -> None:
    labels = {"run": number, **_of_run(run, run.host)}
    about = {"device": run.device, "commit": run.commit, "plugin": run.plugin}
    known = {name: text for name, text in about.items() if text}
    families.add("trtperf_run", "What a run was made of, and on.", {**labels, **known}, 1)
    families.add("trtperf_run_exit_status", "pytest's exit status.", labels, run.exit_status)
    help = "When a run ended, since 1970."
    families.add("trtperf_run_end_seconds", help, labels, utc_seconds(run.created), "seconds")


def _of_hardware(run: RunRecord) -> Labels:
    return {"backend": run.backend, "hardware_class": run.hardware_class}


def _of_run(run: RunRecord, host: str | None) -> Labels:
    known = {"host": host, "branch": run.branch}
    return {**_of_hardware(run), **{name: text for name, text in known.items() if text}}


def _name(one: Measured) -> str:
    """The name of a measurement, empty without one."""
    test = one.test.partition("::")[2]
    return one.key.partition("::")[2].removeprefix(test).removeprefix("#")


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
