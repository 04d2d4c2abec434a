"""What engines cost beside their queries, in two records: judged where the test has a gate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from pytest_trtperf.analysis.costs import COSTS, judge_starts, judge_within
from pytest_trtperf.analysis.percent import signed_percent
from pytest_trtperf.analysis.verdict import decide
from pytest_trtperf.judge.cost_comparison import compared_cost
from pytest_trtperf.judge.policy import Policy
from pytest_trtperf.record.model import CostRecord, MeasurementRecord
from pytest_trtperf.record.text import shortened
from pytest_trtperf.record.verdict import VerdictRecord

SAME = 0.01
"""A change up to which a figure counts as the same: starts of one engine differ by as much."""

MOST_SHOWN = 10
_STARTS = ("load_time", "cold_start")


class CostChange(msgspec.Struct, frozen=True, kw_only=True):
    """A figure that both records have and nothing judges; `change` is a share, None from 0 on."""

    name: str
    unit: str
    old: float
    new: float
    change: float | None

    @property
    def is_unchanged(self) -> bool:
        """Whether it is the same as far as that counts."""
        return self.old == self.new or (self.change is not None and abs(self.change) <= SAME)


def compare_costs(
    old: MeasurementRecord, new: MeasurementRecord, policy: Policy
) -> tuple[list[VerdictRecord], list[CostChange]]:
    """The verdicts on figures with a gate, and the other figures that both records have."""
    verdicts, others = [], []
    for name, now in new.costs.items():
        before = old.costs.get(name)
        if before is None or name not in COSTS:
            continue
        if verdict := _judged(name, before, new, policy):
            verdicts.append(verdict)
        else:
            change = now.value / before.value - 1 if before.value else None
            others.append(
                CostChange(name=name, unit=now.unit, old=before.value, new=now.value, change=change)
            )
    return verdicts, others


def _judged(
    name: str, before: CostRecord, new: MeasurementRecord, policy: Policy
) -> VerdictRecord | None:
    """The verdict by the tolerance of the gate in the new run; None where it has none."""
    now, gate = new.costs[name], _gate(name, new)
    if gate is None or gate.limit is None or not now.values or before.value <= 0:
        return None
    limit = (1 + gate.limit) * before.value
    if name in _STARTS:
        verdict = judge_starts(now.values, limit)
    else:
        verdict = judge_within(now.value, _error(gate), limit, now.about)
    return compared_cost(
        name, decide(verdict, policy.failed_by), key=new.key, device=new.device,
        reference=before.value, tolerance=gate.limit, where="in the old record",
    )  # fmt: skip


def _gate(name: str, new: MeasurementRecord) -> VerdictRecord | None:
    """What the new run's gate said, which has its tolerance; None where no baseline was there."""
    if not new.costs[name].is_gated:
        return None
    title = COSTS[name].title
    gates = (one for one in new.verdicts if one.kind == "baseline" and one.metric == title)
    return next(gates, None)


def _error(gate: VerdictRecord) -> float:
    """The share by which the figure may be wrong, as the gate's interval has it."""
    if gate.upper is None or gate.change is None or gate.change <= -1:
        return 0.0
    return max(0.0, (1 + gate.upper) / (1 + gate.change) - 1)


def cost_rows(
    changes: Sequence[tuple[str, CostChange]], *, everything: bool
) -> Iterator[tuple[str, ...]]:
    """A row of `compare_text.COLUMNS` for each figure that changed, the largest change first.

    Args:
        changes: with the keys of their measurements.
        everything: whether all are shown, those that are unchanged too.
    """
    shown = [one for one in changes if everything or not one[1].is_unchanged]
    shown.sort(key=lambda one: -_size(one[1]))
    for key, one in shown if everything else shown[:MOST_SHOWN]:
        yield (
            shortened(key),
            f"{COSTS[one.name].title} ({one.unit})",
            f"{one.old:.5g}",
            f"{one.new:.5g}",
            "-" if one.change is None else signed_percent(one.change),
            "-",
            "not judged",
        )


def cost_counts(changes: Sequence[tuple[str, CostChange]], *, everything: bool) -> str:
    """How many figures changed, and how many did not; empty where there are none."""
    changed = sum(not one.is_unchanged for _, one in changes)
    if not changes:
        return ""
    shown = min(changed, MOST_SHOWN)
    left = "" if everything or shown == changed else f", the {shown} largest are shown"
    return (
        f"costs, not judged without gate=: {changed} changed by over {SAME:.0%}{left}, "
        f"{len(changes) - changed} unchanged"
    )


def _size(one: CostChange) -> float:
    """How large a change is, the same for a half and for twice as much."""
    if one.change is None:
        return float("inf")
    ratio = 1 + one.change
    return max(ratio, 1 / ratio) if ratio > 0 else float("inf")
