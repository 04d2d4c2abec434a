"""How often a P99 budget is passed and failed, by simulation on synthetic latencies.

    python -m benchmarks.verdicts.budget_boundary [--runs 200] [--factors 1 1.05 1.2 2]

No GPU. The queries are lognormal with a first-order autocorrelation (phi), the rounds differ in
level by normal noise (drift), the limit is the true P99 of the mixture times a factor. A run looks
at 5, 8, 12, 16 and 20 rounds of 500 queries until the verdict is conclusive. Reported are the
shares of runs with Clopper-Pearson intervals at 95 %: passed at any look, passed at the first, and
failed at any. With the factor 1 a pass and a failure are both false: at most 10 % each is wanted.
"""

from __future__ import annotations

import argparse
import itertools
import math
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
from scipy import signal, special

from pytest_trtperf.analysis.budget import judge_percentile
from pytest_trtperf.analysis.regression import LOOKS
from pytest_trtperf.analysis.summary import FloatArray
from pytest_trtperf.analysis.verdict import Status

QUERIES = 500
MAX_FALSE = 0.10
MIN_POWER = 0.99


@dataclass(frozen=True)
class Case:
    """Synthetic latencies: log standard deviations inside and between rounds, and the limit."""

    spread: float
    phi: float
    drift: float
    factor: float

    @property
    def limit(self) -> float:
        """The factor times the true P99, for a median of 1 ms."""
        z = float(special.ndtri(0.99))
        return self.factor * math.exp(z * math.hypot(self.spread, self.drift))

    def rounds(self, random: np.random.Generator) -> list[FloatArray]:
        """As many rounds as the last look needs, in ms; the autocorrelation spans them."""
        shocks = random.normal(size=LOOKS[-1] * QUERIES)
        shocks[1:] *= math.sqrt(1 - self.phi**2)
        noise = signal.lfilter([1.0], [1.0, -self.phi], shocks).reshape(LOOKS[-1], QUERIES)
        levels = random.normal(size=(LOOKS[-1], 1))
        return list(np.exp(self.spread * noise + self.drift * levels))


@dataclass(frozen=True)
class Counts:
    """Runs that ended so."""

    passed: int
    passed_first: int
    failed: int


def simulate(case: Case, runs: int, seed: int) -> Counts:
    """Runs of one case, each with looks until it is conclusive."""
    random = np.random.default_rng(seed)
    ends = [_conclusion(case, case.rounds(random)) for _ in range(runs)]
    return Counts(
        passed=sum(status is Status.PASS for status, _ in ends),
        passed_first=sum(end == (Status.PASS, LOOKS[0]) for end in ends),
        failed=sum(status is Status.FAIL for status, _ in ends),
    )


def _conclusion(case: Case, rounds: list[FloatArray]) -> tuple[Status, int]:
    for look in LOOKS:
        status = judge_percentile(rounds[:look], 99, case.limit).status
        if status is not Status.INCONCLUSIVE:
            return status, look
    return Status.INCONCLUSIVE, LOOKS[-1]


def _interval(count: int, runs: int) -> str:
    low = special.betaincinv(count, runs - count + 1, 0.025) if count else 0.0
    high = special.betaincinv(count + 1, runs - count, 0.975) if count < runs else 1.0
    return f"{count / runs:6.1%} [{low:5.1%}, {high:6.1%}]"


def _wanted(case: Case, counts: Counts, runs: int) -> bool:
    if case.factor == 1:
        return max(counts.passed, counts.failed) <= MAX_FALSE * runs
    return case.factor < 2 or counts.passed_first > MIN_POWER * runs


def main() -> int:
    """Print the table; 1 when a row is not as wanted."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--runs", type=int, default=200, help="runs a row")
    parser.add_argument("--factors", type=float, nargs="+", default=[1.0, 1.05, 1.2, 2.0])
    chosen = parser.parse_args()
    kinds = list(itertools.product((0.1, 0.003), (0.0, 0.5, 0.9), (0.0, 0.005)))
    cases = [Case(*kind, factor) for factor in chosen.factors for kind in kinds]
    print("limit/P99  spread  phi  drift   passed                  at the first look       failed")
    wrong = 0
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        results = pool.map(simulate, cases, itertools.repeat(chosen.runs), range(len(cases)))
        for case, counts in zip(cases, results, strict=True):
            good = _wanted(case, counts, chosen.runs)
            wrong += not good
            ends = (counts.passed, counts.passed_first, counts.failed)
            print(
                f"{case.factor:9.2f}  {case.spread:6.1%}  {case.phi:3.1f}  {case.drift:5.1%}  ",
                "   ".join(_interval(count, chosen.runs) for count in ends),
                "" if good else "  not as wanted",
                flush=True,
            )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
