"""Count how often the gate was right, from the cases that `gate_runs.py` took.

    python -m benchmarks.verdicts.gate_verdicts FILE.jsonl [MORE.jsonl]

Needs no GPU. Shares come with the interval of Clopper and Pearson (1934) at 95 %. Exits 1 when a
target is missed or has too few cases.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scipy import stats

from benchmarks.verdicts.gate_runs import CPU_CHAINS, GPU_CHAINS, PAIRED_CHAINS, SHORT_CHAINS
from benchmarks.verdicts.peer_gates import PEERS

Case = dict[str, Any]
Cases = Sequence[Case]
Question = Callable[[Case], bool]


def interval(hits: int, cases: int) -> tuple[float, float]:
    """The bounds of a share at 95 %."""
    found = stats.binomtest(hits, cases).proportion_ci(0.95, "exact")
    return float(found.low), float(found.high)


def is_failed(metric: str | None = None) -> Question:
    """Whether a case failed by a metric, or by any."""
    return lambda case: any(
        verdict["failed"] for verdict in case["verdicts"] if metric in (None, verdict["metric"])
    )


def is_open(metric: str) -> Question:
    """Whether a case stayed inconclusive by a metric."""
    return lambda case: any(
        verdict["status"] == "inconclusive"
        for verdict in case["verdicts"]
        if verdict["metric"] == metric
    )


@dataclass(frozen=True)
class Target:
    """A share of cases that has a limit.

    Attributes:
        part, engine: which cases. maximum, minimum: of the share.
        cases: that settle it; where none are given, the whole interval has to keep it.
    """

    name: str
    part: str
    engine: str
    question: Question
    maximum: float = 1.0
    minimum: float = 0.0
    cases: int | None = None

    def row(self, cases: Cases) -> tuple[str, bool]:
        """A line of the table, and whether the target is kept."""
        hits = sum(map(self.question, cases))
        wanted = (
            f"at most {self.maximum:.0%}" if self.maximum < 1 else f"at least {self.minimum:.0%}"
        )
        if self.cases:
            wanted += f" of {self.cases}"
        if not cases:
            return f"| {self.name} | - | - | {wanted}: not measured |", False
        low, high = interval(hits, len(cases))
        kept = self.minimum <= hits / len(cases) <= self.maximum
        settled = self.minimum <= low and high <= self.maximum
        if self.cases:
            settled = len(cases) >= self.cases
        verdict = ("kept" if settled else "kept so far") if kept else "missed"
        share = f"{hits} of {len(cases)}"
        return (
            f"| {self.name} | {share} | {low:.1%} .. {high:.1%} | {wanted}: {verdict} |",
            kept and settled,
        )


MEDIAN, P99 = "gpu_compute median", "latency P99"
TARGETS = (
    Target("unchanged, alarms", "baseline", GPU_CHAINS[100], is_failed(MEDIAN), 0.0, cases=300),
    Target("1 % slower, alarms", "baseline", GPU_CHAINS[101], is_failed(MEDIAN), 0.01),
    Target("3 % slower, found", "baseline", GPU_CHAINS[103], is_failed(MEDIAN), minimum=0.9),
    Target(
        "3 % slower, found or inconclusive", "baseline", GPU_CHAINS[103],
        lambda case: is_failed(MEDIAN)(case) or is_open(MEDIAN)(case), minimum=1.0, cases=100,
    ),
    Target("5 % slower, found", "baseline", GPU_CHAINS[105], is_failed(MEDIAN), minimum=0.99),
    Target("in turns: unchanged, alarms", "paired", PAIRED_CHAINS[80], is_failed(), 0.01),
    Target("in turns: 1.5 % slower, found", "paired", PAIRED_CHAINS[81], is_failed(), minimum=0.95),
    Target("tail alone slower, found by P99", "tail", "tail", is_failed(P99), minimum=0.95),
    Target(
        "tail alone slower, alarms of the median", "tail", "tail", is_failed(MEDIAN), 0.0,
        cases=100,
    ),
    *(
        target
        for runs in (1, 5)
        for target in (
            Target(
                f"CPU, {runs} baseline run(s): unchanged, alarms", f"cpu {runs}", CPU_CHAINS[20],
                is_failed(), 0.01, cases=100,
            ),
            Target(
                f"CPU, {runs} baseline run(s): 10 % slower, found", f"cpu {runs}", CPU_CHAINS[22],
                is_failed(), minimum=0.9,
            ),
        )
    ),
)  # fmt: skip

LONGEST_S = {SHORT_CHAINS[20]: 5.0, SHORT_CHAINS[22]: 10.0}
"""Warm-up and rounds until the verdict, at the median."""


def print_targets(cases: dict[tuple[str, str], list[Case]]) -> Iterator[bool]:
    """Prints each target; whether it is kept."""
    print("| what | cases | 95 % interval | target |\n|---|---|---|---|")
    for target in TARGETS:
        found = cases.get((target.part, target.engine), [])
        on_cpu = any(part.startswith("cpu") for part, _ in cases)
        if not found and target.part.startswith("cpu") != on_cpu:
            continue  # cases of the CPU and of the GPU are in files of their own
        row, kept = target.row(found)
        print(row)
        yield kept


def print_times(cases: dict[tuple[str, str], list[Case]]) -> Iterator[bool]:
    """Prints how long verdicts took; whether that is short enough."""
    for engine, limit in LONGEST_S.items():
        if not (found := cases.get(("verdict", engine), [])):
            continue
        seconds = [case["after"]["warm_up_s"] + case["after"]["rounds_s"] for case in found]
        median = statistics.median(seconds)
        kept = median <= limit
        print(
            f"{engine}: {median:.1f} s of warm-up and rounds at the median of {len(found)} "
            f"cases, {max(seconds):.1f} at most; target {limit:g} s: {'kept' if kept else 'missed'}"
        )
        yield kept


def print_peers(cases: dict[tuple[str, str], list[Case]]) -> None:
    """Prints what other rules say of the same queries."""
    shown = [key for key in cases if key[0].startswith(("baseline", "cpu", "verdict"))]
    print("\n| rule | " + " | ".join(f"{engine} ({part})" for part, engine in shown) + " |")
    print("|---|" + "---|" * len(shown))
    for rule in PEERS:
        shares = [
            f"{sum(case['peers'][rule] for case in cases[key]) / len(cases[key]):.1%}"
            for key in shown
        ]
        print(f"| {rule} | " + " | ".join(shares) + " |")
    ours = [f"{sum(map(is_failed(), cases[key])) / len(cases[key]):.1%}" for key in shown]
    print("| this plugin, all metrics | " + " | ".join(ours) + " |")


def print_statuses(cases: dict[tuple[str, str], list[Case]]) -> None:
    """Prints all verdicts."""
    counts = Counter(
        (part, engine, verdict["metric"], verdict["status"], verdict["reason"])
        for (part, engine), found in cases.items()
        for case in found
        for verdict in case["verdicts"]
    )
    print("\n| part | engine | metric | verdict | reason | cases |\n|---|---|---|---|---|---|")
    for key, count in sorted(counts.items()):
        print("| " + " | ".join(key) + f" | {count} |")


def main() -> int:
    """Read the cases, print and judge."""
    parser = argparse.ArgumentParser(description="How often the gate was right.")
    parser.add_argument("files", type=Path, nargs="+", help="lines of JSON from gate_runs.py")
    options = parser.parse_args()
    cases: dict[tuple[str, str], list[Case]] = defaultdict(list)
    for file in options.files:
        for line in file.read_text().splitlines():
            case = json.loads(line)
            cases[case["part"], case["engines"][1]].append(case)
    devices = sorted({case["device"] for found in cases.values() for case in found})
    days = sorted({case["at"][:10] for found in cases.values() for case in found})
    print(f"{', '.join(devices)}; {days[0]} .. {days[-1]}\n")
    kept = [*print_targets(cases), *print_times(cases)]
    print_peers(cases)
    print_statuses(cases)
    print("\nall targets kept" if all(kept) else "\nTARGETS MISSED")
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
