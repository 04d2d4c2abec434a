"""`Perf`: the measurement that a test holds, asks for numbers and holds to its limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path

from pytest_trtperf.analysis.budget import judge_percentile, judge_throughput
from pytest_trtperf.analysis.layers import Layer, summarize_layers
from pytest_trtperf.analysis.regression import LOOKS
from pytest_trtperf.analysis.summary import FloatArray, Sample
from pytest_trtperf.analysis.verdict import Status, Verdict, decide, evident_status
from pytest_trtperf.comparison import Comparison, Subject
from pytest_trtperf.errors import MeasurementError
from pytest_trtperf.limits import (
    Limit,
    PerfAssertionError,
    is_positive,
    limit_here,
    raise_if_failed,
    settle,
)
from pytest_trtperf.measure.host_state import CONTENDED
from pytest_trtperf.measure.measurement import Measurement, Round
from pytest_trtperf.option_values import Tolerance, parse_tolerance
from pytest_trtperf.report.as_baseline import against_record, tactics
from pytest_trtperf.report.record import (
    EngineRecord,
    FindingRecord,
    LayerRecord,
    MeasurementRecord,
    RoundRecord,
    VerdictRecord,
)
from pytest_trtperf.report.trtexec import export_profile, export_times
from pytest_trtperf.result import Result
from pytest_trtperf.runtime.memory import DeviceMemory
from pytest_trtperf.settings import Settings

LAYER_QUERIES = 100
"""Queries that a layer profile takes its medians from."""


class Perf(Result):
    """A measurement of one engine with concrete shapes, held to limits.

    Latencies are milliseconds, throughput is queries per second. An `assert_*` method adds
    rounds while its verdict is inconclusive; a conclusive verdict never changes.
    """

    def __init__(self, measurement: Measurement, subject: Subject, settings: Settings) -> None:
        super().__init__(measurement)
        self._subject, self._settings = subject, settings
        self._verdicts: dict[tuple[object, ...], VerdictRecord] = {}
        self._compared: dict[str, list[VerdictRecord]] = {}
        self._statistics: list[RoundRecord] = []
        self._notes: list[str] = []
        self._differences: list[str] = []
        self._layers: list[Layer] = []
        self._layer_queries, self._layers_refused = 0, False
        self._comparison_replaced = False
        self._measurement.extend(LOOKS[0])

    def __repr__(self) -> str:
        judged = self.summary()
        return (
            f"<Perf {self._subject.key} on {self._subject.device}: "
            f"P50 {judged.median:.4g} ms, P99 {judged.p99:.4g} ms, {self.qps:.5g} qps, "
            f"{self.queries} queries in {len(self.rounds)} rounds>"
        )

    @property
    def device_memory(self) -> DeviceMemory:
        """Bytes of device memory that TensorRT took for the engine and for its contexts.

        Raises:
            MeasurementError: the CPU backend has none.
        """
        memory = self._measurement.session.memory
        if memory is None:
            raise MeasurementError("the CPU backend takes no device memory: ask where a GPU is")
        return memory

    def note(self, text: str) -> None:
        """Adds a remark to what the report says of this measurement."""
        self._notes.append(text)

    def layers(self, queries: int = LAYER_QUERIES) -> list[Layer]:
        """Each layer's median time and share, in execution order, with the inspector's entry.

        Profiled after the timed rounds, in a process of its own. Events between layers keep them
        from overlapping: the sum is above the engine's own time.

        Args:
            queries: how many are profiled, the first time this is called.

        Raises:
            MeasurementError: the backend has no profiler, or the session is gone.
        """
        if not self._layers:
            self._layers = summarize_layers(*self._measurement.profile_layers(queries))
            self._layer_queries = queries
        return self._layers

    def export_times(self, path: str | Path) -> Path:
        """Writes the queries of all rounds as trtexec's --exportTimes does.

        Raises:
            MeasurementError: the traces lack the times; --trtperf-export-times keeps them.
        """
        export_times(Path(path), [round.trace for round in self.rounds])
        return Path(path)

    def export_profile(self, path: str | Path) -> Path:
        """Writes `layers` as trtexec's --exportProfile does.

        Raises:
            MeasurementError: see `layers`.
        """
        layers = self.layers()
        export_profile(Path(path), layers, self._layer_queries)
        return Path(path)

    def assert_device_memory(self, mib: Limit) -> None:
        """Holds the peak of device memory that TensorRT took to a budget.

        Args:
            mib: MiB (2**20 bytes), or one budget for each device as in `assert_percentile`.

        Raises:
            PerfAssertionError: the budget is missed, or has no entry for this device.
            MeasurementError: the CPU backend has no device memory.
        """
        __tracebackhide__ = True
        limit = limit_here("device memory", mib, self._subject.device)
        peak = self.device_memory.peak_bytes / 2**20
        engine, contexts = (
            part / 2**20
            for part in (self.device_memory.engine_bytes, self.device_memory.contexts_bytes)
        )
        status = Status.PASS if peak <= limit else Status.FAIL
        over = f" by {peak - limit:.1f} MiB" if peak > limit else ""
        message = (
            f"{self._subject.key}: device memory peaks at {peak:.1f} MiB and "
            f"{'misses' if over else 'keeps'} its budget of {limit:g} MiB{over} "
            f"(engine {engine:.1f} MiB, contexts {contexts:.1f} MiB, on {self._subject.device})"
        )
        record = VerdictRecord(
            kind="budget", metric="device memory", status=status.value, message=message,
            reason="over_limit" if over else "within_limit", value=peak, limit=limit,
            failed=bool(over),
        )  # fmt: skip
        self._verdicts["budget", "device memory", limit] = record
        raise_if_failed([record])

    def assert_p99(self, ms: Limit, metric: str | None = None) -> None:
        """Holds P99 to a budget; see `assert_percentile`."""
        __tracebackhide__ = True
        self.assert_percentile(99, ms, metric)

    def assert_percentile(self, p: float, ms: Limit, metric: str | None = None) -> None:
        """Holds a percentile to a budget in milliseconds.

        Args:
            p: above 0 and below 100.
            ms: one budget, or one for each device: `{"NVIDIA H200*": 2.0, "cpu:*": 80}`.
            metric: `latency`, or under an open load `response`, unless given.

        Raises:
            PerfAssertionError: the budget is missed, or has no entry for this device.
            ValueError: a budget or `p` is out of range, or the metric is unknown.
        """
        __tracebackhide__ = True
        if not is_positive(p) or p >= 100:
            raise ValueError(f"a percentile lies between 0 and 100, got {p!r}")
        metric = metric or self.judged_metric
        self.samples(metric)
        name = f"P{p:g} of {metric}"

        def judge(limit: float) -> Verdict:
            rounds = [round.trace.samples(metric) for round in self.rounds]
            verdict = judge_percentile(rounds, p, limit)
            return self._unreached(verdict) if metric == "response" and self.saturated else verdict

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
        self._layer_medians()
        if not self._comparison_replaced:
            self._compare(self._settings.tolerance)

    def record(self) -> MeasurementRecord:
        """Everything measured and judged, as plain data."""
        subject, warm_up = self._subject, self._measurement.warm_up
        baseline = subject.baseline
        session = self._measurement.session
        return MeasurementRecord(
            test=subject.test,
            key=subject.key,
            module=subject.module,
            baseline_dir=subject.baseline_dir,
            device=subject.device,
            engine=EngineRecord(**subject.about),
            shapes={name: list(shape) for name, shape in session.shapes.items()},
            mode=self._measurement.mode,
            warm_up=asdict(warm_up) if warm_up else {},
            cold_start_ms=self.cold_start_ms,
            time_to_steady_s=self.time_to_steady_s,
            energy_per_query_mj=self.energy_per_query_mj,
            device_memory=asdict(session.memory) if session.memory else {},
            judged_metric=self.judged_metric,
            summary={name: asdict(self.summary(name)) for name in self.metrics},
            throughput=self.qps,
            rounds=self._round_records(),
            set_aside=[
                _round_record(r, {name: Sample(r.trace.samples(name)) for name in self.metrics})
                for r in self._measurement.set_aside
            ],
            layers=[LayerRecord(**asdict(layer)) for layer in self._layers],
            verdicts=list(self._verdicts.values()),
            findings=[FindingRecord(**asdict(finding)) for finding in self.findings],
            baseline=self._baseline_state(),
            notes=list(self._notes),
            against=against_record(baseline) if baseline and self._compared else None,
            differences=self._differences,
            sweep=subject.sweep,
        )

    def _baseline_state(self) -> str:
        if not self._subject.records:
            return "off"
        if not self._subject.compares:
            return "recorded"
        return "missing" if self._subject.baseline is None else "compared"

    def _hold(self, name: str, unit: str, budget: Limit, judge: Callable[[float], Verdict]) -> None:
        __tracebackhide__ = True
        limit = limit_here(name, budget, self._subject.device)
        key = ("budget", name, limit)
        if key not in self._verdicts:
            verdict = self._settle(lambda: judge(limit))
            self._verdicts[key] = _budget_record(
                name, verdict, self._budget_message(name, unit, verdict)
            )
        raise_if_failed([self._verdicts[key]])

    def _budget_message(self, name: str, unit: str, verdict: Verdict) -> str:
        if verdict.reason == "saturated":
            rate = self._measurement.load.request_rate
            return (
                f"{self._subject.key}: {name} misses its budget of {verdict.limit:.5g} {unit}: "
                f"{rate:g} qps were asked for and {self.qps:.5g} reached, so that responses grow "
                f"without end ({verdict.value:.5g} {unit} until the load was given up, "
                f"on {self._subject.device})"
            )
        over = abs(verdict.value - verdict.limit)
        share = over / verdict.limit
        words = {
            Status.PASS: f"keeps its budget of {verdict.limit:.5g} {unit}",
            Status.FAIL: f"misses its budget of {verdict.limit:.5g} {unit} "
            f"by {over:.3g} {unit} ({share:.1%})",
            Status.INCONCLUSIVE: f"cannot be told from its budget of {verdict.limit:.5g} {unit}",
        }[evident_status(verdict)]
        return (
            f"{self._subject.key}: {name} {verdict.value:.5g} {unit} {words}, "
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
            mode=self._measurement.mode,
            shapes=self._measurement.session.shapes,
        )
        key = repr(tolerance)
        if key not in self._compared:
            self._compared[key] = comparison.judge(
                host_bound=self._is_host_bound(), doubt=self._doubt()
            )
            self._notes += comparison.notes
            self._verdicts |= {("baseline", v.metric, key): v for v in self._compared[key]}
        self._differences = comparison.differences(self._layer_medians(), tactics(self._layers))
        raise_if_failed(self._compared[key], self._differences)

    def _is_host_bound(self) -> bool:
        return any(finding.code == "enqueue_bound" for finding in self._bounds())

    def _layer_medians(self) -> dict[str, float]:
        """The layers by name where they are wanted and there are any."""
        if self._settings.layers and not self._layers and not self._layers_refused:
            try:
                self.layers()
            except MeasurementError as error:
                self._layers_refused = True
                self._notes.append(f"no layers were profiled: {error}")
        return {layer.name: layer.median_ms for layer in self._layers}

    def _doubt(self) -> str | None:
        """Why nothing can be concluded from the numbers."""
        doubts = (f.message for f in self.conditions() if f.code in ("not_steady", "saturated"))
        return next(doubts, None)

    def _unreached(self, verdict: Verdict) -> Verdict:
        """A budget of responses that a device which cannot keep up with its load has missed."""
        return replace(verdict, status=Status.FAIL, reason="saturated")

    def _require_baseline(self) -> None:
        __tracebackhide__ = True
        if not (self._subject.compares and self._settings.require_baseline):
            return
        if self._settings.against:
            raise PerfAssertionError(
                f"{self._subject.key} is not in {self._settings.against}, and "
                "--trtperf-require-baseline asks for a comparison: measure it in the record, too"
            )
        raise PerfAssertionError(
            f"{self._subject.key} has no baseline for {self._subject.device} in "
            f"{self._subject.baseline_dir}, and --trtperf-require-baseline asks for one: "
            "record it with --trtperf-update-new on this hardware and commit the file"
        )

    def _settle(self, judge: Callable[[], Verdict]) -> Verdict:
        """Adds rounds at the preset looks while the verdict is inconclusive, then the policy."""
        looks = [look for look in LOOKS if look > len(self.rounds)]
        extend = self._measurement.extend
        verdict = settle(judge, looks, extend=extend, steady=self.steady)
        # As in a comparison, no estimate of what others may have done decides anything.
        contended = verdict.reason == "overlaps_limit" and self.contention >= CONTENDED
        if contended:
            why = f"other processes took {self.contention:.0%} of the time: free the machine"
            message = f"{verdict.message}; {why}"
            verdict = replace(verdict, reason="contended", message=message)
        return decide(verdict, self._settings.inconclusive, in_doubt=contended)

    def _round_records(self) -> list[RoundRecord]:
        for index in range(len(self._statistics), len(self.rounds)):
            samples = {name: self._round_sample(index, name) for name in self.metrics}
            self._statistics.append(_round_record(self.rounds[index], samples))
        return self._statistics


def _budget_record(name: str, verdict: Verdict, message: str) -> VerdictRecord:
    return VerdictRecord(
        kind="budget", metric=name, status=verdict.status.value, reason=verdict.reason,
        message=message, value=verdict.value, lower=verdict.lower, upper=verdict.upper,
        limit=verdict.limit, failed=verdict.status is Status.FAIL,
    )  # fmt: skip


def _rounded(values: FloatArray) -> list[float]:
    """Seven digits are what a GPU's events have, and make the record half as large."""
    return [float(f"{value:.7g}") for value in values.tolist()]


def _round_record(round: Round, samples: Mapping[str, Sample]) -> RoundRecord:
    trace = round.trace
    return RoundRecord(
        queries=trace.queries,
        throughput=trace.throughput,
        quantiles={name: _rounded(sample.quantiles()) for name, sample in samples.items()},
        started=round.started,
        ended=round.ended,
        before=asdict(round.before),
        after=asdict(round.after),
        disturbances=list(round.disturbances),
        contention=round.contention,
        yardstick_ms=round.yardstick_ms,
    )
