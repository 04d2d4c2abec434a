"""How often the interval of a pair holds the truth, where processes differ, by simulation.

    python -m benchmarks.verdicts.pair_starts [--pairs 2000] [--json FILE]

No GPU. Two equal engines are measured in blocks as `trt_compare` does, and judged by its functions
at a tolerance of 0.5 % until the verdict is conclusive or all blocks are there. Each start of a
process has a level of its own, normal with the given standard deviation; the one that is started
first is slower by the order's share; rounds vary by 0.05 %. With a start a block, as now, and with
one turn after half of the blocks of a look, as the first version had it. Reported are the shares of
pairs whose interval holds the truth at the first look (its level is 99.5 %) and at the end, and
of those that fail. With a start a block, at least 95 % at the end are wanted and at most 1 % that
fail; exits 1 without.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from pytest_trtperf.analysis.paired import BLOCK_LOOKS, judge_ratio, paired_ratio
from pytest_trtperf.analysis.verdict import Status

START_SPREADS = (0.001, 0.003, 0.005, 0.01)
ORDERS = (0.0, 0.003)
ROUND_SPREAD, TOLERANCE = 0.0005, 0.005
MIN_HELD, MAX_FAILED = 0.95, 0.01
NOW, BEFORE = "a start a block", "a turn after half"
STARTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    NOW: lambda block: block,
    BEFORE: lambda block: (block + 2) // 4,
}
"""The number of the start that each block belongs to."""


def simulate(
    random: np.random.Generator, way: str, spread: float, order: float
) -> dict[str, bool | int]:
    """One pair of equal engines."""
    start = STARTS[way](np.arange(BLOCK_LOOKS[-1]))
    new_first = start % 2 == 0
    levels = random.normal(0, spread, (2, start[-1] + 1))[:, start]
    levels[0] += np.where(new_first, order, 0)
    levels[1] += np.where(new_first, 0, order)
    sides = np.exp(levels[:, :, None] + random.normal(0, ROUND_SPREAD, (2, start.size, 2)))
    held = []
    for look in BLOCK_LOOKS:
        new, reference = sides[:, :look].reshape(2, -1)
        ratio = paired_ratio(new, reference, new_first[:look].tolist())
        held.append(ratio.lower <= 1 <= ratio.upper)
        verdict = judge_ratio(ratio, 1 + TOLERANCE)
        if verdict.status is not Status.INCONCLUSIVE:
            break
    return {
        "first": held[0],
        "end": held[-1],
        "fail": verdict.status is Status.FAIL,
        "blocks": look,
    }


def main() -> int:
    """Simulate, print and judge."""
    parser = argparse.ArgumentParser(description="Intervals of pairs whose processes differ.")
    parser.add_argument("--pairs", type=int, default=2000, help="a row (default: 2000)")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    kept = True
    print("| starts | starts vary by | order | holds, first look | at the end | fail | blocks |\n"
          "|---|---|---|---|---|---|---|")  # fmt: skip
    for way, spread, order in itertools.product(STARTS, START_SPREADS, ORDERS):
        random = np.random.default_rng(0)
        found = [simulate(random, way, spread, order) for _ in range(options.pairs)]
        means = {name: sum(one[name] for one in found) / len(found) for name in found[0]}
        shown = [f"{means[name]:.1%}" for name in ("first", "end", "fail")]
        print(f"| {way} | {spread:.1%} | {order:.1%} | {' | '.join(shown)} | "
              f"{means['blocks']:.1f} |", flush=True)  # fmt: skip
        rows.append({"starts": way, "spread": spread, "order": order, **means})
        if way == NOW:
            kept &= means["end"] >= MIN_HELD and means["fail"] <= MAX_FAILED
    print(f"\nwith a start a block: {'kept' if kept else 'MISSED'}")
    if options.json:
        lines = ",\n".join(map(json.dumps, rows))
        options.json.write_text(f'{{"pairs": {options.pairs}, "rows": [\n{lines}\n]}}\n')
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
