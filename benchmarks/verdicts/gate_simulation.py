"""Simulate how often the gate fails unchanged and slower engines, by how runs and rounds vary.

    python -m benchmarks.verdicts.gate_simulation [--pairs 1000] [--json FILE]

Needs no GPU. Rounds are normal on a logarithmic scale around the level of their run, which is
normal around the level of the engine; `SHAPES` are rounds of other kinds, with one level for all
runs. Each pair has baseline runs of five rounds and a run that is judged at the looks, by the
package's own rule and default policy.
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pytest_trtperf.analysis.regression import LOOKS, judge_change
from pytest_trtperf.analysis.verdict import Status

Rounds = npt.NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], Rounds]

TOLERANCES = (0.02, 0.05, 0.1)
RUNS = (1, 2, 3, 5, 8)
ROUND_NOISES = (0.002, 0.01, 0.03)
RUN_NOISES = (0.0, 0.003, 0.01, 0.03)
SLOWDOWNS = (0.0, 2.0)
"""In tolerances."""


def normal(round_noise: float, run_noise: float) -> Draw:
    """Rounds that vary around a run that varies; both standard deviations of logarithms."""

    def draw(random: np.random.Generator, rounds: int) -> Rounds:
        return random.normal(random.normal(0, run_noise), round_noise, rounds)

    return draw


def autocorrelated(random: np.random.Generator, rounds: int) -> Rounds:
    """Each round remembers 0.7 of the last one's deviation; they vary by 1 %."""
    steps = random.normal(0, 0.01 * (1 - 0.7**2) ** 0.5, rounds)
    levels = [random.normal(0, 0.01)]
    for step in steps[1:]:
        levels.append(0.7 * levels[-1] + step)
    return np.array(levels)


def heavy_tailed(random: np.random.Generator, rounds: int) -> Rounds:
    """One round in ten is slower by 20 %; the others vary by 0.2 %."""
    noise = random.normal(0, 0.002, rounds)
    slow: Rounds = np.log(1.2) * (random.random(rounds) < 0.1)
    return noise + slow


def bimodal(random: np.random.Generator, rounds: int) -> Rounds:
    """Every other round is slower by 30 %, by chance, as a P99 is that sits between two modes."""
    noise = random.normal(0, 0.01, rounds)
    slow: Rounds = np.log(1.3) * (random.random(rounds) < 0.5)
    return noise + slow


SHAPES: dict[str, Draw] = {
    "autocorrelation 0.7, 1 %": autocorrelated,
    "one round in ten 20 % slower": heavy_tailed,
    "half of the rounds 30 % slower": bimodal,
}


def outcome(now: Rounds, runs: list[Rounds], tolerance: float) -> str:
    """`fail`, `pass` or `warn`: what a test does under the default policy."""
    before = [np.exp(run) for run in runs]
    for look in LOOKS:
        change = judge_change(np.exp(now[:look]), before, tolerance)
        if change.verdict.status is not Status.INCONCLUSIVE:
            return str(change.verdict.status.value)
    return "warn"


def shares(
    draw: Draw, runs: int, slowdown: float, tolerance: float, pairs: int
) -> dict[str, float]:
    """How often a test fails, warns and passes, of so many independent pairs."""
    random = np.random.default_rng(0)
    outcomes = [
        outcome(
            draw(random, LOOKS[-1]) + np.log1p(slowdown),
            [draw(random, LOOKS[0]) for _ in range(runs)],
            tolerance,
        )
        for _ in range(pairs)
    ]
    return {word: outcomes.count(word) / pairs for word in ("fail", "warn", "pass")}


def rows(pairs: int) -> Iterator[dict[str, Any]]:
    """A row for each kind of rounds, tolerance, number of baseline runs and slowdown."""
    kinds = [
        ({"rounds": f"{noise:.1%}", "runs vary by": f"{between:.1%}"}, normal(noise, between))
        for noise, between in itertools.product(ROUND_NOISES, RUN_NOISES)
    ]
    kinds += [({"rounds": name, "runs vary by": "0"}, draw) for name, draw in SHAPES.items()]
    combinations = itertools.product(TOLERANCES, kinds, RUNS, SLOWDOWNS)
    for tolerance, (names, draw), runs, slowdown in combinations:
        found = shares(draw, runs, slowdown * tolerance, tolerance, pairs)
        yield {
            "tolerance": tolerance, **names, "baseline runs": runs,
            "slower by": slowdown * tolerance, **found,
        }  # fmt: skip


def main() -> None:
    """Print a table, and write it where that is asked for."""
    parser = argparse.ArgumentParser(description="Simulate alarms and power of the gate.")
    parser.add_argument("--pairs", type=int, default=1000, help="of runs, a row (default: 1000)")
    parser.add_argument("--json", type=Path, help="write the rows to this file")
    options = parser.parse_args()
    found: list[dict[str, Any]] = []
    for row in rows(options.pairs):
        if not found:
            print("| " + " | ".join(row) + " |\n" + "|---" * len(row) + "|")
        found.append(row)
        shown = {**row, **{word: f"{row[word]:.1%}" for word in ("fail", "warn", "pass")}}
        print("| " + " | ".join(str(value) for value in shown.values()) + " |", flush=True)
    if options.json:
        head = f'"pairs": {options.pairs}'
        lines = ",\n".join(map(json.dumps, found))
        options.json.write_text(f'{{{head}, "rows": [\n{lines}\n]}}\n')


if __name__ == "__main__":
    main()
