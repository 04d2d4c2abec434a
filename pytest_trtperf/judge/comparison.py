"""A measurement against its baseline: all gates look at the same rounds, and say what differs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from statistics import geometric_mean
from typing import Any

from pytest_trtperf.analysis.gates import (
    OPEN_LOAD_GATES,
    Gate,
    closed_load_gates,
    judge_gate,
    too_few_for_p99,
)
from pytest_trtperf.analysis.regression import LOOKS, Change, why_undecidable
from pytest_trtperf.analysis.verdict import Reason, Status, Verdict, decide
from pytest_trtperf.backend.session import Kernels
from pytest_trtperf.baseline.schema import BaselineEntry, BaselineRound
from pytest_trtperf.judge import attribution
from pytest_trtperf.judge import comparison_words as words
from pytest_trtperf.judge.limits import others_took
from pytest_trtperf.judge.policy import Policy
from pytest_trtperf.judge.subject import Subject
from pytest_trtperf.judge.verdict_records import Relative, verdict_record
from pytest_trtperf.measure.host_state import TAIL_CONTENDED, mean_contention
from pytest_trtperf.measure.yardstick import YARDSTICK_PACKAGE
from pytest_trtperf.record.model import RoundRecord, VerdictRecord


class Comparison:
    """Holds the rounds of a session to a baseline entry.

    Args:
        rounds: gives the rounds measured so far.
        extend: measures until there are so many rounds; False when the time limit came first.
        mode, shapes: of this measurement.

    Attributes:
        notes: remarks on what was judged, for the report.
    """

    def __init__(
        self,
        subject: Subject,
        baseline: BaselineEntry,
        policy: Policy,
        *,
        rounds: Callable[[], Sequence[RoundRecord]],
        extend: Callable[[int], bool],
        mode: Mapping[str, Any],
        shapes: Mapping[str, Sequence[int]],
    ) -> None:
        self._subject, self._baseline, self._policy = subject, baseline, policy
        self._rounds, self._extend = rounds, extend
        self._mode, self._shapes = mode, shapes
        self._looked_at: dict[Gate, int] = {}
        self._too_short: str | None = None
        self.notes: list[str] = []

    def judge(self, *, host_bound: bool, doubt: Callable[[], str | None]) -> list[VerdictRecord]:
        """A verdict for each gate, or the one that the modes differ.

        Args:
            host_bound: enqueueing takes longer than the engine, so only P99 is about the model.
            doubt: asked at each look, why no gate may be conclusive.
        """
        if modes := self._mode_differences():
            return [self._other_mode(modes)]
        self.notes += attribution.doubts(self._baseline)
        gates = [gate for gate in self._gates() if self._fits(gate)]
        changes: dict[Gate, Change] = {}
        self._look(gates, changes, len(gates))
        open_gates = gates if not host_bound else [gate for gate in gates if gate.kind == "p99"]
        self._too_short = words.too_short_rounds(
            self._rounds(), [run.rounds for run in self._baseline.runs], self._policy.remedy
        )
        for look in LOOKS:
            if doubt() or self._too_short or self._is_settled(open_gates, changes):
                break
            if look > len(self._rounds()):
                complete = self._extend(look)
                self._look(open_gates, changes, len(gates))
                if not complete:
                    break
        why = doubt()
        return [self._record(gate, changes[gate], host_bound, why) for gate in gates]

    def differences(
        self,
        layers: Mapping[str, float],
        tactics: Mapping[str, str] | None = None,
        kernels: Kernels | None = None,
    ) -> list[str]:
        """What else changed since the baseline's last run, see `attribution.differences`."""
        return attribution.differences(
            self._baseline,
            digest=self._subject.engine.digest,
            plan_sha256=self._subject.engine.plan_sha256,
            software=self._subject.software,
            rounds=self._rounds(),
            layers=layers,
            tactics=tactics or {},
            kernels=kernels,
        )

    @property
    def _stored(self) -> list[BaselineRound]:
        return self._baseline.rounds

    def _gates(self) -> tuple[Gate, ...]:
        if self._mode["load"] == "open":
            return OPEN_LOAD_GATES
        return closed_load_gates(self._rounds()[0].quantiles)

    def _fits(self, gate: Gate) -> bool:
        """Whether the rounds are long enough for this gate; a note where they are not."""
        rounds, stored = self._rounds(), self._stored
        if not (too_few_for_p99(gate, stored) or too_few_for_p99(gate, rounds)):
            return True
        self.notes.append(words.too_short_for_p99(gate, rounds, stored))
        return False

    def _look(self, gates: Sequence[Gate], changes: dict[Gate, Change], compared: int) -> None:
        """Judges the gates without a conclusive verdict: a conclusive one never changes."""
        sessions = [session.rounds for session in self._baseline.sessions]
        machine, disturbance = self._machine(), self._disturbance()
        for gate in gates:
            if gate not in changes or _is_open(changes[gate]):
                self._looked_at[gate] = len(self._rounds())
                changes[gate] = judge_gate(
                    gate,
                    self._rounds(),
                    sessions,
                    self._policy.tolerance_of(gate),
                    disturbance=disturbance,
                    gates=compared,
                    machine=machine,
                )

    def _is_settled(self, gates: Sequence[Gate], changes: Mapping[Gate, Change]) -> bool:
        """Whether further rounds could not change the outcome of the test."""
        found = [(gate, changes[gate]) for gate in gates]
        fails = any(
            change.verdict.status is Status.FAIL and not self._blames_others(gate, change)
            for gate, change in found
        )
        return fails or not any(_is_open(change) for _, change in found)

    def _machine(self) -> float | None:
        """What the yardstick takes now over what it took, see `allow_for_machine`.

        None unless all rounds have one, read with the same release of ONNX Runtime.
        """
        release, runs = self._subject.software.get(YARDSTICK_PACKAGE), self._baseline.runs
        then = [round.yardstick_ms for round in self._stored]
        now = [round.yardstick_ms for round in self._rounds()]
        if None in then + now or any(
            run.software.get(YARDSTICK_PACKAGE) != release for run in runs
        ):
            return None
        return geometric_mean(filter(None, now)) / geometric_mean(filter(None, then))

    def _contention(self) -> float:
        """The share of time that other processes took from the engine, on the CPU."""
        return mean_contention(round.contention for round in self._rounds()) or 0.0

    def _disturbance(self) -> float:
        """How much longer that may have made a query: run half the time, it takes twice as long."""
        lost = self._contention()
        return lost / (1 - lost) if lost < 1 else math.inf

    def _blames_others(self, gate: Gate, change: Change) -> bool:
        """Whether other processes may be why a gate is not surely within tolerance."""
        if change.verdict.status is Status.PASS or self._contention() < TAIL_CONTENDED:
            return False
        # Their time slices are longer than most queries: the tail and the sum have no bound.
        return gate.kind != "median" or change.verdict.status is Status.INCONCLUSIVE

    def _mode_differences(self) -> list[str]:
        now = _flat(self._mode, self._shapes)
        then = _flat(self._baseline.mode, self._baseline.shapes)
        compared = sorted({gate.metric for gate in self._gates() if gate.kind != "throughput"})
        return [
            f"{name} is {now.get(name)} here and {then.get(name)} in the baseline"
            for name in sorted(now.keys() | then.keys())
            if now.get(name) != then.get(name)
        ] + [
            f"{metric} is missing in the baseline"
            for metric in compared
            if any(metric not in round.quantiles for round in self._stored)
        ]

    def _other_mode(self, differences: Sequence[str]) -> VerdictRecord:
        message = words.other_mode(self._subject.key, differences, self._policy.remedy)
        nothing = math.nan
        verdict = Verdict(Status.FAIL, Reason.OTHER_MODE, message, nothing, None, None, nothing)
        return verdict_record("baseline", "mode", verdict, message)

    def _record(
        self, gate: Gate, change: Change, host_bound: bool, doubt: str | None
    ) -> VerdictRecord:
        verdict = self._decided(gate, change, host_bound, doubt)
        if change.improved and not self._too_short:
            self.notes.append(words.improved(gate, change, self._policy.remedy))
        judged = words.JudgedGate(
            gate=gate,
            change=change,
            verdict=verdict,
            tolerance=self._policy.tolerance_of(gate),
            rounds=self._rounds()[: self._looked_at[gate]],
            sessions=len(self._baseline.sessions),
            disturbance=self._disturbance(),
        )
        message = words.comparison_message(self._subject.key, self._subject.device, judged)
        relative = Relative(
            change.current, change.baseline, change.ratio, change.lower, change.upper,
            limit=max(judged.tolerance, change.supported),
        )  # fmt: skip
        return verdict_record("baseline", gate.name, verdict, message, relative)

    def _decided(self, gate: Gate, change: Change, host_bound: bool, doubt: str | None) -> Verdict:
        """What the policy makes of a verdict."""
        verdict = change.verdict
        open_by = self._undecidable(gate, change, host_bound, doubt)
        if open_by:
            reason, message = open_by
            self.notes.append(f"{gate.name}: {message}")
            verdict = replace(verdict, status=Status.INCONCLUSIVE, reason=reason, message=message)
        elif verdict.status is Status.INCONCLUSIVE:
            verdict = replace(verdict, message=words.OVERLAPS)
        return decide(verdict, self._policy.failed_by)

    def _undecidable(
        self, gate: Gate, change: Change, host_bound: bool, doubt: str | None
    ) -> tuple[Reason, str] | None:
        """Reason and message where not even the estimate may decide."""
        if doubt:
            return Reason.DOUBTFUL, doubt
        if self._too_short:
            return Reason.SHORT_ROUNDS, self._too_short
        if host_bound and gate.kind != "p99":
            return Reason.ENQUEUE_BOUND, words.HOST_BOUND
        if self._blames_others(gate, change):
            return Reason.CONTENDED, others_took(self._contention())
        if not _is_open(change):
            return None
        reason = change.verdict.reason
        why = why_undecidable(change, self._policy.tolerance_of(gate))
        if why is None and reason is Reason.MACHINE_CHANGED:
            why = change.verdict.message
        elif reason is not Reason.TOO_FEW_ROUNDS:
            reason = Reason.TOO_NOISY
        return None if why is None else (reason, words.undecided(reason, why, self._policy.remedy))


def _is_open(change: Change) -> bool:
    return change.verdict.status is Status.INCONCLUSIVE


def _flat(mode: Mapping[str, Any], shapes: Mapping[str, Sequence[int]]) -> dict[str, Any]:
    # A mode records kernels only where they are fresh.
    mode = {"kernels": "cached", **mode}
    return {**mode, **{f"shape of {name}": list(shape) for name, shape in shapes.items()}}
