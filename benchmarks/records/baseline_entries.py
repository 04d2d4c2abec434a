"""How long 10 000 baseline entries take to be loaded, compared and written.

    python -m benchmarks.records.baseline_entries [--entries 10000] [--json FILE]

No GPU. The entries are of 100 modules, each with one run of five rounds of two metrics, as a GPU's
are. They are written as a first run with --trtperf-update does, and read and compared as a later
run does; nothing is measured. Each part is done once, in this process; memory is its
maximum. Exit status 1 when a target is missed.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pytest_trtperf.analysis.summary import QUANTILES
from pytest_trtperf.baseline.schema import (
    BaselineEntry,
    BaselineRound,
    BaselineRun,
    BaselineSession,
)
from pytest_trtperf.baseline.store import BaselineStore
from pytest_trtperf.judge.comparison import Comparison, Surroundings
from pytest_trtperf.judge.policy import Policy
from pytest_trtperf.judge.repository import Repository
from pytest_trtperf.judge.subject import Subject
from pytest_trtperf.record.model import EngineRecord, RoundRecord

MAX_SECONDS, MAX_MB = 2.0, 200.0
MODULES, ROUNDS = 100, 5
MODE: dict[str, bool | int | float | str] = {
    "concurrency": 2, "cuda_graph": True, "idle_ms": 0.0, "inputs": "seeded", "load": "closed",
    "seed": 0, "spin_wait": True, "streams": 1, "transfers": True,
}  # fmt: skip
SOFTWARE = {
    "cuda": "13.3", "cuda-python": "13.3.1", "driver": "580.159.04", "python": "3.12.3",
    "tensorrt-rtx": "1.4.0.76",
}  # fmt: skip
ENGINE = EngineRecord(name="", backend="tensorrt-rtx", digest="", plan_sha256="")
SHAPE = np.array([0.99 + 0.02 * fraction**3 for fraction in QUANTILES])

Modules = dict[str, dict[str, BaselineEntry]]


def entry(random: np.random.Generator) -> BaselineEntry:
    """An engine of about a millisecond."""
    rounds = []
    for level in random.normal(1, 0.002, ROUNDS).tolist():
        compute, latency = (SHAPE * level).tolist(), (1.1 * SHAPE * level).tolist()
        quantiles = {"gpu_compute": compute, "latency": latency}
        rounds.append(
            BaselineRound(
                queries=900, throughput=1e3 / level, quantiles=quantiles, sm_clock_mhz=1980.0
            )
        )
    run = BaselineRun(
        recorded="2026-01-01T00:00:00Z", plan="0" * 64, software=SOFTWARE,
        sessions=[BaselineSession(rounds=rounds)], power_limit_w=700.0,
    )  # fmt: skip
    return BaselineEntry(engine="0" * 64, mode=MODE, shapes={"x": [8, 3, 224, 224]}, runs=[run])


def make(entries: int) -> Iterator[tuple[str, dict[str, BaselineEntry]]]:
    """Module by module."""
    random = np.random.default_rng(0)
    for module in range(MODULES):
        path = f"tests/test_{module}.py"
        tests = range(entries // MODULES)
        yield path, {f"{path}::test_model[{test}]": entry(random) for test in tests}


def store(directory: Path) -> BaselineStore:
    """A store that has read nothing yet."""
    return BaselineStore(directory, "nvidia-h200", "tensorrt-rtx")


def write(directory: Path, entries: int) -> float:
    """Writes them module by module, as a run with --trtperf-update does; seconds of that alone."""
    files, seconds = store(directory), 0.0
    for module, changes in make(entries):
        seconds += timed(partial(files.update, module, changes))[0]
    return seconds


def load(directory: Path) -> Modules:
    """Reads them all."""
    files = store(directory)
    return {module: files.entries(module) for module in files.list_modules()}


def compare(modules: Modules, now: list[RoundRecord]) -> int:
    """Holds the same rounds to each entry; how many verdicts that made."""
    policy, verdicts = Policy(), 0
    everything = [one for entries in modules.values() for one in entries.values()]
    around = Surroundings(Repository(lambda: everything), comparisons=len(everything))
    for entries in modules.values():
        for key, stored in entries.items():
            subject = Subject(
                test=key, key=key, module="", baseline_dir="", device="NVIDIA H200", engine=ENGINE,
                software=SOFTWARE, baseline=stored, compares=True, records=True,
            )  # fmt: skip
            comparison = Comparison(
                subject, stored, policy, around, mode=MODE, shapes=stored.shapes
            )
            verdicts += len(comparison.judge([now], host_bound=False, doubt=None))
    return verdicts


def measured() -> list[RoundRecord]:
    """The rounds of an unchanged engine."""
    (run,) = entry(np.random.default_rng(1)).runs
    return [
        RoundRecord(
            queries=one.queries, throughput=one.throughput, quantiles=one.quantiles,
            started=0.0, ended=1.0, before={}, after={},
        )
        for one in run.rounds
    ]  # fmt: skip


def timed(what: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds, and what came out."""
    start = time.perf_counter()
    result = what()
    return time.perf_counter() - start, result


def main() -> int:
    """Measure, print and judge."""
    parser = argparse.ArgumentParser(description="10 000 baseline entries.")
    parser.add_argument("--entries", type=int, default=10_000, help="in all (default: 10000)")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        directory = Path(place)
        writing = write(directory, options.entries)
        size = sum(path.stat().st_size for path in directory.rglob("*.json"))
        loading, modules = timed(lambda: load(directory))
        comparing, verdicts = timed(lambda: compare(modules, measured()))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    seconds = {"load": loading, "compare": comparing, "write": writing}
    figures = {"entries": options.entries, "bytes": size, "seconds": seconds, "mb": memory}
    kept = sum(seconds.values()) <= MAX_SECONDS and memory <= MAX_MB
    print(f"{options.entries} entries, {size / 1e6:.0f} MB in {MODULES} files, {verdicts} verdicts")
    for name, taken in seconds.items():
        print(f"{name}: {taken:.2f} s")
    print(
        f"{sum(seconds.values()):.2f} s in all, {memory:.0f} MB; targets {MAX_SECONDS:g} s and "
        f"{MAX_MB:g} MB: {'kept' if kept else 'MISSED'}"
    )
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
