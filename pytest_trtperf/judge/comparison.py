"""A measurement against its baseline: all gates look at the same sessions, and say what differs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import geometric_mean
from typing import Any

from pytest_trtperf.analysis.change import CONFIRMING, Change, Level
from pytest_trtperf.analysis.gates import (
    OPEN_LOAD_GATES,
    Gate,
    closed_load_gates,
    judge_gate,
    too_few_for_p99,
)
from pytest_trtperf.analysis.shift import Controls
from pytest_trtperf.analysis.spread import ROUNDS
from pytest_trtperf.analysis.verdict import Reason, Status, Verdict, decide
from pytest_trtperf.backend.session import Kernels
from pytest_trtperf.baseline.schema import BaselineEntry, BaselineRound
from pytest_trtperf.baseline.software import changed_versions
from pytest_trtperf.judge import attribution
from pytest_trtperf.judge import comparison_words as words
from pytest_trtperf.judge.control import count_engine, count_reference, is_control
from pytest_trtperf.judge.limits import others_took
from pytest_trtperf.judge.policy import Policy
from pytest_trtperf.judge.race import Race, RacedGate, blamed, may_race, raced_record
from pytest_trtperf.judge.repository import Repository
from pytest_trtperf.judge.saturation import lost_rate
from pytest_trtperf.judge.subject import Subject
from pytest_trtperf.judge.verdict_records import Relative, verdict_record
from pytest_trtperf.measure.host_state import TAIL_CONTENDED, mean_contention
from pytest_trtperf.measure.yardstick import YARDSTICK_PACKAGE
from pytest_trtperf.record.model import RoundRecord
from pytest_trtperf.record.verdict import VerdictRecord

Sessions = Sequence[Sequence[RoundRecord]]


@dataclass(frozen=True)
class Surroundings:
    """What a comparison knows of the others.

    Attributes:
        repository: their baselines.
        controls: the unchanged engines of this run.
        comparisons: how many there are; all together are red by chance as rarely as one alone.
    """

    repository: Repository
    controls: Controls = field(default_factory=Controls)
    comparisons: int = 1


class Comparison:
    """Holds the sessions of a measurement to a baseline entry.

    Args:
        mode, shapes: of this measurement.

    Attributes:
        notes: remarks on what was judged last, for the report.
        suspicion: of the last look, how far the worst number is beyond chance, in standard
            deviations; 0 where fresh sessions have nothing to decide.
        gates: that were compared last, each with its tolerance.
    """

    def __init__(
        self,
        subject: Subject,
        baseline: BaselineEntry,
        policy: Policy,
        surroundings: Surroundings,
        *,
        mode: Mapping[str, Any],
        shapes: Mapping[str, Sequence[int]],
    ) -> None:
        self._subject, self._baseline, self._policy = subject, baseline, policy
        self._around = surroundings
        self._mode, self._shapes = mode, shapes
        self._sessions: Sessions = []
        self._rounds: list[RoundRecord] = []
        self._is_counted = False
        self.notes: list[str] = []
        self.suspicion = 0.0
        self.gates: list[tuple[Gate, float]] = []

    def judge(
        self,
        sessions: Sessions,
        *,
        host_bound: bool,
        doubt: str | None,
        saturated: bool = False,
        out_of_time: bool = False,
        race: Race | None = None,
    ) -> list[VerdictRecord]:
        """A verdict for each gate, or the one that the modes differ or that a rate is lost.

        Fresh sessions alone decide once there are enough: the first one was chosen for them by
        what it showed.

        Args:
            sessions: all that were measured, with their rounds.
            host_bound: enqueueing takes longer than the engine, so only P99 is about the model.
            doubt: why no gate may be conclusive.
            saturated: whether an open load was given up, see `lost_rate`.
            out_of_time: whether no time is left for fresh sessions.
            race: with the engine of the baseline; its sessions of this engine are fresh ones.
        """
        fresh = sessions[1:]
        self._sessions = fresh if len(fresh) >= CONFIRMING else sessions[:1]
        self._rounds = [round for session in self._sessions for round in session[:ROUNDS]]
        if modes := self._mode_differences():
            return [self._other_mode(modes)]
        self.notes, self.suspicion = list(attribution.doubts(self._baseline)), 0.0
        if saturated and (lost := self._lost_rate()):
            return [lost]
        gates = [gate for gate in self._gates() if self._fits(gate)]
        stored = [run.rounds for run in self._baseline.runs]
        too_short = words.too_short_rounds(self._rounds, stored, self._policy.remedy)
        changes = {gate: self._change(gate, len(gates)) for gate in gates}
        if not (doubt or too_short):
            self._count_controls(changes, race)
        open_by = {
            gate: self._undecidable(gate, change, host_bound, doubt, too_short)
            for gate, change in changes.items()
        }
        suspicious = [
            change.suspicion
            for gate, change in changes.items()
            if change.suspicious and open_by[gate] is None and len(self._sessions) < CONFIRMING
        ]
        self.suspicion = max(suspicious, default=0.0)
        if out_of_time:
            no_time = (Reason.NO_TIME, words.NO_TIME)
            open_by |= {
                gate: no_time
                for gate, change in changes.items()
                if change.suspicious and open_by[gate] is None and _is_open(change)
            }
        self.gates = [(gate, self._policy.tolerance_of(gate)) for gate in gates]
        return [self._record(gate, changes[gate], open_by[gate], race) for gate in gates]

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
            rounds=self._rounds,
            layers=layers,
            tactics=tactics or {},
            kernels=kernels,
        )

    @property
    def may_hide_a_regression(self) -> bool:
        """Whether the engine is another than that of a baseline that may be too slow itself."""
        is_another = self._subject.engine.digest != self._baseline.engine
        return is_another and any(attribution.doubts(self._baseline))

    @property
    def has_only_another_plan(self) -> bool:
        """Whether the same was built anew by the same software, and all else is as it was."""
        last, engine = self._baseline.runs[-1], self._subject.engine
        is_same = engine.digest == self._baseline.engine and engine.plan_sha256 != last.plan
        changed = changed_versions(last.software, self._subject.software, besides=("python",))
        return is_same and not changed

    @property
    def _stored(self) -> list[BaselineRound]:
        return self._baseline.rounds

    def _gates(self) -> tuple[Gate, ...]:
        if self._mode.get("load") == "open":
            return OPEN_LOAD_GATES
        return closed_load_gates(self._rounds[0].quantiles)

    def _fits(self, gate: Gate) -> bool:
        """Whether the rounds are long enough for this gate; a note where they are not."""
        rounds, stored = self._rounds, self._stored
        if not (too_few_for_p99(gate, stored) or too_few_for_p99(gate, rounds)):
            return True
        self.notes.append(words.too_short_for_p99(gate, rounds, stored))
        return False

    def _change(self, gate: Gate, gates: int) -> Change:
        level = Level(
            self._policy.tolerance_of(gate),
            gates,
            self._around.comparisons,
            self._policy.most_widening,
            self._policy.confirming,
        )
        return judge_gate(
            gate,
            self._sessions,
            self._around.repository.baseline(self._baseline, gate),
            level,
            shift=self._around.controls.shift(gate.name),
            disturbance=self._disturbance(),
            machine=self._machine(),
        )

    def _count_controls(self, changes: Mapping[Gate, Change], race: Race | None) -> None:
        """Lets an unchanged engine, and that of a race, show once what the machine is like."""
        controls = self._around.controls
        if not self._is_counted and is_control(self._subject, self._baseline):
            self._is_counted = True
            count_engine(controls, changes)
        elif race:
            count_reference(controls, changes, race)

    def _machine(self) -> float | None:
        """What the yardstick takes now over what it took, see `allow_for_machine`.

        None unless all rounds have one, read with the same release of ONNX Runtime.
        """
        release, runs = self._subject.software.get(YARDSTICK_PACKAGE), self._baseline.runs
        then = [round.yardstick_ms for round in self._stored]
        now = [round.yardstick_ms for round in self._rounds]
        if None in then + now or any(
            run.software.get(YARDSTICK_PACKAGE) != release for run in runs
        ):
            return None
        return geometric_mean(filter(None, now)) / geometric_mean(filter(None, then))

    def _contention(self) -> float:
        """The share of time that other processes took from the engine, on the CPU."""
        return mean_contention(round.contention for round in self._rounds) or 0.0

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

    def _lost_rate(self) -> VerdictRecord | None:
        rate = float(self._mode["request_rate"])
        return lost_rate(self._subject, rate, self._rounds, self._stored, self._contention())

    def _record(
        self,
        gate: Gate,
        change: Change,
        open_by: tuple[Reason, str] | None,
        race: Race | None,
    ) -> VerdictRecord:
        verdict = change.verdict
        if race and (raced := self._raced(gate, change, open_by, race)):
            return raced_record(self._subject.key, self._subject.device, raced, self._policy)
        if open_by:
            reason, message = open_by
            verdict = replace(verdict, status=Status.INCONCLUSIVE, reason=reason, message=message)
        elif change.improved:
            self.notes.append(words.improved(gate, change, self._policy.remedy))
        if verdict.status is Status.INCONCLUSIVE and not verdict.message:
            message = words.undecided(change, verdict, self._policy.remedy)
            verdict = replace(verdict, message=message)
        if change.odd_runs:
            self.notes.append(words.odd_runs(gate, change))
        verdict = decide(verdict, self._policy.failed_by)
        if verdict.reason is Reason.ENVIRONMENT:
            verdict = blamed(verdict, verdict.reason, self._policy.environment_failed_by)
        judged = words.JudgedGate(
            gate=gate,
            change=change,
            verdict=verdict,
            tolerance=self._policy.tolerance_of(gate),
            rounds=self._rounds,
            disturbance=self._disturbance(),
        )
        message = words.comparison_message(self._subject.key, self._subject.device, judged)
        relative = Relative(
            change.current, change.baseline, change.ratio, change.lower, change.upper,
            limit=max(judged.tolerance, change.widened), finds=change.finds, shift=change.shift,
        )  # fmt: skip
        return verdict_record("baseline", gate.name, verdict, message, relative)

    def _raced(
        self, gate: Gate, change: Change, open_by: tuple[Reason, str] | None, race: Race
    ) -> RacedGate | None:
        """The gate with what a race says of it; None where that says nothing."""
        stored, tolerance = change.verdict, self._policy.tolerance_of(gate)
        if open_by:
            stored = replace(
                stored, status=Status.INCONCLUSIVE, reason=open_by[0], message=open_by[1]
            )
        answer = race.answer(gate, tolerance)
        # That an engine has not changed makes no number of it steady.
        has_no_number = race.is_same and stored.reason is Reason.DOUBTFUL
        if answer is None or has_no_number or not may_race(stored):
            return None
        return RacedGate(gate, change, stored, answer, tolerance, race)

    def _undecidable(
        self,
        gate: Gate,
        change: Change,
        host_bound: bool,
        doubt: str | None,
        too_short: str | None,
    ) -> tuple[Reason, str] | None:
        """Reason and message where the numbers decide nothing; None where they do."""
        if doubt:
            return Reason.DOUBTFUL, doubt
        if too_short:
            return Reason.SHORT_ROUNDS, too_short
        if host_bound and gate.kind != "p99":
            return Reason.ENQUEUE_BOUND, words.HOST_BOUND
        if self._blames_others(gate, change):
            return Reason.CONTENDED, others_took(self._contention())
        verdict, may_wait = change.verdict, len(self._sessions) < CONFIRMING
        if verdict.status is not Status.INCONCLUSIVE or (change.suspicious and may_wait):
            return None
        return verdict.reason, words.undecided(change, verdict, self._policy.remedy)


def _is_open(change: Change) -> bool:
    return change.verdict.status is Status.INCONCLUSIVE


def _flat(mode: Mapping[str, Any], shapes: Mapping[str, Sequence[int]]) -> dict[str, Any]:
    # A mode records kernels only where they are fresh.
    mode = {"kernels": "cached", **mode}
    return {**mode, **{f"shape of {name}": list(shape) for name, shape in shapes.items()}}
