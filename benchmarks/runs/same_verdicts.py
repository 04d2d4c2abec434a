"""Whether two ways to run the same tests give the same verdicts, within the noise of runs."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from scipy import special

from benchmarks.runs.equal_tests import Run
from pytest_trtperf.record.verdict import VerdictRecord

ALPHA = 0.01
NEGLIGIBLE = 0.005  # a tenth of the default tolerance


@dataclass(frozen=True)
class Row:
    """A number that is judged, with one GPU and with two.

    Attributes:
        one_status, two_status: of all runs; `none` where a run did not judge it.
        one, two: mean changes against the baseline, as shares; None for a budget.
        noise: by how much the two may differ.
    """

    key: str
    metric: str
    one_status: str
    two_status: str
    one: float | None
    two: float | None
    noise: float

    @property
    def kept(self) -> bool:
        """Whether one GPU and two say the same."""
        if self.one is None or self.two is None:
            return self.one_status == self.two_status
        return self.one_status == self.two_status and abs(self.two - self.one) <= self.noise


def compare_verdicts(one: Sequence[Run], two: Sequence[Run]) -> list[Row]:
    """Each number that is judged in any run."""
    sides = [_verdicts(runs) for runs in (one, two)]
    names = sorted({*sides[0], *sides[1]})
    noise = {metric: _noise(one, len(two), metric, len(names)) for _, metric in names}
    return [
        Row(
            key,
            metric,
            _statuses(sides[0][key, metric], len(one)),
            _statuses(sides[1][key, metric], len(two)),
            _mean_change(sides[0][key, metric]),
            _mean_change(sides[1][key, metric]),
            noise[metric],
        )
        for key, metric in names
    ]


def _verdicts(runs: Sequence[Run]) -> dict[tuple[str, str], list[VerdictRecord]]:
    """By test and metric."""
    found = defaultdict(list)
    for run in runs:
        for one in run.measurements:
            for verdict in one.verdicts:
                found[one.key, verdict.metric].append(verdict)
    return found


def _statuses(verdicts: Sequence[VerdictRecord], runs: int) -> str:
    names = {verdict.status for verdict in verdicts}
    return "/".join(sorted(names | ({"none"} if len(verdicts) < runs else set())))


def _changes(verdicts: Sequence[VerdictRecord]) -> list[float]:
    return [verdict.change for verdict in verdicts if verdict.change is not None]


def _mean_change(verdicts: Sequence[VerdictRecord]) -> float | None:
    changes = _changes(verdicts)
    return statistics.fmean(changes) if changes else None


def _noise(one: Sequence[Run], others: int, metric: str, rows: int) -> float:
    """By how much means may differ by chance, from how runs on one GPU scatter in each test."""
    sets = [_changes(same) for (_, name), same in _verdicts(one).items() if name == metric]
    freedom = sum(len(changes) - 1 for changes in sets if changes)
    if freedom < 1:
        return NEGLIGIBLE
    squares = sum(statistics.pvariance(changes) * len(changes) for changes in sets if changes)
    variance = squares / freedom * (1 / len(one) + 1 / others)
    t = float(special.stdtrit(freedom, 1 - ALPHA / (2 * rows)))
    return max(NEGLIGIBLE, t * math.sqrt(variance))
