"""How well the night of a change is found, by this package and by libraries, on the same series.

    python -m benchmarks.trend.dating [--series 300] [--output FILE]

No GPU. A series has 60 nights before a step of 3 % and some after it, with 1 % of noise and 5 % of
odd nights (3 to 30 % slower). All are asked for one change; what counts is a date within 2 nights.
`ruptures` (Dynp, one breakpoint) and Apache Otava are left out where they are not installed.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.trend.fleet import interval
from benchmarks.trend.simulated_fleet import Fleet
from pytest_trtperf.analysis.level_shift import best_split
from pytest_trtperf.analysis.summary import FloatArray

RESULTS = Path(__file__).parents[1] / "results" / "trend_dating.json"
BEFORE, STEP, NOISE = 60, 0.03, 0.01
MODELS = ("l1", "l2", "rank", "ar")

Dating = Callable[[FloatArray, float], int | None]


def ours(values: FloatArray, phi: float) -> int:
    """The likeliest split of the last nights, as an alarm dates it."""
    first = values.size - 30
    before = float(np.median(values[:BEFORE]))
    return first + best_split(values[first:], before, NOISE, phi)


def by_ruptures(model: str) -> Dating:
    """One breakpoint that costs least."""

    def dating(values: FloatArray, _phi: float) -> int:
        import ruptures

        found: list[int] = ruptures.Dynp(model=model, min_size=2, jump=1).fit_predict(values, 1)
        return found[0]

    return dating


def by_otava(values: FloatArray, _phi: float) -> int | None:
    """The last of its change points."""
    from otava.analysis import compute_change_points

    found, _ = compute_change_points(np.exp(values).tolist(), max_pvalue=0.05)
    return found[-1].index if found else None


def datings() -> Iterator[tuple[str, Dating]]:
    """All that can be compared here."""
    yield "this package", ours
    if importlib.util.find_spec("ruptures"):
        for model in MODELS:
            yield f"ruptures {model}", by_ruptures(model)
    if importlib.util.find_spec("otava"):
        yield "Apache Otava", by_otava


def rows(series: int) -> Iterator[dict[str, Any]]:
    """The lines of the results."""
    for phi in (0.0, 0.5, 0.8):
        for after in (5, 10):
            fleet = Fleet(
                tests=series, hosts=1, nights=BEFORE + after, noise=NOISE, phi=phi,
                family="mild", missing=0,
            )  # fmt: skip
            logs = fleet.draw(np.random.default_rng(1))[0, :, 0]
            logs[:, BEFORE:] += np.log1p(STEP)
            for name, dating in datings():
                found = [dating(one, phi) for one in logs]
                near = sum(one is not None and abs(int(one) - BEFORE) <= 2 for one in found)
                yield {"phi": phi, "after": after, "name": name, "near": near, "of": series}


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the results, and writes them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--series", type=int, default=300)
    parser.add_argument("--output", type=Path, default=RESULTS)
    chosen = parser.parse_args(arguments)
    found = []
    for row in rows(chosen.series):
        found.append(row)
        low, high = interval(row["near"], row["of"])
        share = f"{row['near'] / row['of']:6.1%} [{low:.1%}, {high:.1%}]"
        print(
            f"phi {row['phi']}, {row['after']:2} nights after: {row['name']:14} {share}", flush=True
        )
    chosen.output.write_text(json.dumps(found, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
