"""A race: an engine and that of its baseline, measured in turns, and what follows from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from pytest_trtperf.analysis.change import Change
from pytest_trtperf.analysis.gates import Gate
from pytest_trtperf.analysis.paired import Ratio, judge_ratio
from pytest_trtperf.analysis.percent import percent_interval, signed_percent
from pytest_trtperf.analysis.verdict import Reason, Status, Verdict, decide
from pytest_trtperf.baseline.software import changed_versions
from pytest_trtperf.judge.policy import Policy
from pytest_trtperf.judge.verdict_records import Relative, verdict_record
from pytest_trtperf.record.verdict import RaceRecord, VerdictRecord

_OPEN = (
    Reason.OVERLAPS_LIMIT,
    Reason.TOO_NOISY,
    Reason.CONTENDED,
    Reason.MACHINE_CHANGED,
    Reason.ONE_SESSION,
    Reason.NOT_STEADY,
    Reason.DOUBTFUL,
)
"""What may keep a comparison with a baseline open, and not a race."""

_EVIDENT = (Reason.OVER_LIMIT, Reason.UNDER_LIMIT)

REBUILT = "the reference had to be built anew"
"""In place of the versions that changed, where none did."""

_NO_CAUSE = ("python", "driver")
"""Of the software that a baseline names: the one does not run the engine, the other is no part of
the repository."""


@dataclass(frozen=True)
class Race:
    """What a race of two engines showed.

    Attributes:
        ratios: new over reference, by the gate's name.
        extent: how much was measured, in words.
        reference: where the other engine comes from, in words.
        software: what of the engine's software changed since the baseline, in words.
        doubt: why it decides nothing.
        remarks: how a gate was judged, in words, by its name.
        is_same: the engine is that of the baseline, or the same by another version of what built
            it, so that there was nothing to race.
    """

    ratios: Mapping[str, Ratio]
    extent: str
    reference: str
    software: Sequence[str] = ()
    doubt: str | None = None
    remarks: Mapping[str, str] = field(default_factory=dict)
    is_same: bool = False

    @property
    def has_other_versions(self) -> bool:
        """Whether software of the engine has another version than in the baseline."""
        return any(line != REBUILT for line in self.software)

    def answer(self, gate: Gate, tolerance: float) -> Verdict | None:
        """Whether the new engine is slower by more than a tolerance; None where it was not asked.

        An engine that has not changed is not.
        """
        higher = gate.kind == "throughput"
        limit = 1 / (1 + tolerance) if higher else 1 + tolerance
        if self.is_same:
            return Verdict(
                Status.PASS,
                Reason.WITHIN_LIMIT,
                "",
                1.0,
                None,
                None,
                limit,
                higher_is_better=higher,
            )
        if (ratio := self.ratios.get(gate.name)) is None:
            return None
        verdict = judge_ratio(ratio, limit, higher_is_better=higher)
        if self.doubt and verdict.status is not Status.INCONCLUSIVE:
            verdict = replace(verdict, status=Status.INCONCLUSIVE, reason=Reason.DOUBTFUL)
        return verdict

    def decides(self, gates: Sequence[tuple[Gate, float]]) -> bool:
        """Whether more turns change nothing: a gate has failed, or none is open.

        Args:
            gates: each with its tolerance.
        """
        answers = filter(None, [self.answer(gate, tolerance) for gate, tolerance in gates])
        states = {answer.status for answer in answers}
        return Status.FAIL in states or Status.INCONCLUSIVE not in states


def may_race(verdict: Verdict) -> bool:
    """Whether a race may say more than a comparison with a baseline did."""
    return verdict.status is not Status.INCONCLUSIVE or verdict.reason in _OPEN


def is_open(record: VerdictRecord) -> bool:
    """Whether a race may decide what a comparison left open."""
    return record.reason in {reason.value for reason in _OPEN}


def is_slower(record: VerdictRecord) -> bool:
    """Whether the numbers themselves fail."""
    return record.status == Status.FAIL.value and record.reason in {one.value for one in _EVIDENT}


def is_accepted_by_update(record: VerdictRecord) -> bool:
    """Whether recording the number anew is an answer to it: what is slower came with the change."""
    return record.failed and (is_slower(record) or record.reason == Reason.SOFTWARE.value)


def changed_software(then: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """What of the software changed that runs an engine and that a repository chooses."""
    return [
        f"{name} {stored} in the baseline, {here} here"
        for name, stored, here in changed_versions(then, now, besides=_NO_CAUSE)
    ]


@dataclass(frozen=True)
class RacedGate:
    """A gate that was raced.

    Attributes:
        change: against the baseline, of the sessions of the race.
        stored: the verdict on it.
        answer: that of the race.
    """

    gate: Gate
    change: Change
    stored: Verdict
    answer: Verdict
    tolerance: float
    race: Race

    @property
    def is_beyond(self) -> bool:
        """Whether the number is surely worse than the baseline's by more than the tolerance."""
        change = self.change
        if self.gate.kind == "throughput":
            return change.upper < 1 / (1 + self.tolerance)
        return change.lower > 1 + self.tolerance


