"""All baselines of a hardware class and backend: what unchanged engines differ by."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property

from pytest_trtperf.analysis.change import Baseline
from pytest_trtperf.analysis.gates import Gate, too_few_for_p99
from pytest_trtperf.analysis.spread import SessionFigure, Spread, StoredRun
from pytest_trtperf.baseline.schema import BaselineEntry, BaselineRun

MINUTE = len("2026-01-01T00:00")


class Repository:
    """The entries that a comparison learns from.

    Args:
        entries: gives them; asked once, for the first comparison.
    """

    def __init__(self, entries: Callable[[], Iterable[BaselineEntry]]) -> None:
        self._read = entries
        self._spreads: dict[Gate, Spread] = {}

    def baseline(self, entry: BaselineEntry, gate: Gate) -> Baseline:
        """What a gate's number is compared with; the entry has all of the gate's values."""
        if gate not in self._spreads:
            known = [stored_runs(one, gate) for one in self._entries if _has(one, gate)]
            self._spreads[gate] = Spread.of(known)
        return Baseline(stored_runs(entry, gate), self._spreads[gate])

    @cached_property
    def _entries(self) -> list[BaselineEntry]:
        return list(self._read())


def stored_runs(entry: BaselineEntry, gate: Gate) -> list[StoredRun]:
    """A gate's number in each session of each run.

    Runs that were recorded in one minute carry one label: one invocation records all its entries
    at its end.
    """
    return [
        StoredRun(
            run.recorded[:MINUTE],
            tuple(SessionFigure.of(gate.values(session.rounds)) for session in run.sessions),
        )
        for run in entry.runs
    ]


def _has(entry: BaselineEntry, gate: Gate) -> bool:
    """Whether an entry was recorded under a load that has this gate."""
    return all(map(_has_metric(gate), entry.runs)) and not too_few_for_p99(gate, entry.rounds)


def _has_metric(gate: Gate) -> Callable[[BaselineRun], bool]:
    def has(run: BaselineRun) -> bool:
        return all(gate.kind == "throughput" or gate.metric in r.quantiles for r in run.rounds)

    return has
