"""What a fixed calculation on the CPU explains of a change: the machine's own."""

from __future__ import annotations

from dataclasses import replace

from pytest_trtperf.analysis.change import Change
from pytest_trtperf.analysis.percent import signed_percent
from pytest_trtperf.analysis.verdict import Reason, Status, keeps_limit

SENSITIVITY = 1.5
"""How much more than a fixed calculation an engine may feel a slower machine, as a power."""


MOST_EXPLAINED = 5.0
"""The largest factor between two readings on hardware of one class; beyond it one of them is wrong,
and explains nothing."""


def allow_for_machine(change: Change, machine: float, tolerance: float) -> Change:
    """A change, made inconclusive where a faster or slower machine may explain it.

    A slower machine does not explain a regression that stays beyond the tolerance once the engine
    is allowed `SENSITIVITY` times what made the machine slower. The same holds for the estimate
    alone. A pass stands unless a faster machine hides a regression, by the same measure.

    Args:
        machine: what a fixed calculation takes now over what it took, as a ratio.
    """
    if not 1 / MOST_EXPLAINED <= machine <= MOST_EXPLAINED:
        return change
    verdict = change.verdict
    slower = 1 / change.ratio if verdict.higher_is_better else change.ratio
    felt, unfelt = machine**SENSITIVITY, machine ** (1 / SENSITIVITY)
    regressed = slower / (felt if machine > 1 else unfelt) > 1 + tolerance
    improved = slower / (felt if machine < 1 else unfelt) < 1 / (1 + tolerance)
    change = replace(change, improved=change.improved and improved)
    contradicted = (
        regressed if verdict.status is Status.PASS else not (keeps_limit(verdict) or regressed)
    )
    if verdict.lower is None or not contradicted:
        return change
    message = (
        f"a fixed calculation takes {signed_percent(machine - 1)} since the baseline was "
        "recorded, so the machine itself may have changed"
    )
    verdict = replace(
        verdict, status=Status.INCONCLUSIVE, reason=Reason.MACHINE_CHANGED, message=message
    )
    return replace(change, verdict=verdict, suspicious=False)
