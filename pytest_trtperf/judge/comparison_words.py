"""What is said of a comparison: its message, and why something stays open."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pytest_trtperf.analysis.gates import LEAST_QUERIES_FOR_P99, Gate, RoundStatistics
from pytest_trtperf.analysis.percent import percent_interval, signed_percent
from pytest_trtperf.analysis.regression import LOOKS, Change
from pytest_trtperf.analysis.round_length import mean_round_ms, too_short
from pytest_trtperf.analysis.verdict import Reason, Status, Verdict, evident_status
from pytest_trtperf.judge.policy import Remedy

HOST_BOUND = "bound by enqueue, so this measures the host, not the model: use cuda_graph"
OVERLAPS = "the limit lies within the interval: measure for longer (max_time, round_ms)"

_STATUS = {
    Status.PASS: "is within tolerance",
    Status.FAIL: "regressed",
    Status.INCONCLUSIVE: "is inconclusive",
}

_EXPLAINED = (Reason.WITHIN_LIMIT, Reason.OVER_LIMIT, Reason.UNDER_LIMIT)
"""Reasons that the change, its interval and the tolerance explain."""


@dataclass(frozen=True)
class JudgedGate:
    """A gate with its last change, and what the policy made of it.

    Attributes:
        rounds: those that the change comes from.
        sessions: how many the baseline has, in all runs.
        disturbance: see `analysis.regression.judge_change`.
    """

    gate: Gate
    change: Change
    verdict: Verdict
    tolerance: float
    rounds: Sequence[RoundStatistics]
    sessions: int
    disturbance: float


def comparison_message(key: str, device: str, judged: JudgedGate) -> str:
    """A gate's numbers and its verdict."""
    gate, change, verdict = judged.gate, judged.change, judged.verdict
    queries = sum(round.queries for round in judged.rounds)
    interval = percent_interval(change.lower - 1, change.upper - 1)
    if change.upper == math.inf:
        interval = "[?, ?]"
    why = "" if verdict.reason in _EXPLAINED else f"; {verdict.message}"
    return (
        f"{key}: {gate.name} {_STATUS[evident_status(verdict)]}: "
        f"{change.current:.5g} {gate.unit} against {change.baseline:.5g} {gate.unit} "
        f"in the baseline, {signed_percent(change.ratio - 1)} {interval}, "
        f"tolerance {judged.tolerance:.1%}{_raised(judged)} "
        f"({len(judged.rounds)} rounds, {queries} queries on {device}{why})"
    )


def _raised(judged: JudgedGate) -> str:
    supported, sessions = judged.change.supported, judged.sessions
    if supported <= judged.tolerance:
        return ""
    # A rate falls by this much when queries take so much longer.
    fall = 1 - 1 / (1 + supported)
    most = f"{fall if judged.gate.kind == 'throughput' else supported:.1%}"
    if supported <= judged.disturbance:
        return f", raised to {most}: other processes took so much time"
    found = "only session" if sessions == 1 else f"{sessions} sessions"
    return f", raised to {most}: judging by the baseline's {found}, runs may differ by that much"


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
    seconds = 1.1 * LOOKS[0] * LEAST_QUERIES_FOR_P99 / rate
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


def undecided(reason: Reason, why: str, remedy: Remedy) -> str:
    """What helps where not even the estimate may decide."""
    if reason is Reason.MACHINE_CHANGED:
        return f"{why}: free it, or compare in turns"
    if reason is Reason.TOO_FEW_ROUNDS:
        return f"{why}: {remedy.renew}"
    more = f", {remedy.more_runs}" if remedy.more_runs else ""
    longer = "measure for longer (max_time, round_ms)"
    return f"{why}: {longer}{more}, free the machine or widen the tolerance"
