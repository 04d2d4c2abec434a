"""`Perf`: the measurement that a test holds, asks for numbers and holds to its limits."""

from __future__ import annotations

import fnmatch
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from numbers import Real

import numpy as np

from pytest_trtperf.analysis.budget import judge_percentile, judge_throughput
from pytest_trtperf.analysis.diagnosis import Finding, diagnose
from pytest_trtperf.analysis.regression import LOOKS
from pytest_trtperf.analysis.summary import Summary, percentile, quantiles, summarize
from pytest_trtperf.analysis.verdict import Status, Verdict, decide
from pytest_trtperf.comparison import Comparison, Subject
from pytest_trtperf.measure.measurement import Measurement, Round
from pytest_trtperf.report.record import MeasurementRecord, RoundRecord, VerdictRecord
from pytest_trtperf.settings import Settings, Tolerance, parse_tolerance

Limit = float | Mapping[str, float]


class PerfAssertionError(AssertionError):
    """A budget was missed or performance regressed."""


class InconclusiveWarning(UserWarning):
    """A verdict stayed inconclusive and the policy is to warn."""


class Perf:
    """A measurement of one engine with concrete shapes.

    Latencies are milliseconds, throughput is queries per second. An `assert_*` method adds
    rounds while its verdict is inconclusive; a conclusive verdict never changes.
    """

    def __init__(self, measurement: Measurement, subject: Subject, settings: Settings) -> None:
        self._measurement, self._subject, self._settings = measurement, subject, settings
        self._verdicts: dict[tuple[object, ...], VerdictRecord] = {}
        self._compared: dict[str, list[VerdictRecord]] = {}
        self._statistics: list[RoundRecord] = []
        self._notes: list[str] = []
        self._comparison_replaced = False
        self._measurement.extend(LOOKS[0])

    def __repr__(self) -> str:
        latency = self.summary()
        return (
            f"<Perf {self._subject.key} on {self._subject.device}: "
            f"P50 {latency.median:.4g} ms, P99 {latency.p99:.4g} ms, {self.qps:.5g} qps, "
            f"{self.queries} queries in {len(self.rounds)} rounds>"
        )

    @property
    def rounds(self) -> tuple[Round, ...]:
        """The rounds so far, each with its trace."""
        return tuple(self._measurement.rounds)

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics that this backend measures, by trtexec's names."""
        return tuple(self._measurement.rounds[0].trace.metrics)

    @property
    def queries(self) -> int:
        """Queries of all rounds."""
        return sum(round.trace.queries for round in self.rounds)

    @property
    def qps(self) -> float:
        """Throughput over all rounds, queries per second."""
        span_ms = sum(round.trace.span_ms for round in self.rounds)
        return 1e3 * self.queries / span_ms

    @property
    def median(self) -> float:
        """Median latency, ms."""
        return self.percentile(50)

    @property
    def p99(self) -> float:
        """99th percentile of latency, ms."""
        return self.percentile(99)

    @property
    def steady(self) -> bool:
        """Whether the warm-up ended because the numbers were steady."""
        return self._measurement.warm_up is not None and self._measurement.warm_up.steady

    @property
    def findings(self) -> list[Finding]:
        """What trtexec would warn of: bound by enqueue or by copies, unstable."""
        found: list[Finding] = []
        if not self.steady:
            drift = self._measurement.warm_up.trend if self._measurement.warm_up else math.nan
            told = "too short to tell" if math.isnan(drift) else f"trend {drift:+.1%}"
            found.append(Finding("not_steady", f"not steady after the warm-up: {told}"))
        if any(round.after.other_processes for round in self.rounds):
            found.append(Finding("other_processes", "other processes were on the GPU"))
        if "gpu_compute" in self.metrics:
            medians = {
                name: self.percentile(50, name) for name in ("enqueue", "h2d", "gpu_compute", "d2h")
            }
            found += diagnose(medians, self.summary("gpu_compute").cov)
        return found

    def samples(self, metric: str = "latency") -> np.ndarray:
        """All queries' values of a metric in milliseconds, shape (queries,).

        Raises:
            ValueError: this backend does not measure the metric; lists those that it does.
        """
        if metric not in self.metrics:
            raise ValueError(f"no metric {metric!r}; there are {', '.join(self.metrics)}")
        return np.concatenate([round.trace.metrics[metric] for round in self.rounds])

    def percentile(self, p: float, metric: str = "latency") -> float:
        """trtexec's p-th percentile (0 to 100) of a metric, ms."""
        return percentile(self.samples(metric), p)

    def summary(self, metric: str = "latency") -> Summary:
        """Count, min, max, mean, median, P90, P95, P99 and CoV of a metric, ms."""
        return summarize(self.samples(metric))

    def assert_p99(self, ms: Limit, metric: str = "latency") -> None:
        """Holds P99 to a budget; see `assert_percentile`."""
        __tracebackhide__ = True
        self.assert_percentile(99, ms, metric)

    def assert_percentile(self, p: float, ms: Limit, metric: str = "latency") -> None:
        """Holds a percentile to a budget in milliseconds.

        Args:
            p: above 0 and below 100.
            ms: one budget, or one for each device: `{"NVIDIA H200*": 2.0, "cpu:*": 80}`.

        Raises:
            PerfAssertionError: the budget is missed, or has no entry for this device.
            ValueError: a budget or `p` is out of range, or the metric is unknown.
        """
        __tracebackhide__ = True
        if not _is_positive(p) or p >= 100:
            raise ValueError(f"a percentile lies between 0 and 100, got {p!r}")
        self.samples(metric)
        name = f"P{p:g} of {metric}"

        def judge(limit: float) -> Verdict:
            rounds = [round.trace.metrics[metric] for round in self.rounds]
            return judge_percentile(rounds, p, limit)

        self._hold(name, "ms", ms, judge)

    def assert_qps(self, qps: Limit) -> None:
        """Holds throughput to a budget in queries per second.

        Raises:
            PerfAssertionError: the budget is missed, or has no entry for this device.
            ValueError: a budget is not a number above zero.
        """
        __tracebackhide__ = True

        def judge(limit: float) -> Verdict:
            return judge_throughput([round.trace.throughput for round in self.rounds], limit)

        self._hold("throughput", "qps", qps, judge)

    def assert_no_regression(self, tolerance: Tolerance | None = None) -> None:
        """Compares with the baseline now, in place of the comparison at the end of the test.

        Args:
            tolerance: a share (0.02), or one for each kind: `{"median": 0.02, "p99": 0.1}`.

        Raises:
            PerfAssertionError: a metric regressed, or the baseline is of another mode.
            ValueError: the tolerance is out of range.
        """
        __tracebackhide__ = True
        self._comparison_replaced = True
        self._compare(self._settings.tolerance if tolerance is None else parse_tolerance(tolerance))

    def conclude(self) -> None:
        """The comparison that every measurement gets when its test's body has passed.

        Raises:
            PerfAssertionError: see `assert_no_regression`.
        """
        __tracebackhide__ = True
        if not self._comparison_replaced:
            self._compare(self._settings.tolerance)

    def record(self) -> MeasurementRecord:
        """Everything measured and judged, as plain data."""
        subject, warm_up = self._subject, self._measurement.warm_up
        return MeasurementRecord(
            test=subject.test,
            key=subject.key,
            module=subject.module,
            baseline_dir=subject.baseline_dir,
            device=subject.device,
            engine=dict(subject.about),
            shapes={name: list(shape) for name, shape in self._measurement.session.shapes.items()},
            mode=dict(self._measurement.session.mode),
            warm_up=asdict(warm_up) if warm_up else {},
            summary={name: asdict(self.summary(name)) for name in self.metrics},
            throughput=self.qps,
            rounds=self._round_records(),
            verdicts=list(self._verdicts.values()),
            findings=[finding.message for finding in self.findings],
            baseline=self._baseline_state(),
            notes=list(self._notes),
        )

    def _baseline_state(self) -> str:
        if not self._subject.records:
            return "off"
        if not self._subject.compares:
            return "replaced"
        return "missing" if self._subject.baseline is None else "compared"

    def _hold(self, name: str, unit: str, budget: Limit, judge: Callable[[float], Verdict]) -> None:
        __tracebackhide__ = True
        limit = self._limit_here(name, budget)
        key = ("budget", name, limit)
        if key not in self._verdicts:
            verdict = self._settle(lambda: judge(limit))
            self._verdicts[key] = _budget_record(
                name, verdict, self._budget_message(name, unit, verdict)
            )
        self._raise_if_failed([self._verdicts[key]])

    def _limit_here(self, name: str, budget: Limit) -> float:
        __tracebackhide__ = True
        limits = budget if isinstance(budget, Mapping) else {"*": budget}
        for pattern, limit in limits.items():
            if not _is_positive(limit):
                where = f" for {pattern!r}" if isinstance(budget, Mapping) else ""
                raise ValueError(
                    f"the budget of {name}{where} must be a number above 0, got {limit!r}"
                )
        for pattern, limit in limits.items():
            if fnmatch.fnmatchcase(self._subject.device, pattern):
                return float(limit)
        raise PerfAssertionError(
            f"the budget of {name} has no entry for {self._subject.device!r}; "
            f"it has {', '.join(map(repr, limits)) or 'none at all'}: add one for this device"
        )

    def _budget_message(self, name: str, unit: str, verdict: Verdict) -> str:
        over = abs(verdict.value - verdict.limit)
        share = over / verdict.limit
        words = {
            Status.PASS: f"keeps its budget of {verdict.limit:.5g} {unit}",
            Status.FAIL: f"misses its budget of {verdict.limit:.5g} {unit} "
            f"by {over:.3g} {unit} ({share:.1%})",
            Status.INCONCLUSIVE: f"cannot be told from its budget of {verdict.limit:.5g} {unit}",
        }
        return (
            f"{self._subject.key}: {name} {verdict.value:.5g} {unit} {words[verdict.status]}, "
            f"measured with {self.queries} queries in {len(self.rounds)} rounds "
            f"on {self._subject.device} [{verdict.message}]"
        )

    def _compare(self, tolerance: Tolerance | None) -> None:
        __tracebackhide__ = True
        if self._subject.baseline is None:
            self._require_baseline()
            return
        comparison = Comparison(
            self._subject,
            self._subject.baseline,
            replace(self._settings, tolerance=tolerance),
            rounds=self._round_records,
            extend=self._measurement.extend,
            session=self._measurement.session,
        )
        key = repr(tolerance)
        if key not in self._compared:
            self._compared[key] = comparison.judge(host_bound=self._is_host_bound())
            self._notes += comparison.notes
            self._verdicts |= {("baseline", v.metric, key): v for v in self._compared[key]}
        self._raise_if_failed(self._compared[key], comparison.differences())

    def _is_host_bound(self) -> bool:
        return any(finding.code == "enqueue_bound" for finding in self.findings)

    def _require_baseline(self) -> None:
        __tracebackhide__ = True
        if self._subject.compares and self._settings.require_baseline:
            raise PerfAssertionError(
                f"{self._subject.key} has no baseline for {self._subject.device} in "
                f"{self._subject.baseline_dir}, and --trtperf-require-baseline asks for one: "
                "record it with --trtperf-update-new on this hardware and commit the file"
            )

    def _settle(self, judge: Callable[[], Verdict]) -> Verdict:
        """Adds rounds at the preset looks while the verdict is inconclusive, then the policy."""
        verdict = judge()
        for look in LOOKS:
            if verdict.status is not Status.INCONCLUSIVE:
                return verdict
            if look > len(self.rounds):
                complete = self._measurement.extend(look)
                verdict = judge()
                if not complete:
                    break
        return decide(verdict, self._settings.inconclusive)

    def _round_records(self) -> list[RoundRecord]:
        for round in self._measurement.rounds[len(self._statistics) :]:
            self._statistics.append(_round_record(round))
        return self._statistics

    def _raise_if_failed(self, records: list[VerdictRecord], context: Sequence[str] = ()) -> None:
        __tracebackhide__ = True
        for record in records:
            if record.status == Status.INCONCLUSIVE.value and not record.failed:
                warnings.warn(record.message, InconclusiveWarning, stacklevel=4)
        if failed := [record.message for record in records if record.failed]:
            raise PerfAssertionError("\n".join([*failed, *(f"  {line}" for line in context)]))


def _is_positive(limit: object) -> bool:
    if isinstance(limit, bool) or not isinstance(limit, Real):
        return False
    try:
        return math.isfinite(limit) and float(limit) > 0
    except OverflowError:
        return False


def _budget_record(name: str, verdict: Verdict, message: str) -> VerdictRecord:
    return VerdictRecord(
        kind="budget", metric=name, status=verdict.status.value, reason=verdict.reason,
        message=message, value=verdict.value, lower=verdict.lower, upper=verdict.upper,
        limit=verdict.limit, failed=verdict.status is Status.FAIL,
    )  # fmt: skip


def _round_record(round: Round) -> RoundRecord:
    trace = round.trace
    return RoundRecord(
        queries=trace.queries,
        throughput=trace.throughput,
        quantiles={name: quantiles(values).tolist() for name, values in trace.metrics.items()},
        started=round.started,
        ended=round.ended,
        before=asdict(round.before),
        after=asdict(round.after),
    )