def outcome(raced: RacedGate, policy: Policy) -> Verdict:
    """The verdict on a gate, its message left to `message`.

    The race alone decides whether the engine is slower. If it is not, and the number is worse than
    the baseline's, then the environment is, or other software of the engine.
    """
    answer, stored = raced.answer, raced.stored
    if answer.status is Status.FAIL:
        return replace(stored, status=Status.FAIL, reason=answer.reason, message="")
    if stored.status is Status.PASS:
        return stored
    if answer.status is Status.INCONCLUSIVE:
        verdict = replace(stored, status=Status.INCONCLUSIVE, reason=answer.reason, message="")
        return decide(verdict, policy.failed_by)
    # Both engines of a race run on the software of today, which may be what is slower.
    is_open = stored.status is Status.INCONCLUSIVE and raced.race.has_other_versions
    if not (raced.is_beyond or is_open):
        return replace(stored, status=Status.PASS, reason=Reason.WITHIN_LIMIT, message="")
    if not raced.race.software:
        return blamed(stored, Reason.ENVIRONMENT, policy.environment_failed_by)
    if stored.status is not Status.FAIL:
        # Not beyond what unchanged engines do in one of many tests.
        return decide(stored, policy.failed_by)
    return blamed(stored, Reason.SOFTWARE, policy.software_failed_by)


def blamed(verdict: Verdict, reason: Reason, failed_by: str | None) -> Verdict:
    """A verdict on a number that something else than the engine made worse."""
    status = Status.FAIL if failed_by else Status.PASS
    message = f"{failed_by} fails it" if failed_by else ""
    return replace(verdict, status=status, reason=reason, message=message)


def raced_record(key: str, device: str, raced: RacedGate, policy: Policy) -> VerdictRecord:
    """The record of a comparison that a race decided."""
    verdict, change = outcome(raced, policy), raced.change
    relative = Relative(
        change.current, change.baseline, change.ratio, change.lower, change.upper,
        limit=raced.tolerance, finds=change.finds, shift=change.shift,
    )  # fmt: skip
    message = _message(key, device, raced, verdict)
    race = None if raced.race.is_same else _race_record(raced.gate, raced.race)
    return verdict_record("baseline", raced.gate.name, verdict, message, relative, race)


def race_alone(
    key: str, device: str, gate: Gate, race: Race, policy: Policy
) -> VerdictRecord | None:
    """The record of a race of a gate without a baseline; None if it was not raced."""
    tolerance = policy.tolerance_of(gate)
    if race.is_same or (verdict := race.answer(gate, tolerance)) is None:
        return None
    verdict = decide(verdict, policy.failed_by)
    ratio = race.ratios[gate.name]
    word = _ANSWERS[judge_word(verdict)]
    message = (
        f"{key}: {gate.name} {word}: {_in_turns(gate, race)}, tolerance {tolerance:.1%} "
        f"({_extent(gate, race, device)}{_why(race, verdict)})"
    )
    relative = Relative(
        ratio.new, ratio.reference, ratio.value, ratio.lower, ratio.upper, limit=tolerance
    )
    return verdict_record("race", gate.name, verdict, message, relative, _race_record(gate, race))


def judge_word(verdict: Verdict) -> Status:
    """The status that the numbers have, without what an option made of it."""
    if verdict.status is Status.FAIL and verdict.reason not in _EVIDENT:
        return Status.INCONCLUSIVE
    return verdict.status


_ANSWERS = {
    Status.PASS: "is within tolerance",
    Status.FAIL: "regressed",
    Status.INCONCLUSIVE: "is inconclusive",
}


def _message(key: str, device: str, raced: RacedGate, verdict: Verdict) -> str:
    gate, change, race = raced.gate, raced.change, raced.race
    word = _ANSWERS[judge_word(verdict)]
    if verdict.reason is Reason.ENVIRONMENT:
        word = "is slower, and the engine is not: the environment is"
    elif verdict.reason is Reason.SOFTWARE:
        word = f"is slower, and the engine is not: other software is ({', '.join(race.software)})"
    raw = signed_percent(change.current / change.baseline - 1)
    bounds = percent_interval(change.lower - 1, change.upper - 1)
    against = (
        f"{change.current:.5g} {gate.unit} against {change.baseline:.5g} {gate.unit} in the "
        f"baseline, {raw} {bounds}"
    )
    first, second = f"{_in_turns(gate, race)}, tolerance {raced.tolerance:.1%}", against
    if race.is_same or verdict.reason in (Reason.ENVIRONMENT, Reason.SOFTWARE):
        first, second = f"{against}, tolerance {raced.tolerance:.1%}", _in_turns(gate, race)
    extent = f"{_extent(gate, race, device)}{_why(race, verdict)}"
    return f"{key}: {gate.name} {word}: {first}; {second} ({extent})"


def _in_turns(gate: Gate, race: Race) -> str:
    """What the race itself showed."""
    if race.is_same:
        return f"it is the engine of {race.reference}"
    ratio = race.ratios[gate.name]
    interval = percent_interval(ratio.lower - 1, ratio.upper - 1, 2)
    return (
        f"in turns, here and now, {ratio.new:.5g} {gate.unit} against {ratio.reference:.5g} "
        f"{gate.unit} of the reference, {signed_percent(ratio.value - 1, 2)} {interval}"
    )


def _extent(gate: Gate, race: Race, device: str) -> str:
    if race.is_same:
        return f"{race.extent} on {device}"
    words = f"race of {race.extent} on {device}, reference {race.reference}"
    return "; ".join(filter(None, [words, race.remarks.get(gate.name)]))


def _why(race: Race, verdict: Verdict) -> str:
    if judge_word(verdict) is Status.INCONCLUSIVE and race.doubt:
        return f"; {race.doubt}" + (f"; {verdict.message}" if verdict.message else "")
    return f"; {verdict.message}" if verdict.message else ""


def _race_record(gate: Gate, race: Race) -> RaceRecord:
    ratio = race.ratios[gate.name]
    return RaceRecord(
        value=ratio.new,
        reference=ratio.reference,
        change=ratio.value - 1,
        lower=ratio.lower - 1,
        upper=ratio.upper - 1,
        extent=race.extent,
        source=race.reference,
        blocks=ratio.block_changes,
    )
