"""Whether the run of a commit says that it is good or bad, for `git bisect run`."""

from __future__ import annotations

from collections.abc import Collection

from pytest_trtperf.record.acceptable import why_it_failed
from pytest_trtperf.record.item import FAILED
from pytest_trtperf.record.model import MeasurementRecord, RunRecord

GOOD, BAD, SKIP = "good", "bad", "skip"

_BROKEN = (*FAILED, "unfinished")


def judge(run: RunRecord, metrics: Collection[str] | None = None) -> tuple[str, str]:
    """`GOOD`, `BAD` or `SKIP`, and why.

    A commit is good only if nothing is open and all measurements were compared, without those that
    ask for no baseline: a wrong answer ends at a wrong commit, while a skipped one only costs time.
    Rates and pairs count by the verdicts that they have.

    Args:
        metrics: the numbers to judge by; None for all.
    """
    verdicts = [
        (one, verdict)
        for one in run.measured
        for verdict in one.verdicts
        if metrics is None or verdict.metric in metrics
    ]
    for one, verdict in verdicts:
        if verdict.failed and one.outcome in (None, *_BROKEN):
            return BAD, _line(verdict.message)
    for item in run.tests:
        measured = [one for one in run.measured if one.test == item.test]
        if item.outcome in _BROKEN and not any(v.failed for one in measured for v in one.verdicts):
            why = why_it_failed(item, measured) or item.reason or "no reason is known"
            return SKIP, f"{item.key} {item.outcome}: {_line(why)}"
    for _, verdict in verdicts:
        if verdict.status == "inconclusive":
            return SKIP, _line(verdict.message)
    if not run.measured:
        return SKIP, "nothing was measured"
    known = {id(one) for one, _ in verdicts}
    for one in run.measurements:
        if one.baseline != "off" and id(one) not in known:
            if not _has_same_engine(one):
                return SKIP, f"{one.key} was not compared{_reason(one)}"
            known.add(id(one))
    if not known:
        return SKIP, "nothing was compared"
    count = len(known)
    return GOOD, f"{count} measurement{'s are' if count > 1 else ' is'} as fast"


def _has_same_engine(one: MeasurementRecord) -> bool:
    """Whether there was nothing to race, since the good revision asks for the same engine."""
    return one.baseline == "raced" and not one.verdicts


def _reason(one: MeasurementRecord) -> str:
    return f": {_line(one.notes[-1])}" if one.notes else ""


def _line(text: str) -> str:
    return text.strip().partition("\n")[0]
