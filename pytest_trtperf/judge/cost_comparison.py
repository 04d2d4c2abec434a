"""What an engine costs beside its queries, against an earlier figure: the verdict in words."""

from __future__ import annotations

from pytest_trtperf.analysis.costs import COSTS
from pytest_trtperf.analysis.percent import signed_percent
from pytest_trtperf.analysis.verdict import Status, Verdict, evident_status
from pytest_trtperf.judge.verdict_records import Relative, verdict_record
from pytest_trtperf.record.verdict import VerdictRecord

_WORDS = {
    Status.PASS: "is unchanged",
    Status.FAIL: "regressed",
    Status.INCONCLUSIVE: "is not decided",
}


def compared_cost(
    name: str,
    verdict: Verdict,
    *,
    key: str,
    device: str,
    reference: float,
    tolerance: float,
    where: str = "in the baseline",
) -> VerdictRecord:
    """The record of a verdict on a figure of `COSTS`.

    Args:
        verdict: held to the reference and the tolerance, a share; in the figure's unit.
        where: the reference is from.
    """
    cost = COSTS[name]
    lower, upper = verdict.lower or verdict.value, verdict.upper or verdict.value
    relative = Relative(
        verdict.value, reference, verdict.value / reference,
        lower / reference, upper / reference, limit=tolerance,
    )  # fmt: skip
    message = (
        f"{key}: {cost.title} {_WORDS[evident_status(verdict)]}: {verdict.value:.5g} {cost.unit} "
        f"against {reference:.5g} {cost.unit} {where}, {signed_percent(relative.ratio - 1)}, "
        f"tolerance {tolerance:.1%}, on {device} ({verdict.message})"
    )
    return verdict_record("baseline", cost.title, verdict, message, relative)
