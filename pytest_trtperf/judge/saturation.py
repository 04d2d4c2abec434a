"""An open load that breaks the device down, where the baseline's device kept up with it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pytest_trtperf.analysis.gates import RoundStatistics
from pytest_trtperf.analysis.verdict import Reason, Status, Verdict
from pytest_trtperf.judge.subject import Subject
from pytest_trtperf.judge.verdict_records import Relative, verdict_record
from pytest_trtperf.record.verdict import VerdictRecord

SLACK = 0.02
"""The share by which rounds of a rate that was held may be below it, beside chance."""


def lost_rate(
    subject: Subject,
    rate: float,
    rounds: Sequence[RoundStatistics],
    stored: Sequence[RoundStatistics],
    contention: float,
) -> VerdictRecord | None:
    """The failure of a saturated load whose rate the baseline held; None where nothing is sure.

    That is so where the baseline did not hold it, or where other processes took as much of the time
    as is missing.

    Args:
        rate: queries per second that were asked for.
        rounds: of this measurement, which the device gave up. stored: those of the baseline.
        contention: the share of time that other processes took.
    """
    reached, then = _rate_of(rounds), _rate_of(stored)
    # four standard deviations of the number of Poisson arrivals
    chance = 4 / math.sqrt(sum(round.queries for round in stored))
    held = then >= rate * (1 - SLACK - chance)
    if not held or reached >= rate * (1 - contention):
        return None
    message = (
        f"{subject.key}: the rate of {rate:g} qps is lost: {reached:.5g} qps were reached, and "
        f"responses grow without end, where the baseline held {then:.5g} qps (on {subject.device})"
    )
    verdict = Verdict(
        Status.FAIL, Reason.SATURATED, message, reached, None, None, rate, higher_is_better=True
    )
    ratio = reached / then
    relative = Relative(reached, then, ratio, ratio, ratio, limit=0.0)
    return verdict_record("baseline", "throughput", verdict, message, relative)


def _rate_of(rounds: Sequence[RoundStatistics]) -> float:
    """Queries per second over all rounds."""
    seconds = sum(round.queries / round.throughput for round in rounds)
    return sum(round.queries for round in rounds) / seconds
