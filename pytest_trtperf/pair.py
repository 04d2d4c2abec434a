"""`Pair`: two engines measured in turns, and what the one takes of the other's time."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, replace
from typing import Any

from pytest_trtperf.analysis.gates import OPEN_LOAD_GATES, Gate, closed_load_gates
from pytest_trtperf.analysis.paired import BLOCK_LOOKS, Ratio, judge_ratio, paired_ratio
from pytest_trtperf.analysis.verdict import Status, Verdict, decide, evident_status
from pytest_trtperf.comparison import Subject
from pytest_trtperf.errors import MeasurementError
from pytest_trtperf.limits import is_positive, raise_if_failed, settle
from pytest_trtperf.measure.isolated import IsolatedSession
from pytest_trtperf.measure.measurement import Measurement
from pytest_trtperf.report.record import EngineRecord, FindingRecord, PairRecord, VerdictRecord
from pytest_trtperf.result import Result
from pytest_trtperf.settings import Settings

TURN_AFTER = 2
"""Blocks after which the sessions are started in the other order, then after twice as many."""


LEAST_BLOCKS = 2
"""One block shows no spread, and so bounds nothing."""


class Pair:
    """A new engine and its reference, measured in blocks of new, reference, reference, new.

    Sessions in processes of their own are started anew, in the other order, after half of the
    blocks: on an NVIDIA H200 the engine whose process came first was slower than itself by 0.3 %.

    An `assert_*` method adds blocks while its verdict is inconclusive; a conclusive verdict never
    changes.

    Args:
        engines: what is recorded of "new" and of "reference".
        lock: held over whole blocks, within which nothing else is to disturb either.

    Attributes:
        new, reference: the numbers of either.

    Raises:
        MeasurementError: the time limit or the load leaves fewer than `LEAST_BLOCKS`.
    """

    def __init__(
        self,
        new: Measurement,
        reference: Measurement,
        subject: Subject,
        engines: Mapping[str, Mapping[str, Any]],
        settings: Settings,
        lock: AbstractContextManager[object],
    ) -> None:
        self.new, self.reference = Result(new), Result(reference)
        self._measurements = new, reference
        self._subject, self._engines = subject, engines
        self._settings, self._lock = settings, lock
        self._verdicts: dict[tuple[str, float], VerdictRecord] = {}
        self._new_first: list[bool] = []
        self._is_new_first, self._turns = True, 0
        self._extend(BLOCK_LOOKS[0])
        if self.blocks < LEAST_BLOCKS:
            raise MeasurementError(self._too_few_blocks())

    def __repr__(self) -> str:
        return f"<Pair {self}>"

    def __str__(self) -> str:
        gate, ratio = self._gate("median"), self.ratio()
        return (
            f"{self._subject.key}: {gate.name} of new {ratio.new:.5g} {gate.unit}, of reference "
            f"{ratio.reference:.5g} {gate.unit}, {_percent(ratio)} "
            f"({self.blocks} blocks on {self._subject.device})"
        )

    @property
    def blocks(self) -> int:
        """How many blocks there are, with two rounds of either engine each."""
        return len(self._new_first)

    def ratio(self, kind: str = "median") -> Ratio:
        """New over reference, with a confidence interval.

        Args:
            kind: `median` of gpu_compute (CPU: latency), `p99` of latency, or `throughput`; under
                an open load `median` and `p99` of response.

        Raises:
            ValueError: there is no such kind under this load.
        """
        gate, rounds = self._gate(kind), 2 * self.blocks
        return paired_ratio(
            self.new.round_values(gate)[:rounds],
            self.reference.round_values(gate)[:rounds],
            self._new_first,
        )

    def assert_not_slower(self, tolerance: float = 0.005, kind: str = "median") -> None:
        """Fails when the new engine is slower by more than a tolerance.

        Args:
            tolerance: a share, above 0; 0.005 is half a percent.
            kind: see `ratio`.

        Raises:
            PerfAssertionError: it is slower.
            ValueError: the tolerance is not above 0, or there is no such kind.
        """
        __tracebackhide__ = True
        words = {
            Status.PASS: "is not slower by more than",
            Status.FAIL: "is slower by more than",
            Status.INCONCLUSIVE: "cannot be told to be within",
        }
        self._hold(kind, tolerance, 1 + tolerance, words)

    def assert_faster(self, by: float, kind: str = "median") -> None:
        """Fails unless the new engine is faster.

        Args:
            by: a share of speed, above 0: at 0.5 the new engine does 1.5 times the work in a given
                time, and takes two thirds of the time.
            kind: see `ratio`.

        Raises:
            PerfAssertionError: it is not.
            ValueError: `by` is not above 0, or there is no such kind.
        """
        __tracebackhide__ = True
        words = {
            Status.PASS: "is faster by at least",
            Status.FAIL: "is not faster by",
            Status.INCONCLUSIVE: "cannot be told to be faster by",
        }
        self._hold(kind, by, 1 / (1 + by), words)

    def record(self) -> PairRecord:
        """Everything measured and judged, as plain data."""
        new, reference = self._measurements
        return PairRecord(
            test=self._subject.test,
            key=self._subject.key,
            device=self._subject.device,
            engines={role: EngineRecord(**about) for role, about in self._engines.items()},
            modes={"new": new.mode, "reference": reference.mode},
            blocks=self.blocks,
            ratios={gate.kind: asdict(self.ratio(gate.kind)) for gate in self._gates},
            verdicts=list(self._verdicts.values()),
            findings=[
                FindingRecord(code=finding.code, message=f"{name}: {finding.message}")
                for name, result in (("new", self.new), ("reference", self.reference))
                for finding in result.findings
            ],
            message=str(self),
        )

    @property
    def _gates(self) -> tuple[Gate, ...]:
        if self._measurements[0].load.is_open:
            return OPEN_LOAD_GATES
        return closed_load_gates(self.new.metrics)

    def _gate(self, kind: str) -> Gate:
        known = {gate.kind: gate for gate in self._gates}
        if kind not in known:
            raise ValueError(f"no kind {kind!r} under this load; there are {', '.join(known)}")
        return known[kind]

    def _extend(self, blocks: int) -> bool:
        """Measures until there are so many blocks; False if the time limit or the load stopped it.

        A block that was cut short is the last: rounds after it would belong to other blocks.
        """
        new, reference = self._measurements
        with self._lock:
            while self.blocks < blocks:
                if any(len(one.rounds) != 2 * self.blocks for one in self._measurements):
                    return False
                if self._turns < (self.blocks + TURN_AFTER) // (2 * TURN_AFTER):
                    self._turn()
                for measurement in (new, reference, reference, new):
                    if not measurement.extend(len(measurement.rounds) + 1):
                        return False
                self._new_first.append(self._is_new_first)
        return True

    def _too_few_blocks(self) -> str:
        needed = f"{self._subject.key}: a comparison needs {LEAST_BLOCKS} blocks of 4 rounds"
        if overloaded := [one for one in (self.new, self.reference) if one.saturated]:
            rate = self._measurements[0].load.request_rate
            reached = min(one.qps for one in overloaded)
            asked = f"{rate:g} qps were asked for and {reached:.5g} reached"
            return f"{needed}, and {asked}: lower the rate"
        seconds = max(one.seconds / len(one.rounds) for one in self._measurements)
        return (
            f"{needed}, and max_time of {self._settings.max_time:g} s leaves {self.blocks}: raise "
            f"it to {2.2 * LEAST_BLOCKS * seconds:.2g} s at least"
        )

    def _turn(self) -> None:
        """Starts both sessions anew, in the other order."""
        self._turns += 1
        sessions = [
            measurement.session
            for measurement in self._measurements
            if isinstance(measurement.session, IsolatedSession)
        ]
        if len(sessions) < len(self._measurements):
            return
        # Both are gone before either is started: the first would take the other's old place.
        for session in sessions:
            session.close()
        self._is_new_first = not self._is_new_first
        order = slice(None) if self._is_new_first else slice(None, None, -1)
        for measurement, session in list(zip(self._measurements, sessions, strict=True))[order]:
            measurement.renew(session.again())

    def _hold(self, kind: str, share: float, limit: float, words: Mapping[Status, str]) -> None:
        __tracebackhide__ = True
        if not is_positive(share):
            raise ValueError(f"a share of the reference must be a number above 0, got {share!r}")
        gate = self._gate(kind)
        if (kind, limit) not in self._verdicts:
            verdict = self._settle(gate, limit)
            told = f"{words[evident_status(verdict)]} {100 * share:.4g} %"
            self._verdicts[kind, limit] = self._record(gate, verdict, told)
        raise_if_failed([self._verdicts[kind, limit]])

    def _settle(self, gate: Gate, limit: float) -> Verdict:
        higher = gate.kind == "throughput"
        allowed = 1 / limit if higher else limit

        def judge() -> Verdict:
            verdict = judge_ratio(self.ratio(gate.kind), allowed, higher_is_better=higher)
            if self.new.saturated or self.reference.saturated:
                return replace(verdict, status=Status.INCONCLUSIVE, reason="doubtful")
            return verdict

        steady = self.new.steady and self.reference.steady
        looks = [look for look in BLOCK_LOOKS if look > self.blocks]
        verdict = settle(judge, looks, extend=self._extend, steady=steady)
        in_doubt = verdict.reason in ("not_steady", "doubtful")
        return decide(verdict, self._settings.inconclusive, in_doubt=in_doubt)

    def _record(self, gate: Gate, verdict: Verdict, told: str) -> VerdictRecord:
        ratio = self.ratio(gate.kind)
        message = (
            f"{self._subject.key}: the new engine {told}: {gate.name} "
            f"{ratio.new:.5g} {gate.unit} against {ratio.reference:.5g} {gate.unit}, "
            f"{_percent(ratio)} ({self.blocks} blocks on {self._subject.device}{_why(verdict)})"
        )
        return VerdictRecord(
            kind="pair", metric=gate.name, status=verdict.status.value, reason=verdict.reason,
            message=message, value=ratio.new, baseline=ratio.reference, change=ratio.value - 1,
            lower=ratio.lower - 1, upper=ratio.upper - 1, limit=verdict.limit - 1,
            failed=verdict.status is Status.FAIL,
        )  # fmt: skip


def _why(verdict: Verdict) -> str:
    """What the numbers do not tell of a verdict: who decided it, and what would."""
    told = {
        "estimate": "; inconclusive, decided by the estimate",
        "not_steady": "; not steady: lock the clocks, free the machine, or raise max_warm_up",
        "doubtful": "; more was asked for than one of them serves: lower the rate",
        "overlaps_limit": "; inconclusive: measure for longer (max_time, round_ms)",
    }.get(verdict.reason, "")
    if verdict.status is not evident_status(verdict):
        told += "; --trtperf-inconclusive=fail fails it"
    return told


def _percent(ratio: Ratio) -> str:
    return f"{ratio.value - 1:+.2%} [{ratio.lower - 1:+.2%}, {ratio.upper - 1:+.2%}]"
