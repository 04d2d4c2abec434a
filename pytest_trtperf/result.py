"""What a measurement found, in numbers and words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from pytest_trtperf.analysis.diagnosis import (
    Finding,
    bimodal,
    diagnose,
    drifting,
    late,
    outliers,
    too_few_queries,
)
from pytest_trtperf.analysis.gates import Gate
from pytest_trtperf.analysis.summary import Sample, Summary
from pytest_trtperf.measure.disturbance import mean_power_w, remarks
from pytest_trtperf.measure.host_state import CONTENDED, mean_contention
from pytest_trtperf.measure.measurement import Measurement, Round


class Result:
    """The numbers of one engine with concrete shapes, under one load.

    Latencies are milliseconds, throughput is queries per second.
    """

    def __init__(self, measurement: Measurement) -> None:
        self._measurement = measurement
        self._of_rounds: dict[tuple[int, str], Sample] = {}
        self._of_all: dict[tuple[int, str], Sample] = {}

    @property
    def rounds(self) -> tuple[Round, ...]:
        """The rounds so far, each with its trace."""
        return tuple(self._measurement.rounds)

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics that this backend measures under this load, by trtexec's names."""
        return self._measurement.rounds[0].trace.metrics

    @property
    def judged_metric(self) -> str:
        """What budgets are about: `latency`, or `response` under an open load."""
        return "response" if self._measurement.load.is_open else "latency"

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
        """Median of the judged metric, ms."""
        return self._sample(self.judged_metric).median

    @property
    def p99(self) -> float:
        """99th percentile of the judged metric, ms."""
        return self.percentile(99)

    @property
    def cold_start_ms(self) -> float:
        """The session's first query with its copies, by the host's clock."""
        return self._measurement.session.cold_start_ms

    @property
    def steady(self) -> bool:
        """Whether the warm-up ended because the numbers were steady."""
        return self._measurement.warm_up is not None and self._measurement.warm_up.steady

    @property
    def time_to_steady_s(self) -> float | None:
        """How long the warm-up took until the numbers were steady; None if they never were."""
        warm_up = self._measurement.warm_up
        return warm_up.seconds if warm_up and warm_up.steady else None

    @property
    def saturated(self) -> bool:
        """Whether the device fell ever further behind an open load."""
        return self._measurement.saturated

    @property
    def contention(self) -> float:
        """The share of time that other processes took from the engine; 0 where unknown.

        On the CPU, the mean of the rounds.
        """
        return mean_contention(round.contention for round in self.rounds) or 0.0

    @property
    def energy_per_query_mj(self) -> float | None:
        """Energy of the GPU over the rounds for each query, millijoules; None where unknown."""
        known = [(watts, r) for r in self.rounds if (watts := mean_power_w(r.before, r.after))]
        if not known:
            return None
        # Millijoules are watts times milliseconds. The looks lie further apart than the queries.
        spent = sum(watts * round.trace.span_ms for watts, round in known)
        return spent / sum(round.trace.queries for _, round in known)

    @property
    def findings(self) -> list[Finding]:
        """Everything odd about the measurement: what bounds it, and what disturbed it."""
        return [*self.conditions(), *self._bounds(), *self._shape()]

    def conditions(self) -> Iterator[Finding]:
        """What was odd about the circumstances: not steady, saturated, disturbed, limited, late."""
        warm_up, load = self._measurement.warm_up, self._measurement.load
        if warm_up and not warm_up.steady:
            trend = "too short to tell" if warm_up.trend is None else f"trend {warm_up.trend:+.1%}"
            yield Finding(
                "not_steady",
                f"not steady after {warm_up.seconds:.1f} s of warm-up ({trend}), so nothing is "
                "conclusive: lock the clocks, free the machine, or raise max_warm_up",
            )
        if self.saturated:
            yield Finding(
                "saturated",
                f"{load.request_rate:g} qps were asked for and {self.qps:.5g} reached: the backlog "
                "grew until the load was given up, and responses would grow with it",
            )
        set_aside, kept = self._measurement.set_aside, [r for r in self.rounds if r.disturbances]
        if reasons := _told(reason for r in (*set_aside, *kept) for reason in r.disturbances):
            fate = f"{len(set_aside)} were measured again"
            if kept:
                fate += f", {len(kept)} had to be kept"
            yield Finding("disturbed", f"rounds were disturbed ({fate}): {reasons}")
        if notes := _told(note for r in self.rounds for note in remarks(r.before, r.after)):
            yield Finding("remark", notes)
        if self.contention >= CONTENDED:
            yield Finding(
                "contended",
                f"other processes took {self.contention:.0%} of the time in which queries wanted "
                "to run: free the machine, since regressions smaller than that cannot be told",
            )
        if "lateness" in self.metrics and (finding := late(self._sample("lateness"))):
            yield finding

    def _bounds(self) -> Iterator[Finding]:
        if "gpu_compute" in self.metrics:
            stages = ("enqueue", "h2d", "gpu_compute", "d2h")
            medians = {name: self._sample(name).median for name in stages}
            streams = int(self._measurement.session.mode.get("streams", 1))
            yield from diagnose(medians, self.summary("gpu_compute").cov, streams)

    def _shape(self) -> Iterator[Finding]:
        metric = "gpu_compute" if "gpu_compute" in self.metrics else "latency"
        rounds = [self._round_sample(index, metric) for index in range(len(self.rounds))]
        found = [
            drifting([sample.median for sample in rounds]),
            bimodal(self._sample(metric)),
            outliers(rounds),
            too_few_queries(99, self.queries),
        ]
        yield from filter(None, found)

    def samples(self, metric: str | None = None) -> np.ndarray:
        """All queries' values of a metric in milliseconds, shape (queries,).

        Args:
            metric: the judged metric unless given.

        Raises:
            ValueError: this backend does not measure the metric; lists those that it does.
        """
        name = self._known(metric)
        return np.concatenate([round.trace.samples(name) for round in self.rounds])

    def percentile(self, p: float, metric: str | None = None) -> float:
        """trtexec's p-th percentile (0 to 100) of a metric, ms."""
        return self._sample(self._known(metric)).percentile(p)

    def summary(self, metric: str | None = None) -> Summary:
        """Count, min, max, mean, median, P90, P95, P99 and CoV of a metric, ms."""
        return self._sample(self._known(metric)).summarize()

    def round_values(self, gate: Gate) -> list[float]:
        """The compared number of each round."""
        if gate.kind == "throughput":
            return [round.trace.throughput for round in self.rounds]
        samples = [self._round_sample(index, gate.metric) for index in range(len(self.rounds))]
        return [one.median if gate.kind == "median" else one.percentile(99) for one in samples]

    def _known(self, metric: str | None) -> str:
        name = metric or self.judged_metric
        if name not in self.metrics:
            raise ValueError(f"no metric {metric!r}; there are {', '.join(self.metrics)}")
        return name

    def _round_sample(self, index: int, metric: str) -> Sample:
        key = index, metric
        if key not in self._of_rounds:
            self._of_rounds[key] = Sample(self.rounds[index].trace.samples(metric))
        return self._of_rounds[key]

    def _sample(self, metric: str) -> Sample:
        """Of all rounds so far."""
        key = len(self.rounds), metric
        if key not in self._of_all:
            samples = [self._round_sample(index, metric) for index in range(key[0])]
            self._of_all[key] = Sample.pooled(samples)
        return self._of_all[key]


def _told(reasons: Iterable[str]) -> str:
    """Each kind of reason once, with the first of its numbers."""
    kinds: dict[str, str] = {}
    for reason in reasons:
        kinds.setdefault(reason.partition(" for ")[0], reason)
    return "; ".join(kinds.values())
