"""How long records take to be written, compared and analysed, at the size of a fleet.

    python -m benchmarks.records.records [--json]

No GPU. A record has 1000 measurements of a GPU, each with five rounds of six metrics, as a run
writes them; a year has 365 records of 200 measurements, a third of which get 3 % slower once and a
third twice. Commands are timed as a shell runs them, with the start of Python, and the best of
three counts (the year is analysed once). Exit status 1 when a target is missed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from pytest_trtperf.analysis.summary import QUANTILES
from pytest_trtperf.measure.device_state import DeviceState
from pytest_trtperf.record.json_file import write_json
from pytest_trtperf.record.model import (
    EngineRecord,
    MeasurementRecord,
    RoundRecord,
    RunRecord,
    SessionRecord,
)
from pytest_trtperf.record.verdict import VerdictRecord

MEASUREMENTS = 1000
NIGHTS, TESTS = 365, 200
ROUNDS = 5
NOISE, STEP = 0.01, 0.03
METRICS = ("latency", "enqueue", "h2d", "gpu_compute", "d2h", "response")
FIGURES = ("min", "max", "mean", "median", "p90", "p95", "p99", "cov")
SHAPE = np.array([0.9 + 0.2 * fraction**3 for fraction in QUANTILES])


def measurement(test: int, level: float, random: np.random.Generator) -> MeasurementRecord:
    """A measurement around `level` ms."""
    key = f"tests/test_models.py::test_model[{test}]"
    state = dict.fromkeys(DeviceState.__dataclass_fields__, 1234.5)
    rounds = [
        RoundRecord(
            queries=500,
            throughput=1e3 / level * float(random.normal(1, 0.002)),
            quantiles={name: _quantiles(level, random) for name in METRICS},
            started=1000.0 + number,
            ended=1000.2 + number,
            before=dict(state),
            after=dict(state),
        )
        for number in range(ROUNDS)
    ]
    verdict = VerdictRecord(
        kind="baseline", metric="gpu_compute median", status="pass", reason="within_limit",
        message=f"{key}: gpu_compute median is within tolerance" * 2, value=level, lower=-0.01,
        upper=0.01, limit=0.05, baseline=level, change=0.0,
    )  # fmt: skip
    return MeasurementRecord(
        test=key, key=key, module="tests/test_models.py", baseline_dir="perf-baselines",
        device="NVIDIA H200", shapes={"input": [8, 3, 224, 224]},
        engine=EngineRecord(name="m", backend="tensorrt", digest="0" * 64, plan_sha256="0" * 64),
        mode={
            "transfers": True, "spin_wait": True, "cuda_graph": False, "streams": 1,
            "concurrency": 2, "inputs": "seeded", "seed": 0, "load": "closed", "idle_ms": 0.0,
        },
        time_to_steady_s=0.3, energy_per_query_mj=1.0,
        device_memory={}, judged_metric="latency", throughput=1e3 / level,
        summary={name: {"count": 2500, **dict.fromkeys(FIGURES, level)} for name in METRICS},
        sessions=[SessionRecord(cold_start_ms=1.0, warm_up={}, rounds=rounds)],
        layers=[], verdicts=[verdict] * 4, findings=[], baseline="compared",
    )  # fmt: skip


def _quantiles(level: float, random: np.random.Generator) -> list[float]:
    values = level * SHAPE * random.normal(1, 0.002)
    return [float(f"{value:.7g}") for value in values.tolist()]


def run(night: int, measurements: list[MeasurementRecord]) -> RunRecord:
    """A run with these measurements."""
    created = datetime(2025, 1, 1, 2, tzinfo=timezone.utc) + timedelta(days=night)
    return RunRecord(
        created=created.strftime("%Y-%m-%dT%H:%M:%SZ"), plugin="0.1.0", pytest="9.0.0",
        commit=f"{night:040x}", backend="tensorrt", device="NVIDIA H200",
        hardware_class="nvidia-h200", software={"tensorrt": "10.13.2", "driver": "580.1"},
        exit_status=0, measurements=measurements,
    )  # fmt: skip


def write_year(directory: Path) -> None:
    """Writes the records of the nights; rounds are drawn once a test and shifted with its level."""
    random = np.random.default_rng(1)
    templates = [measurement(test, 1.0, random) for test in range(TESTS)]
    levels = np.exp(NOISE * random.normal(size=(TESTS, NIGHTS)))
    for test in range(TESTS):
        levels[test, int(random.integers(60, 200)) :] *= 1 + STEP * (test % 3 > 0)
        levels[test, 250:] *= 1 + STEP * (test % 3 > 1)
    for night in range(NIGHTS):
        shifted = [_shifted(one, float(levels[i, night])) for i, one in enumerate(templates)]
        write_json(directory / f"{night:03}.json", run(night, shifted))


def _shifted(one: MeasurementRecord, level: float) -> MeasurementRecord:
    summary = {name: {"count": 2500.0, **dict.fromkeys(FIGURES, level)} for name in METRICS}
    return msgspec.structs.replace(one, summary=summary, throughput=1e3 / level)


def timed(name: str, at_most_s: float, seconds: float, **more: Any) -> dict[str, Any]:
    """A line of the results."""
    row = {"name": name, "seconds": round(seconds, 3), "at_most_s": at_most_s, **more}
    return {**row, "reached": seconds < at_most_s}


def best(action: Callable[[], None], times: int = 3) -> float:
    """Seconds that something takes when the machine's other work lets it."""
    seconds = []
    for _ in range(times):
        begin = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - begin)
    return min(seconds)


def trtperf(*words: object) -> None:
    """Runs a command as a shell does."""
    command = [sys.executable, "-m", "pytest_trtperf.cli", *map(str, words)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def show(results: Iterable[dict[str, Any]], *, as_json: bool) -> int:
    """Prints results as they come, or all as JSON; 1 when a target is missed."""
    rows = []
    for row in results:
        rows.append(row)
        if not as_json:
            word = "reached" if row["reached"] else "MISSED"
            size = f" ({row['bytes'] / 1e6:.2f} MB)" if "bytes" in row else ""
            target = f"target {row['at_most_s']} s: {word}"
            print(f"{row['name']:45} {row['seconds']:7.2f} s, {target}{size}", flush=True)
    if as_json:
        print(json.dumps(rows, indent=1))
    return 0 if all(row["reached"] for row in rows) else 1


def results(directory: Path) -> Iterator[dict[str, Any]]:
    """Times everything."""
    old, new = directory / "old.json", directory / "new.json"
    random = np.random.default_rng(0)
    write_json(old, run(0, [measurement(test, 1.0, random) for test in range(MEASUREMENTS)]))
    record = run(1, [measurement(test, 1.0, random) for test in range(MEASUREMENTS)])
    written = best(lambda: write_json(new, record))
    size = new.stat().st_size
    yield timed(f"write {MEASUREMENTS} measurements", 1, written, bytes=size)
    compared = best(lambda: trtperf("compare", old, new))
    yield timed(f"trtperf compare, {MEASUREMENTS} measurements", 1, compared)
    year = directory / "year"
    write_year(year)
    total = sum(path.stat().st_size for path in year.iterdir())
    seconds = best(lambda: trtperf("trend", year), times=1)
    yield timed(f"trtperf trend, {NIGHTS} nights of {TESTS} tests", 20, seconds, bytes=total)


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the results; 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--json", action="store_true", help="print JSON")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as directory:
        return show(results(Path(directory)), as_json=chosen.json)


if __name__ == "__main__":
    sys.exit(main())
