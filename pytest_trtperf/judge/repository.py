"""All baselines of a hardware class and backend: what unchanged engines differ by."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import cached_property

from pytest_trtperf.analysis.change import Baseline, Level
from pytest_trtperf.analysis.gates import (
    OPEN_LOAD_GATES,
    Gate,
    closed_load_gates,
    judge_gate,
    too_few_for_p99,
)
from pytest_trtperf.analysis.percent import slowdown_words
from pytest_trtperf.analysis.spread import SessionFigure, Spread, StoredRun
from pytest_trtperf.baseline.schema import BaselineEntry, BaselineRun
from pytest_trtperf.judge.policy import Policy
from pytest_trtperf.text import counted


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


def what_it_finds(
    entry: BaselineEntry, repository: Repository, policy: Policy, comparisons: int
) -> str:
    """The slowdowns that a comparison with a baseline finds with 90 % power (MDE), in words.

    Args:
        comparisons: measurements that a run compares.
    """
    rounds = entry.runs[-1].sessions[-1].rounds
    is_open = entry.mode.get("load") == "open"
    known = OPEN_LOAD_GATES if is_open else closed_load_gates(rounds[0].quantiles)
    gates = [gate for gate in known if not too_few_for_p99(gate, entry.rounds)]
    found = []
    for gate in gates:
        level = Level(policy.tolerance_of(gate), len(gates), comparisons, policy.most_widening)
        change = judge_gate(gate, [rounds], repository.baseline(entry, gate), level)
        found.append(f"{slowdown_words(change.finds)} ({gate.name})")
    runs, sessions = len(entry.runs), len(entry.sessions)
    return (
        f"{counted(sessions, 'session')} of {counted(runs, 'run')} can only show slowdowns of more "
        f"than {', '.join(found)}, in 9 of 10 runs"
    )


def baseline_figure(entry: BaselineEntry, gate: Gate) -> float:
    """What later runs are compared with, in the gate's unit: a geometric mean.

    It is that of runs, each that of its sessions, each that of its first `ROUNDS` rounds. A
    comparison also leaves out runs that are far from the others, which it names.
    """
    if not all(gate.values(entry.rounds)):
        return 0.0
    runs = stored_runs(entry, gate)
    return math.exp(math.fsum(run.mean for run in runs) / len(runs))


def stored_runs(entry: BaselineEntry, gate: Gate) -> list[StoredRun]:
    """A gate's number in each session of each run.

    One invocation records all its entries at one time, which is the label of its runs.
    """
    return [
        StoredRun(
            run.recorded,
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
