"""Draw the figure of docs/verdicts.md.

    python -m benchmarks.verdicts.plot_verdicts [--cases benchmarks/results/gate_h200.jsonl]

Needs matplotlib. `changes.svg` shows what `gate_runs.py` measured.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from benchmarks.verdicts.gate_runs import GPU_CHAINS

IMAGES = Path(__file__).parents[2] / "docs" / "images"
RESULTS = Path(__file__).parents[1] / "results"
MEDIAN = "gpu_compute median"
TOLERANCE = 0.02
COLOURS = {"pass": "#2a7f62", "fail": "#b3392f", "inconclusive": "#8a6d1d"}


def draw_changes(cases: Path) -> None:
    """Every measured change beside the tolerance, one row of dots for each engine."""
    changes = defaultdict(list)
    for line in cases.read_text().splitlines():
        case = json.loads(line)
        if case["part"] != "baseline":
            continue
        verdict = next(one for one in case["verdicts"] if one["metric"] == MEDIAN)
        changes[case["engines"][1]].append((verdict["change"], verdict["status"]))
    figure, axes = plt.subplots(figsize=(7.2, 2.6))
    spread = np.random.default_rng(0)
    for row, chain in enumerate(GPU_CHAINS.values()):
        for status, colour in COLOURS.items():
            dots = [100 * change for change, found in changes[chain] if found == status]
            heights = row + spread.uniform(-0.3, 0.3, len(dots))
            axes.plot(dots, heights, ".", color=colour, markersize=3, alpha=0.7)
        failed = sum(status == "fail" for _, status in changes[chain])
        axes.annotate(
            f"{failed} of {len(changes[chain])} failed", (1.01, row),
            xycoords=("axes fraction", "data"), va="center", fontsize=8,
        )  # fmt: skip
    axes.axvline(100 * TOLERANCE, color="black", linewidth=0.8, linestyle="--")
    axes.set_yticks(range(len(GPU_CHAINS)), [f"{layers} layers" for layers in GPU_CHAINS])
    axes.set_ylim(len(GPU_CHAINS) - 0.5, -0.5)
    axes.set_xlabel("GPU compute median against a run with 100 layers, % (dashed: the tolerance)")
    _save(figure, "changes.svg")


def _save(figure: Figure, name: str) -> None:
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(IMAGES / name, bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)


def main() -> None:
    """Draw it."""
    parser = argparse.ArgumentParser(description="Draw the figure of docs/verdicts.md.")
    parser.add_argument("--cases", type=Path, default=RESULTS / "gate_h200.jsonl")
    options = parser.parse_args()
    mpl.rcParams.update({"font.size": 9, "svg.hashsalt": "trtperf", "savefig.facecolor": "white"})
    IMAGES.mkdir(exist_ok=True)
    draw_changes(options.cases)


if __name__ == "__main__":
    main()
