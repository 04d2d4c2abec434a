"""What is said of a comparison: its message, and why something stays open."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from pytest_trtperf.analysis.change import Change
from pytest_trtperf.analysis.gates import LEAST_QUERIES_FOR_P99, Gate, RoundStatistics
from pytest_trtperf.analysis.percent import percent_interval, signed_percent, slowdown_words
from pytest_trtperf.analysis.round_length import mean_round_ms, too_short
from pytest_trtperf.analysis.spread import ROUNDS
from pytest_trtperf.analysis.verdict import Reason, Status, Verdict, evident_status
from pytest_trtperf.judge.policy import Remedy
from pytest_trtperf.text import counted

HOST_BOUND = "bound by enqueue, so this measures the host, not the model: use cuda_graph"
OVERLAPS = "the limit lies within the interval"
ONE_SESSION = "no fresh session has confirmed it"
BY_CHANCE = "among so many comparisons chance does as much, or one of the sessions alone does"
NO_TIME = "no time was left for fresh sessions: raise --trtperf-time-limit"
ENVIRONMENT = "the machine is slower than when the baseline was recorded, the engine is not"

_STATUS = {
    Status.PASS: "is within tolerance",
    Status.FAIL: "regressed",
    Status.INCONCLUSIVE: "is inconclusive",
}

_EXPLAINED = (Reason.WITHIN_LIMIT, Reason.OVER_LIMIT, Reason.UNDER_LIMIT)
"""Reasons that the change, its interval and the tolerance explain."""


@dataclass(frozen=True)
class JudgedGate:
    """A gate with its change, and what the policy made of it.

    Attributes:
        rounds: those that the change comes from.
        disturbance: see `analysis.regression.judge_change`.
    """

    gate: Gate
    change: Change
    verdict: Verdict
    tolerance: float
    rounds: Sequence[RoundStatistics]
    disturbance: float


def comparison_message(key: str, device: str, judged: JudgedGate) -> str:
    """A gate's numbers and its verdict."""
    gate, change, verdict = judged.gate, judged.change, judged.verdict
    queries = sum(round.queries for round in judged.rounds)
    interval = percent_interval(change.lower - 1, change.upper - 1)
    why = "" if verdict.reason in _EXPLAINED else f"; {verdict.message or ENVIRONMENT}"
    if verdict.reason is Reason.ENVIRONMENT and verdict.message:
        why = f"; {ENVIRONMENT}; {verdict.message}"
    mde = slowdown_words(change.finds)
    sessions = "one session" if change.sessions == 1 else f"{change.sessions} fresh sessions"
    return (
        f"{key}: {gate.name} {_word(verdict)}: "
        f"{change.current:.5g} {gate.unit} against {change.baseline:.5g} {gate.unit} "
        f"in the baseline, {_allowed_for(judged)}{signed_percent(change.ratio - 1)} {interval}, "
        f"tolerance {judged.tolerance:.1%}{_raised(judged)}, MDE {mde} "
        f"({sessions}, {counted(len(judged.rounds), 'round')}, {counted(queries, 'query')} on "
        f"{device}{why})"
    )


def _word(verdict: Verdict) -> str:
    if verdict.reason is Reason.ENVIRONMENT:
        return _STATUS[Status.PASS]
    return _STATUS[evident_status(verdict)]


def _allowed_for(judged: JudgedGate) -> str:
    """What the machine has changed, where it is not the engine's."""
    change = judged.change
    if not change.controls:
        return ""
    raw = signed_percent(change.current / change.baseline - 1)
    machine = signed_percent(change.shift)
    return (
        f"{raw}, while {change.controls} unchanged engines of this run take {machine}: without "
        "that "
    )


def _raised(judged: JudgedGate) -> str:
    widened, change = judged.change.widened, judged.change
    if widened <= judged.tolerance * (1 + 1e-9):
        return ""
    # A rate falls by this much when queries take so much longer.
    fall = 1 - 1 / (1 + widened)
    most = f"{fall if judged.gate.kind == 'throughput' else widened:.1%}"
    if widened <= judged.disturbance:
        return f", raised to {most}: other processes took so much time"
    runs = "one run" if change.runs == 1 else f"{change.runs} runs"
    return f", raised to {most}: the baseline's {runs} and this measurement support no less"


def other_mode(key: str, differences: Sequence[str], remedy: Remedy) -> str:
    """Why nothing can be compared."""
    return (
        f"{key}: the baseline was recorded in another mode, so nothing can be "
        f"compared: {'; '.join(differences)}. Measure in the same mode, or {remedy.renew}"
    )


def too_short_for_p99(
    gate: Gate, rounds: Sequence[RoundStatistics], stored: Sequence[RoundStatistics]
) -> str:
    """Why a gate is left out, and what would bring it back."""
    rate = sum(round.throughput for round in rounds) / len(rounds)
    seconds = 1.1 * ROUNDS * LEAST_QUERIES_FOR_P99 / rate
    return (
        f"{gate.name} is not compared: a round has {rounds[0].queries} queries here and "
        f"{stored[0].queries} in the baseline, and {LEAST_QUERIES_FOR_P99} are needed "
        f"(round_queries={LEAST_QUERIES_FOR_P99}, and max_time of at least {seconds:.1f} s)"
    )


def too_short_rounds(
    rounds: Sequence[RoundStatistics], runs: Sequence[Sequence[RoundStatistics]], remedy: Remedy
) -> str | None:
    """Why rounds are too short to be compared, of this run or stored ones; None where they fit."""
    if here := too_short(mean_round_ms(rounds)):
        return here
    there = too_short(min(map(mean_round_ms, runs)), " in the baseline")
    return there and f"{there} and {remedy.renew}"


def improved(gate: Gate, change: Change, remedy: Remedy) -> str:
    """That a number is surely better."""
    hint = f": {remedy.keep}" if remedy.keep else ""
    return f"{gate.name} improved by {abs(change.ratio - 1):.1%}{hint}"


def accepted_by(test: str) -> str:
    """How a slower number becomes the baseline, for a test by its id."""
    return f"expected? pytest --trtperf --trtperf-update {shlex.quote(test)}, and commit the file"


def odd_runs(gate: Gate, change: Change) -> str:
    """Which runs of the baseline are left out."""
    return (
        f"{gate.name}: {', '.join(change.odd_runs)} is left out of the baseline, since it is far "
        "from the other runs"
    )


def undecided(change: Change, verdict: Verdict, remedy: Remedy) -> str:
    """What helps where the numbers decide nothing."""
    if verdict.reason is Reason.MACHINE_CHANGED:
        return f"{verdict.message}: free it, or compare in turns"
    if verdict.reason is Reason.ONE_SESSION:
        return ONE_SESSION
    if verdict.reason is not Reason.TOO_NOISY:
        return BY_CHANCE if _is_beyond(verdict) else OVERLAPS
    lower, upper = (signed_percent(bound - 1) for bound in (change.lower, change.upper))
    noisy = f"too noisy to decide, from {lower} to {upper}"
    if change.runs_needed and remedy.more_runs:
        return f"{noisy}: {remedy.more_runs}, about {change.runs_needed} in all"
    return f"{noisy}: free the machine, measure for longer (round_ms) or widen the tolerance"


def _is_beyond(verdict: Verdict) -> bool:
    """Whether the whole interval is beyond the limit."""
    if verdict.higher_is_better:
        return verdict.upper is not None and verdict.upper < verdict.limit
    return verdict.lower is not None and verdict.lower > verdict.limit
