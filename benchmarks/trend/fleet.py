"""What the trend of a fleet finds and misses in a year, by simulation.

    python -m benchmarks.trend.fleet [--rounds 4] [--output benchmarks/results/trend_fleet.jsonl]

No GPU. Each line is a fleet with a seed of its own, judged by the functions that the command calls;
lines that the file already has are not run again. An alarm is counted on the night on which it was
raised: the watch knows nothing of later nights, which a test checks. Changes are on one host, in 30
of its 300 tests, each with a night of its own. At the end each figure is printed with its target
and its Clopper-Pearson interval at 95 %.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy import special

from benchmarks.trend.simulated_fleet import Fleet, series_of
from pytest_trtperf.analysis.night_watch import LEAST
from pytest_trtperf.analysis.summary import FloatArray
from pytest_trtperf.judge.alarms import Cause, causes
from pytest_trtperf.judge.trend import watch_series

RESULTS = Path(__file__).parents[1] / "results" / "trend_fleet.jsonl"
CHANGED = 30
FAMILIES = ("normal", "mild", "t3", "states")


@dataclass(frozen=True)
class Case:
    """A fleet and what happens to it; the change returns the night on which each test's begins."""

    name: str
    fleet: Fleet
    change: Callable[[FloatArray, np.random.Generator], list[int]]


def clean(_logs: FloatArray, _random: np.random.Generator) -> list[int]:
    """Nothing."""
    return []


def step(size: float) -> Callable[[FloatArray, np.random.Generator], list[int]]:
    """Tests of the first host get slower, each from some night on."""

    def change(logs: FloatArray, random: np.random.Generator) -> list[int]:
        begins: list[int] = random.integers(60, logs.shape[-1] - 20, CHANGED).tolist()
        for test, begin in enumerate(begins):
            logs[0, test, :, begin:] += np.log1p(size)
        return begins

    return change


def creep(logs: FloatArray, random: np.random.Generator) -> list[int]:
    """Tests of the first host get slower by 0.1 % each night."""
    begins: list[int] = random.integers(30, 90, CHANGED).tolist()
    for test, begin in enumerate(begins):
        logs[0, test] += 0.001 * np.maximum(0, np.arange(logs.shape[-1]) - begin + 1)
    return begins


def update(logs: FloatArray, _random: np.random.Generator) -> list[int]:
    """All tests of the first host get 2 % slower in one night."""
    logs[0, ..., 120:] += np.log1p(0.02)
    return [120]


def cases() -> Iterator[Case]:
    """All that is measured."""
    for phi in (0.0, 0.5, 0.8):
        short = Fleet(phi=phi, nights=160)
        yield Case("step", short, step(0.03))
        yield Case("gross", short, step(0.3))
        yield Case("creep", replace(short, nights=200), creep)
        for noise in (0.01, 0.003):
            yield Case("clean", Fleet(phi=phi, noise=noise), clean)
    yield Case("update", Fleet(nights=160), update)
    yield Case("clean", Fleet(moving=True), clean)
    for family in FAMILIES[1:]:
        yield Case("clean", Fleet(family=family), clean)
        yield Case("step", Fleet(family=family, nights=160), step(0.03))


def run(case: Case, seed: int) -> dict[str, Any]:
    """A line of the results."""
    random = np.random.default_rng(seed)
    logs = case.fleet.draw(random)
    begins = case.change(logs, random)
    begin = time.perf_counter()
    found = causes(watch_series(series_of(logs), LEAST))
    seconds = time.perf_counter() - begin
    row = {"name": case.name, **vars(case.fleet), "seed": seed, "seconds": round(seconds, 1)}
    if case.name in ("clean", "update"):
        return {**row, "alarms": len(found), "many": sum(bool(one.common) for one in found)}
    return {**row, "found": [_found(found, test, night) for test, night in enumerate(begins)]}


def _found(found: Sequence[Cause], test: int, begin: int) -> list[int] | None:
    """Nights to the alarm, nights between date and change, and whether it was red to the end."""
    key = f"tests/test_models.py::test_model[{test}]"
    those = [
        one for one in found if key in one.tests and one.raised >= begin and "lab0" in one.hosts
    ]
    if not those:
        return None
    first = min(those, key=lambda one: one.raised)
    return [first.raised - begin, first.since - begin, int(any(one.ended is None for one in those))]


Figure = tuple[str, int, int, str]
"""Name, how many, of how many, and the target in words."""


def figures(rows: Sequence[dict[str, Any]]) -> Iterator[Figure]:
    """What the lines come to."""
    for kind in sorted({_kind(row) for row in rows}, key=str):
        name, phi, noise, family, moving = kind
        those = [row for row in rows if _kind(row) == kind]
        label = f"{name}, {family}, noise {noise:.1%}, phi {phi}{', moving' if moving else ''}"
        if name in ("clean", "update"):
            target = "at most 4 a year each" if name == "clean" else "1 alarm each"
            alarms = sum(row["alarms"] for row in those)
            yield f"{label}: alarms in {len(those)} fleets", alarms, 0, target
        else:
            yield from _shares(label, name, phi, [one for row in those for one in row["found"]])


def _shares(
    label: str, name: str, phi: float, each: Sequence[list[int] | None]
) -> Iterator[Figure]:
    found = [one for one in each if one]
    if name == "creep":
        nights = 40 if phi == 0 else 80
        in_time = sum(one[0] < nights for one in found)
        yield f"{label}: before +{nights // 10} %", in_time, len(each), "95 %"
        return
    target = {0.0: "90 %", 0.5: "80 %"}.get(phi, "reported") if name == "step" else "found"
    yield f"{label}: within 7 nights", sum(one[0] < 7 for one in found), len(each), target
    yield f"{label}: found at all", len(found), len(each), "reported"
    yield f"{label}: dated within 2", sum(abs(one[1]) <= 2 for one in found), len(found), "85 %"
    yield f"{label}: red to the end", sum(one[2] for one in found), len(found), "100 %"


def _kind(row: dict[str, Any]) -> tuple[Any, ...]:
    return row["name"], row["phi"], row["noise"], row["family"], row["moving"]


def interval(yes: int, of: int) -> tuple[float, float]:
    """Clopper & Pearson (1934) at 95 %."""
    low = float(special.betaincinv(yes, of - yes + 1, 0.025)) if yes else 0.0
    high = float(special.betaincinv(yes + 1, of - yes, 0.975)) if yes < of else 1.0
    return low, high


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs what is missing, and prints all."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--rounds", type=int, default=4, help="fleets of each kind")
    parser.add_argument("--output", type=Path, default=RESULTS)
    chosen = parser.parse_args(arguments)
    lines = chosen.output.read_text().splitlines() if chosen.output.exists() else []
    rows = [json.loads(line) for line in lines]
    known = {(_kind(row), row["seed"]) for row in rows}
    for seed in range(chosen.rounds):
        for case in cases():
            kind = _kind({"name": case.name, **vars(case.fleet)})
            if (kind, seed) not in known:
                rows.append(run(case, seed))
                with chosen.output.open("a") as file:
                    file.write(json.dumps(rows[-1]) + "\n")
    for name, yes, of, target in figures(rows):
        low, high = interval(yes, of) if of else (0.0, 0.0)
        share = f"{yes / of:6.1%} [{low:.1%}, {high:.1%}] of {of}" if of else f"{yes}"
        print(f"{name:70} {share:35} target {target}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
