"""What a change in a table does not say by itself: a mark, and the line that explains it."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_trtperf.analysis.percent import signed_percent
from pytest_trtperf.analysis.verdict import Reason, Status
from pytest_trtperf.record.verdict import RaceRecord, VerdictRecord

_SHIFTED, _SAME, _RACED, _LOST = "*", "†", "‡", "§"
_NO_SHIFT = signed_percent(0)
_SLOWER = (Reason.OVER_LIMIT.value, Reason.UNDER_LIMIT.value)


def deciding_race(verdict: VerdictRecord) -> RaceRecord | None:
    """The race that failed a verdict, whose numbers count then in place of the baseline's."""
    return verdict.race if verdict.failed and verdict.reason in _SLOWER else None


def shift_of(shown: VerdictRecord) -> float | None:
    """How much slower the machine was, as a share that is not part of the change; else None."""
    if shown.change is None or shown.shift is None or deciding_race(shown):
        return None
    return None if signed_percent(shown.shift) == _NO_SHIFT else shown.shift


def marks_of(shown: VerdictRecord) -> str:
    """The marks of a change, in the order of `mark_lines`; empty where it says all."""
    if deciding_race(shown):
        return _LOST if shown.kind == "baseline" else ""
    return (_SHIFTED if shift_of(shown) is not None else "") + _in_spite_of_the_limit(shown)


def mark_lines(found: Sequence[VerdictRecord]) -> list[str]:
    """A line for each mark that a change of these has."""
    marks = {mark for shown in found for mark in marks_of(shown)}
    lines = []
    if _SHIFTED in marks:
        shifts = sorted(shift for shown in found if (shift := shift_of(shown)) is not None)
        ends = dict.fromkeys(map(signed_percent, (shifts[0], shifts[-1])))
        lines.append(
            f"{_SHIFTED} without what the unchanged engines of this run have in common: "
            f"{' to '.join(ends)}"
        )
    if _SAME in marks:
        lines.append(f"{_SAME} passes: it is the engine of the baseline")
    if _RACED in marks:
        lines.append(f"{_RACED} passes: in turns with the engine of the baseline it is not slower")
    if _LOST in marks:
        lines.append(f"{_LOST} in turns with the engine of the baseline, here and now")
    return lines


def _in_spite_of_the_limit(shown: VerdictRecord) -> str:
    """Why a change beyond its limit passes; what blames the environment has a line of its own."""
    passes = shown.status == Status.PASS.value and shown.reason == Reason.WITHIN_LIMIT.value
    if not passes or shown.change is None or shown.limit is None or shown.change <= shown.limit:
        return ""
    return _RACED if shown.race else _SAME
