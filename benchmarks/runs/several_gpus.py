"""Two GPUs of one host in place of one, and two processes that share one.

    python -m benchmarks.runs.several_gpus [--repeats 3] [--only speed|overlap] [--cpu]
        [--json FILE]

Runs pytest on 8 equal tests of a chain of convolutions, measured with a CUDA graph, held to a
budget and compared with baselines that single GPUs recorded; all engines are in the cache.

Speed takes, in turns, one GPU without workers, one with pytest-xdist's `-n auto`, and two with
`-n auto`. Runs on one GPU use either in turn, so that what GPUs differ by is part of the noise.
Overlap starts two processes on one GPU at the same time. Records show when a round started and
ended on CLOCK_MONOTONIC, which all processes of a host share. Exits 1 when a target is missed, 2
without the GPUs:

- two GPUs take at most 0.55 of the time of one without workers,
- each verdict is the same, and each change against the baseline, averaged over the runs, the same
  within the noise of runs on one GPU (1 % over all rows; 0.5 % is let pass),
- no timed round of one process overlaps one of the other, while they take turns.

`--cpu` takes ONNX Runtime and the overlap alone; `--only overlap` needs one GPU.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.harness import BACKEND
from benchmarks.runs.equal_tests import TESTS, Project, Run
from benchmarks.runs.same_verdicts import compare_verdicts
from pytest_trtperf.backend.onnxruntime.backend import NAME as ONNXRUNTIME
from pytest_trtperf.backend.probe import Gpu
from pytest_trtperf.backend.registry import builtin_backends, usable_backend
from pytest_trtperf.errors import BackendUnavailable

MAX_SHARE = 0.55
CHAIN, CPU_CHAIN = "chain_60_56_64_8", "chain_8_28"
WITHOUT, ONE, TWO = "one GPU", "one GPU, -n auto", "two GPUs, -n auto"


def take_turns(project: Project, gpus: Sequence[Gpu], repeats: int) -> dict[str, list[Run]]:
    """Records baselines on either GPU, and runs each way in turns."""
    for gpu in gpus:
        project.run([gpu], "--trtperf-update")
    runs: dict[str, list[Run]] = {WITHOUT: [], ONE: [], TWO: []}
    for repeat in range(repeats):
        here, there = gpus[repeat % 2], gpus[(repeat + 1) % 2]
        runs[WITHOUT] += project.run([here])
        runs[ONE] += project.run([there], "-nauto")
        runs[TWO] += project.run([here, there], "-nauto")
    return runs


def judge_speed(runs: dict[str, list[Run]]) -> dict[str, Any]:
    """Prints where the time went, and the shares of one GPU's time that two take."""
    seconds = {way: [run.seconds(2 if way == TWO else 1) for run in runs[way]] for way in runs}
    columns = list(seconds[TWO][0])
    print(f"seconds, medians of {len(runs[TWO])} runs of {TESTS} tests\n")
    print(f"| | {' | '.join(columns)} |\n|---|{'---|' * len(columns)}")
    medians = {}
    for way, taken in seconds.items():
        middle = [statistics.median(one[column] for one in taken) for column in columns]
        medians[way] = middle[0]
        print(f"| {way} | {' | '.join(f'{value:.2f}' for value in middle)} |")
    share, share_with_worker = (medians[TWO] / medians[way] for way in (WITHOUT, ONE))
    kept = share <= MAX_SHARE
    print(
        f"\ntwo GPUs take {share:.3f} of the time of one (of one with a worker "
        f"{share_with_worker:.3f})\n"
        f"target: at most {MAX_SHARE:g}: {'kept' if kept else 'missed'}\n"
    )
    return {"seconds": seconds, "share": share, "kept": kept}


