"""A measurement against its baseline: all gates look at the same rounds, and say what differs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import geometric_mean
from typing import Any

from pytest_trtperf.analysis.gates import (
    LEAST_QUERIES_FOR_P99,
    OPEN_LOAD_GATES,
    Gate,
    closed_load_gates,
    judge_gate,
    too_few_for_p99,
)
from pytest_trtperf.analysis.regression import LOOKS, Change, why_undecidable
from pytest_trtperf.analysis.verdict import (
    Reason,
    Status,
    Verdict,
    decide,
    evident_status,
)
from pytest_trtperf.backend.tensorrt.bindings import ONNXRUNTIME
from pytest_trtperf.baseline.schema import BaselineEntry
from pytest_trtperf.judge.attribution import differences, doubts
from pytest_trtperf.judge.verdict_records import Relative, verdict_record
from pytest_trtperf.measure.host_state import TAIL_CONTENDED, mean_contention
from pytest_trtperf.options.declared import Settings
from pytest_trtperf.record.model import RoundRecord, SweepRecord, VerdictRecord

_WORDS = {
    Status.PASS: "is within tolerance",
    Status.FAIL: "regressed",
    Status.INCONCLUSIVE: "is inconclusive",
}

_TOLD = (Reason.WITHIN_LIMIT, Reason.OVER_LIMIT, Reason.UNDER_LIMIT)
"""Reasons that the change, its interval and the tolerance tell already."""


@dataclass(frozen=True)
class Subject:
    """What is measured, and what it is compared with.

    Attributes:
        key: of the baseline entry. about: the engine, as it is recorded.
        baseline: None where there is none yet. compares: whether it is to be used.
        records: whether it may become a baseline itself. sweep: that it is a point of.
    """

    test: str
    key: str
    module: str
    baseline_dir: str
    device: str
    about: Mapping[str, Any]
    software: Mapping[str, str]
    baseline: BaselineEntry | None
    compares: bool
    records: bool
    sweep: SweepRecord | None = None


class Comparison:
    """Holds the rounds of a session to a baseline entry.

    Args:
        rounds: gives the rounds measured so far.
        extend: measures until there are so many rounds; False when the time limit came first.
        mode, shapes: of this measurement.
    """

    def __init__(
        self,
        subject: Subject,
        baseline: BaselineEntry,
        settings: Settings,
        *,
        rounds: Callable[[], Sequence[RoundRecord]],
        extend: Callable[[int], bool],
        mode: Mapping[str, Any],
        shapes: Mapping[str, Sequence[int]],
    ) -> None:
        self._subject, self._baseline, self._settings = subject, baseline, settings
        self._rounds, self._extend = rounds, extend
        self._mode, self._shapes = mode, shapes
        self._looked_at: dict[Gate, int] = {}
        self.notes: list[str] = []

    def judge(self, *, host_bound: bool, doubt: str | None = None) -> list[VerdictRecord]:
        """A verdict for each gate, or the one that the modes differ.

        Args:
            host_bound: enqueueing takes longer than the engine, so only P99 tells of the model.
            doubt: why no gate may be conclusive.
        """
        if modes := self._mode_differences():
            return [self._other_mode(modes)]
        self.notes += doubts(self._baseline)
        gates = [gate for gate in self._gates() if self._fits(gate)]
        changes: dict[Gate, Change] = {}
        self._look(gates, changes, len(gates))
        open_gates = gates if not host_bound else [gate for gate in gates if gate.kind == "p99"]
        for look in LOOKS:
            if doubt or self._is_settled(open_gates, changes):
                break
            if look > len(self._rounds()):
                complete = self._extend(look)
                self._look(open_gates, changes, len(gates))
                if not complete:
                    break
        return [self._record(gate, changes[gate], host_bound, doubt) for gate in gates]

    def _gates(self) -> tuple[Gate, ...]:
        if self._mode["load"] == "open":
            return OPEN_LOAD_GATES
        return closed_load_gates(self._rounds()[0].quantiles)

    def _look(self, gates: Sequence[Gate], changes: dict[Gate, Change], compared: int) -> None:
        """Judges the gates without a conclusive verdict: a conclusive one never changes."""
        runs = [run.rounds for run in self._baseline.runs]
        machine, disturbance = self._machine(), self._disturbance()
        for gate in gates:
            if gate not in changes or _is_open(changes[gate]):
                self._looked_at[gate] = len(self._rounds())
                changes[gate] = judge_gate(
                    gate,
                    self._rounds(),
                    runs,
                    self._tolerance(gate),
                    disturbance=disturbance,
                    gates=compared,
                    machine=machine,
                )

    def _machine(self) -> float | None:
        """What the yardstick takes now over what it took, see `allow_for_machine`.

        None unless all rounds have one, read with the same release of ONNX Runtime.
        """
        release, runs = self._subject.software.get(ONNXRUNTIME), self._baseline.runs
        then = [round.yardstick_ms for run in runs for round in run.rounds]
        now = [round.yardstick_ms for round in self._rounds()]
        if None in then + now or any(run.software.get(ONNXRUNTIME) != release for run in runs):
            return None
        return geometric_mean(filter(None, now)) / geometric_mean(filter(None, then))

    def _is_settled(self, gates: Sequence[Gate], changes: Mapping[Gate, Change]) -> bool:
        """Whether further rounds could not change the outcome of the test."""
        found = [(gate, changes[gate]) for gate in gates]
        fails = any(
            change.verdict.status is Status.FAIL and not self._blames_others(gate, change)
            for gate, change in found
        )
        return fails or not any(_is_open(change) for _, change in found)

    def _tolerance(self, gate: Gate) -> float:
        tolerance = self._settings.tolerance
        if isinstance(tolerance, Mapping):
            return tolerance.get(gate.kind, gate.tolerance)
        return gate.tolerance if tolerance is None else tolerance

    def _contention(self) -> float:
        """The share of time that other processes took from the engine, on the CPU."""
        return mean_contention(round.contention for round in self._rounds()) or 0.0

    def _blames_others(self, gate: Gate, change: Change) -> bool:
        """Whether what is not sure to be within tolerance may be the work of other processes."""
        if change.verdict.status is Status.PASS or self._contention() < TAIL_CONTENDED:
            return False
        # Their time slices are longer than most queries: the tail and the sum have no bound.
        return gate.kind != "median" or change.verdict.status is Status.INCONCLUSIVE

    def _disturbance(self) -> float:
        """What that may have made of a query's time: run half the time, it takes twice as long."""
        lost = self._contention()
        return lost / (1 - lost) if lost < 1 else math.inf

    def _fits(self, gate: Gate) -> bool:
        stored = [round for run in self._baseline.runs for round in run.rounds]
        rounds = self._rounds()
        if not (too_few_for_p99(gate, stored) or too_few_for_p99(gate, rounds)):
            return True
        rate = sum(round.throughput for round in rounds) / len(rounds)
        seconds = 1.1 * LOOKS[0] * LEAST_QUERIES_FOR_P99 / rate
        self.notes.append(
            f"{gate.name} is not compared: a round has {rounds[0].queries} queries here and "
            f"{stored[0].queries} in the baseline, and {LEAST_QUERIES_FOR_P99} are needed "
            f"(round_queries={LEAST_QUERIES_FOR_P99}, and max_time of at least {seconds:.1f} s)"
        )
        return False

    def _mode_differences(self) -> list[str]:
        now = _flat(self._mode, self._shapes)
        then = _flat(self._baseline.mode, self._baseline.shapes)
        stored = [round.quantiles for run in self._baseline.runs for round in run.rounds]
        compared = sorted({gate.metric for gate in self._gates() if gate.kind != "throughput"})
        return [
            f"{name} is {now.get(name)} here and {then.get(name)} in the baseline"
            for name in sorted(now.keys() | then.keys())
            if now.get(name) != then.get(name)
        ] + [
            f"{metric} is missing in the baseline"
            for metric in compared
            if any(metric not in quantiles for quantiles in stored)
        ]

    def _other_mode(self, differences: Sequence[str]) -> VerdictRecord:
        message = (
            f"{self._subject.key}: the baseline was recorded in another mode, so nothing can be "
            f"compared: {'; '.join(differences)}. Measure in the same mode, or {self._record_anew}"
        )
        verdict = Verdict(Status.FAIL, Reason.OTHER_MODE, message, math.nan, None, None, math.nan)
        return verdict_record("baseline", "mode", verdict, message)

    def _record(
        self, gate: Gate, change: Change, host_bound: bool, doubt: str | None
    ) -> VerdictRecord:
        verdict = self._decided(gate, change, host_bound, doubt)
        if change.improved:
            hint = "" if self._settings.against else ": --trtperf-update would hold on to it"
            self.notes.append(f"{gate.name} improved by {abs(change.ratio - 1):.1%}{hint}")
        relative = Relative(
            change.current, change.baseline, change.ratio, change.lower, change.upper,
            limit=max(self._tolerance(gate), change.supported),
        )  # fmt: skip
        message = self._message(gate, change, verdict)
        return verdict_record("baseline", gate.name, verdict, message, relative)

    def _decided(self, gate: Gate, change: Change, host_bound: bool, doubt: str | None) -> Verdict:
        """What the policy makes of a verdict; the estimate may not decide all that are open."""
        verdict, policy = change.verdict, self._settings.inconclusive
        open_by = self._undecidable(gate, change, host_bound, doubt)
        if open_by:
            reason, message = open_by
            self.notes.append(f"{gate.name}: {message}")
            verdict = replace(verdict, status=Status.INCONCLUSIVE, reason=reason, message=message)
        elif verdict.status is Status.INCONCLUSIVE and policy != "estimate":
            message = "the limit lies within the interval: measure for longer (max_time, round_ms)"
            verdict = replace(verdict, message=message)
        return decide(verdict, policy, in_doubt=open_by is not None)

    def _undecidable(
        self, gate: Gate, change: Change, host_bound: bool, doubt: str | None
    ) -> tuple[Reason, str] | None:
        """Reason and message where not even the estimate may decide."""
        if doubt:
            return Reason.DOUBTFUL, doubt
        if host_bound and gate.kind != "p99":
            remedy = "bound by enqueue, so this gates the host and not the model: use cuda_graph"
            return Reason.ENQUEUE_BOUND, remedy
        if self._blames_others(gate, change):
            lost = f"other processes took {self._contention():.0%} of the time"
            return Reason.CONTENDED, f"{lost}: free the machine"
        if not _is_open(change):
            return None
        why = why_undecidable(change, self._tolerance(gate))
        if why is None and change.verdict.reason == Reason.MACHINE_CHANGED:
            return Reason.MACHINE_CHANGED, f"{change.verdict.message}: free it, or compare in turns"
        if why is None:
            return None
        if change.verdict.reason == Reason.TOO_FEW_ROUNDS:
            return Reason.TOO_FEW_ROUNDS, f"{why}: {self._record_anew}"
        more = "" if self._settings.against else ", record more runs (--trtperf-update)"
        longer = "measure for longer (max_time, round_ms)"
        return Reason.TOO_NOISY, f"{why}: {longer}{more}, free the machine or widen the tolerance"

    @property
    def _record_anew(self) -> str:
        if self._settings.against:
            return "make the record anew"
        return "record the baseline anew with --trtperf-update"

    def _message(self, gate: Gate, change: Change, verdict: Verdict) -> str:
        rounds = self._rounds()[: self._looked_at[gate]]
        queries = sum(round.queries for round in rounds)
        interval = f"[{change.lower - 1:+.1%}, {change.upper - 1:+.1%}]"
        if change.upper == math.inf:
            interval = "[?, ?]"
        why = "" if verdict.reason in _TOLD else f"; {verdict.message}"
        if verdict.reason == Reason.ESTIMATE:
            why = "; inconclusive, decided by the estimate"
        return (
            f"{self._subject.key}: {gate.name} {_WORDS[evident_status(verdict)]}: "
            f"{change.current:.5g} {gate.unit} against {change.baseline:.5g} {gate.unit} "
            f"in the baseline, {change.ratio - 1:+.1%} {interval}, "
            f"tolerance {self._tolerance(gate):.1%}{self._widened(gate, change)} "
            f"({len(rounds)} rounds, {queries} queries on {self._subject.device}{why})"
        )

    def _widened(self, gate: Gate, change: Change) -> str:
        if change.supported <= self._tolerance(gate):
            return ""
        # Of a rate it is what that falls by, when queries take so much longer.
        fall = 1 - 1 / (1 + change.supported)
        most = f"{fall if gate.kind == 'throughput' else change.supported:.1%}"
        if change.supported <= self._disturbance():
            return f", widened to {most} since other processes took so much time"
        runs = len(self._baseline.runs)
        told = "the baseline's run supports" if runs == 1 else f"the baseline's {runs} runs support"
        return f", widened to the {most} that {told}"

    def differences(
        self, layers: Mapping[str, float], tactics: Mapping[str, str] | None = None
    ) -> list[str]:
        """What else changed since the baseline's last run, see `attribution.differences`."""
        return differences(
            self._baseline,
            digest=self._subject.about["digest"],
            plan_sha256=self._subject.about["plan_sha256"],
            software=self._subject.software,
            rounds=self._rounds(),
            layers=layers,
            tactics=tactics or {},
        )


def _is_open(change: Change) -> bool:
    return change.verdict.status is Status.INCONCLUSIVE


def _flat(mode: Mapping[str, Any], shapes: Mapping[str, Sequence[int]]) -> dict[str, Any]:
    return {**mode, **{f"shape of {name}": list(shape) for name, shape in shapes.items()}}
