"""`MaxQps`: the highest request rate at which an engine keeps its P99."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

from pytest_trtperf.analysis.capacity import LAST_ROUNDS, Trial, search_capacity
from pytest_trtperf.analysis.diagnosis import Finding, too_few_queries
from pytest_trtperf.analysis.verdict import Status, Verdict, decide
from pytest_trtperf.comparison import Subject
from pytest_trtperf.errors import MeasurementError
from pytest_trtperf.limits import Limit, limit_here, raise_if_failed
from pytest_trtperf.measure.load import LEAD_IN
from pytest_trtperf.measure.measurement import Measurement
from pytest_trtperf.report.record import (
    CapacityRecord,
    EngineRecord,
    FindingRecord,
    VerdictRecord,
)
from pytest_trtperf.result import Result
from pytest_trtperf.settings import Settings

P = 99.0

FIRST = 1 / 4
"""The first rate that is tried, as a share of the throughput under a closed load."""

MOST_QUERIES, LEAST_QUERIES = 200, 25
"""Of a round of a trial: twelve of the least bound a P99."""

EXPECTED_ROUNDS = 140
"""Of a whole search, the last trials and about a dozen before them."""

TYPICAL = 2 / 3
"""The rate that most trials are near, as a share of the throughput under a closed load."""

SEARCH_TIME = 2
"""A search takes so many times the time limit of a measurement, at most."""


class MaxQps:
    """A found rate with its interval, in queries per second, and the rates that were tried.

    Args:
        measure: starts a measurement at a request rate, None being a closed load, with the n-th
            draw of arrivals and so many queries a round.

    Raises:
        MeasurementError: the limit is not kept at any rate, or the device failed.
    """

    def __init__(
        self,
        measure: Callable[[float | None, int, int], Measurement],
        p99_ms: float,
        subject: Subject,
        settings: Settings,
    ) -> None:
        __tracebackhide__ = True
        self._measure, self._subject, self._settings = measure, subject, settings
        self._verdicts: dict[float, VerdictRecord] = {}
        self._doubts: dict[str, Finding] = {}
        self._remarks: dict[str, Finding] = {}
        closed = measure(None, 0, MOST_QUERIES)
        closed.extend(1)
        self.closed_qps = closed.rounds[0].trace.throughput
        self._round_queries = self._affordable()
        self._session = closed.session
        self._mode: dict[str, bool | int | float | str] = {}
        try:
            self.capacity = search_capacity(self._try, FIRST * self.closed_qps, p99_ms)
        except ValueError as error:
            raise MeasurementError(f"{subject.key}: {error}") from None

    def __repr__(self) -> str:
        return f"<MaxQps {self}>"

    def __str__(self) -> str:
        found = self.capacity
        return (
            f"{self._subject.key}: {found.rate:.5g} qps [{found.lower:.5g}, {found.upper:.5g}] "
            f"keep P99 of response within {found.limit_ms:g} ms "
            f"({len(found.trials)} rates tried on {self._subject.device})"
        )

    @property
    def qps(self) -> float:
        """The highest rate whose P99 of response holds."""
        return self.capacity.rate

    @property
    def lower(self) -> float:
        """The lower end of the rate's interval."""
        return self.capacity.lower

    @property
    def upper(self) -> float:
        """The upper end of the rate's interval."""
        return self.capacity.upper

    @property
    def trials(self) -> tuple[Trial, ...]:
        """The rates that were tried, ascending, with the P99 of response at each."""
        return self.capacity.trials

    @property
    def findings(self) -> list[Finding]:
        """What disturbed the trials, one of each kind."""
        return list({**self._remarks, **self._doubts}.values())

    def assert_at_least(self, qps: Limit) -> None:
        """Holds the found rate to a budget.

        Args:
            qps: one budget, or one for each device: `{"NVIDIA H200*": 4000}`.

        Raises:
            PerfAssertionError: the budget is missed, or has no entry for this device.
            ValueError: a budget is not a number above zero.
        """
        __tracebackhide__ = True
        limit = limit_here("the highest request rate", qps, self._subject.device)
        if limit not in self._verdicts:
            self._verdicts[limit] = self._judge(limit)
        raise_if_failed([self._verdicts[limit]])

    def record(self) -> CapacityRecord:
        """The search as plain data."""
        found = self.capacity
        return CapacityRecord(
            test=self._subject.test,
            key=self._subject.key,
            device=self._subject.device,
            engine=EngineRecord(**self._subject.about),
            shapes={name: list(shape) for name, shape in self._session.shapes.items()},
            mode=self._mode,
            limit_ms=found.limit_ms,
            rate=found.rate,
            lower=found.lower,
            upper=found.upper,
            closed_qps=self.closed_qps,
            trials=[asdict(trial) for trial in found.trials],
            verdicts=list(self._verdicts.values()),
            findings=[FindingRecord(**asdict(finding)) for finding in self.findings],
            message=str(self),
        )

    def _affordable(self) -> int:
        """Queries of a round that the search has time for."""
        limit_s = SEARCH_TIME * self._settings.max_time
        rate = TYPICAL * self.closed_qps / (EXPECTED_ROUNDS * (1 + LEAD_IN))
        queries = min(MOST_QUERIES, int(limit_s * rate))
        if queries < LEAST_QUERIES:
            raise MeasurementError(
                f"{self._subject.key}: a search at about {self.closed_qps:.3g} qps takes about "
                f"{LEAST_QUERIES / rate:.0f} s, and has {limit_s:g} s: raise max_time to "
                f"{LEAST_QUERIES / rate / SEARCH_TIME:.0f}"
            )
        return queries

    def _try(self, rate: float, draw: int, rounds: int) -> Trial:
        measurement = self._measure(rate, draw, self._round_queries)
        measurement.extend(rounds)
        self._mode = measurement.mode
        self._mode.pop("request_rate")
        result = Result(measurement)
        # A disturbed round that was measured again is in no doubt any more.
        kept_disturbed = any(round.disturbances for round in result.rounds)
        for finding in result.conditions():
            if finding.code == "not_steady" or (finding.code == "disturbed" and kept_disturbed):
                self._doubts.setdefault(finding.code, finding)
            elif finding.code != "saturated":
                self._remarks.setdefault(finding.code, finding)
        if rounds == LAST_ROUNDS and (few := too_few_queries(P, result.queries)):
            self._doubts.setdefault(few.code, few)
        return Trial(rate, result.percentile(P, "response"), measurement.saturated)

    def _judge(self, limit: float) -> VerdictRecord:
        found = self.capacity
        words = "cannot be told from"
        if self._doubts:
            status, reason = Status.INCONCLUSIVE, next(iter(self._doubts))
            words = f"({', '.join(self._doubts)}) {words}"
        elif found.lower >= limit:
            status, reason, words = Status.PASS, "within_limit", "keeps"
        elif found.upper <= limit:
            status, reason, words = Status.FAIL, "under_limit", "misses"
        else:
            status, reason = Status.INCONCLUSIVE, "overlaps_limit"
        verdict = decide(
            Verdict(
                status, reason, f"{self}; it {words} its budget of {limit:g} qps",
                found.rate, found.lower, found.upper, limit, higher_is_better=True,
            ),
            self._settings.inconclusive,
        )  # fmt: skip
        return VerdictRecord(
            kind="budget", metric="max_qps", status=verdict.status.value, reason=verdict.reason,
            message=verdict.message, value=found.rate, lower=found.lower, upper=found.upper,
            limit=limit, failed=verdict.status is Status.FAIL,
        )  # fmt: skip