def judge_verdicts(runs: dict[str, list[Run]]) -> dict[str, Any]:
    """Prints the verdicts of both ways, and whether they are the same."""
    rows = compare_verdicts([*runs[WITHOUT], *runs[ONE]], runs[TWO])
    print("| test | metric | one GPU | change | two GPUs | change | noise | |")
    print("|---|---|---|---|---|---|---|---|")
    for row in rows:
        print(
            f"| {row.key.rpartition('::')[2]} | {row.metric} | {row.one_status} | "
            f"{_percent(row.one)} | {row.two_status} | {_percent(row.two)} | "
            f"{_percent(row.noise)[1:] if row.one is not None else ''} | "
            f"{'kept' if row.kept else 'MISSED'} |"
        )
    kept = all(row.kept for row in rows)
    print(f"\ntarget: the same verdicts, changes within noise: {'kept' if kept else 'missed'}\n")
    return {"rows": [asdict(row) for row in rows], "kept": kept}


def _percent(change: float | None) -> str:
    return "" if change is None else f"{change:+.2%}"


def judge_overlap(first: Run, second: Run) -> dict[str, Any]:
    """Prints how the rounds of two processes lie in time."""
    spans = [[(round.started, round.ended) for round in run.rounds] for run in (first, second)]
    overlaps = sum(a[0] < b[1] and b[0] < a[1] for a in spans[0] for b in spans[1])
    in_order = sorted((*span, owner) for owner, taken in enumerate(spans) for span in taken)
    turns = [(a, b) for a, b in pairwise(in_order) if a[2] != b[2]]
    gap_ms = min(1e3 * (b[0] - a[1]) for a, b in turns)
    # With a single turn one would have come after the other, which shows nothing.
    kept = not overlaps and len(turns) > 1
    print(
        "| rounds of the one | of the other | turns | smallest gap at a turn ms | overlaps |\n"
        "|---|---|---|---|---|\n"
        f"| {len(spans[0])} | {len(spans[1])} | {len(turns)} | {gap_ms:.1f} | {overlaps} |\n\n"
        f"target: no overlap, more than one turn: {'kept' if kept else 'missed'}\n"
    )
    return {
        "spans": spans,
        "turns": len(turns),
        "gap_ms": gap_ms,
        "overlaps": overlaps,
        "kept": kept,
    }


def find_gpus() -> tuple[Gpu, ...]:
    """Two GPUs, or what there is."""
    try:
        return usable_backend([BACKEND], builtin_backends()).probe.gpus[:2]
    except BackendUnavailable as error:
        print(error, file=sys.stderr)
        return ()


def main() -> int:
    """Run, print and judge."""
    parser = argparse.ArgumentParser(description="Two GPUs of one host, and two processes on one.")
    parser.add_argument("--repeats", type=int, default=3, help="of each way (default: 3)")
    parser.add_argument("--only", choices=["speed", "overlap"], help="one part alone")
    parser.add_argument("--model", default=CHAIN, help=f"of models.py (default: {CHAIN})")
    parser.add_argument("--cpu", action="store_true", help="ONNX Runtime; the overlap alone")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    options = parser.parse_args()
    if options.cpu and options.only == "speed":
        parser.error("--cpu has one device: it takes the overlap alone")
    only = "overlap" if options.cpu else options.only
    gpus = () if options.cpu else find_gpus()
    needed = 0 if options.cpu else 1 if only == "overlap" else 2
    if len(gpus) < needed:
        print(f"{needed} GPUs are needed, and {len(gpus)} can be used", file=sys.stderr)
        return 2
    backend = f"--trtperf-backend={ONNXRUNTIME if options.cpu else BACKEND}"
    model, graph = (CPU_CHAIN, ()) if options.cpu else (options.model, ("--trtperf-cuda-graph",))
    print(f"{' and '.join(gpu.name for gpu in gpus) or 'CPU'}\n")
    figures = {}
    with tempfile.TemporaryDirectory() as directory:
        project = Project(Path(directory), model, (backend, *graph))
        if only != "overlap":
            runs = take_turns(project, gpus, options.repeats)
            figures["speed"] = judge_speed(runs)
            figures["verdicts"] = judge_verdicts(runs)
        if only != "speed":
            figures["overlap"] = judge_overlap(*project.run(gpus[:1], at_once=2))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")
    kept = all(figure["kept"] for figure in figures.values())
    print("all targets kept" if kept else "TARGETS MISSED")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
