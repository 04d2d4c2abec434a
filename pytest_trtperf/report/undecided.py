"""What was not decided, and why: the line that each report counts it in."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_trtperf.analysis.verdict import Reason, Status
from pytest_trtperf.record.model import Measured
from pytest_trtperf.record.text import shortened
from pytest_trtperf.report.outcomes import listed, outcome
from pytest_trtperf.text import counted

_WORDS = {Reason.OVERLAPS_LIMIT.value: "too close to the limit"}


def undecided_reason(record: Measured) -> str | None:
    """Why a measurement was neither failed nor passed, in words; None where it was."""
    if outcome(record) != Status.INCONCLUSIVE.value:
        return None
    open_ones = (one for one in record.verdicts if one.status == Status.INCONCLUSIVE.value)
    reason = next(open_ones).reason
    return _WORDS.get(reason, reason.replace("_", " "))


def undecided_line(measured: Sequence[Measured]) -> str | None:
    """How many measurements were not decided, by the first reason of each; None where all were."""
    names: dict[str, list[str]] = {}
    for one in measured:
        if reason := undecided_reason(one):
            names.setdefault(reason, []).append(shortened(one.key.partition("::")[2] or one.key))
    if not names:
        return None
    count, total = sum(map(len, names.values())), len(measured)
    by_reason = sorted(names.items(), key=lambda item: -len(item[1]))
    reasons = ", ".join(f"{len(those)} {reason} ({listed(those)})" for reason, those in by_reason)
    were = "measurement was" if total == 1 else "measurements were"
    return f"{count} of {total} {were} not decided: {reasons}"


def undecided_advice(measured: Sequence[Measured]) -> str | None:
    """What fails what was not decided, and how many budgets are among it; None of nothing."""
    open_ones = [one for one in measured if undecided_reason(one)]
    if not open_ones:
        return None
    budgets = sum(
        verdict.kind == "budget" and verdict.status == Status.INCONCLUSIVE.value
        for one in open_ones
        for verdict in one.verdicts
    )
    holds = f", though it holds {counted(budgets, 'budget')}" if budgets else ""
    return (
        f"  no test fails because of this{holds}: --trtperf-inconclusive=fail fails it; "
        "--trtperf-strict also fails a missing baseline"
    )
