"""What a process for each session costs on the CPU, beside sessions in the process of the test.

    python -m benchmarks.sessions.cpu_process [--part sessions|figures|tests] [--pairs 20]
        [--before CHECKOUT] [--json FILE]

Needs the extra `cpu`. All parts take both ways in turns, so that other work falls on both alike.
Each pair is appended to the file at once, and those that are there are not taken again. Exits 1
when a target is missed:

- sessions: seconds from asking for a further session to its first query, and to close it,
- figures: pairs of a session of either way, measured in turns in chunks of 60 ms. Their latencies
  agree within 2 % (95 % interval of the mean over pairs), and the time between queries, which is
  the loop's own, grows by at most 0.2 µs. Both are the tenth percentile of all queries, which other
  work on the machine moves least,
- tests: seconds a test of 8 equal tests outside warm-ups and rounds, with this checkout and with
  that of an earlier revision, where the process of the test had the sessions (`--before`).
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import t as student

from benchmarks.models import write_model
from pytest_trtperf.backend.onnxruntime.backend import OnnxRuntimeBackend
from pytest_trtperf.backend.onnxruntime.engine import OnnxRuntimeEngine
from pytest_trtperf.backend.protocols import LoadedEngine, Session
from pytest_trtperf.backend.session import Mode
from pytest_trtperf.backend.trace import Extent, Trace
from pytest_trtperf.engine.spec import EngineSpec

MODELS = ("elementwise", "chain_8_28", "chain_16_56")
TESTS, RUNS = 8, 3
CHUNKS, CHUNK_MS, AFTER_MS, MOST = 12, 60.0, 10.0, 10**5
QUANTILE = 0.1
MAX_APART, MAX_LOOP_NS = 0.02, 200.0
WAYS = ("here", "process")

EQUAL = f"""
import pytest

@pytest.mark.parametrize("number", range({TESTS}))
def test_chain(trt_engine, trt_measure, number):
    trt_measure(trt_engine("model.onnx"))
"""


def load(way: str, model: Path) -> LoadedEngine:
    """The engine; its sessions are here, or each in a process."""
    if way == "here":
        return OnnxRuntimeEngine(model)
    return OnnxRuntimeBackend().load_model(EngineSpec(model))


Rows = list[dict[str, Any]]


def take_starts(rows: Rows, missing: int) -> Iterator[dict[str, Any]]:
    """Seconds until further sessions of a loaded engine are ready, and until they are closed."""
    with tempfile.TemporaryDirectory() as directory:
        model = write_model("chain_16_56", Path(directory))
        engines = {way: load(way, model) for way in WAYS}
        for engine in engines.values():
            engine.create_session({}, Mode()).close()
        for _ in range(missing - len(rows)):
            yield {way: seconds_of(engines[way]) for way in WAYS}
        for engine in engines.values():
            engine.close()


def seconds_of(engine: LoadedEngine) -> tuple[float, float]:
    """Of a session: until it is ready, and until it is closed."""
    begun = time.monotonic()
    session = engine.create_session({}, Mode())
    ready = time.monotonic()
    session.close()
    return ready - begun, time.monotonic() - ready


def report_starts(rows: Rows) -> bool:
    """Prints the table of `take_starts`."""
    print("| sessions | ready s | closed s |\n|---|---|---|")
    for way in WAYS:
        ready, closed = (statistics.median(row[way][place] for row in rows) for place in (0, 1))
        print(f"| {way} | {ready:.3f} | {closed:.3f} |")
    print()
    return True


def take_figures(rows: Rows, pairs: int) -> Iterator[dict[str, Any]]:
    """The latency and the time between queries, of sessions of either way."""
    with tempfile.TemporaryDirectory() as directory:
        models = {name: write_model(name, Path(directory)) for name in MODELS}
        for number in range(pairs):
            for name, model in models.items():
                if number >= sum(row["model"] == name for row in rows):
                    yield {"model": name, **take_pair(model)}


def report_figures(rows: Rows) -> bool:
    """Prints the table of `take_figures`; whether the targets are kept."""
    print("| model | pairs | here ms | process / here | between queries ns: here | process | |")
    print("|---|---|---|---|---|---|---|")
    all_kept = True
    for name in MODELS:
        found = [row for row in rows if row["model"] == name]
        logs = [math.log(row["process"][0] / row["here"][0]) for row in found]
        middle, apart = statistics.mean(logs), statistics.stdev(logs) / math.sqrt(len(found))
        reach = apart * float(student.ppf(0.975, len(found) - 1))
        gaps = {way: statistics.median(row[way][1] for row in found) for way in WAYS}
        kept = max(abs(middle - reach), abs(middle + reach)) <= MAX_APART
        kept = kept and gaps["process"] - gaps["here"] <= MAX_LOOP_NS
        all_kept = all_kept and kept
        print(
            f"| {name} | {len(found)} | {statistics.median(row['here'][0] for row in found):.4f} "
            f"| {math.expm1(middle):+.2%} [{math.expm1(middle - reach):+.2%}, "
            f"{math.expm1(middle + reach):+.2%}] | {gaps['here']:.0f} | {gaps['process']:.0f} "
            f"| {'kept' if kept else 'MISSED'} |"
        )
    print()
    return all_kept


def take_pair(model: Path) -> dict[str, tuple[float, float]]:
    """Of a session of each way: the latency in ms, and ns from a completion to the next query."""
    engines = {way: load(way, model) for way in WAYS}
    sessions = {way: engines[way].create_session({}, Mode()) for way in WAYS}
    chunks: dict[str, list[Trace]] = {way: [] for way in WAYS}
    for _ in range(CHUNKS):
        for way in random.sample(WAYS, len(WAYS)):
            chunks[way].append(take_chunk(sessions[way]))
    for way in WAYS:
        sessions[way].close()
        engines[way].close()
    return {way: figures_of(traces) for way, traces in chunks.items()}


def take_chunk(session: Session) -> Trace:
    """Some queries, once the threads of the other session sleep."""
    session.run_closed(Extent(AFTER_MS, 1, MOST))
    return session.run_closed(Extent(CHUNK_MS, 5, MOST))


def figures_of(traces: Sequence[Trace]) -> tuple[float, float]:
    """The latency and the time between queries, of all queries together."""
    latencies = np.concatenate([trace.samples("latency") for trace in traces])
    between = np.concatenate([trace.issued[1:] - trace.done[:-1] for trace in traces])
    return float(np.quantile(latencies, QUANTILE)), float(np.quantile(between, QUANTILE))


def take_tests(rows: Rows, before: Path) -> Iterator[dict[str, Any]]:
    """Runs of equal tests with either checkout."""
    checkouts = {"here": before, "process": Path.cwd()}
    for _ in range(RUNS - len(rows)):
        with tempfile.TemporaryDirectory() as directory:
            place = Path(directory)
            write_model("chain_8_28", place).rename(place / "model.onnx")
            (place / "test_equal.py").write_text(EQUAL)
            (place / "pytest.ini").write_text("[pytest]\n")
            yield {way: seconds_a_test(place, checkouts[way]) for way in WAYS}


def report_tests(rows: Rows) -> bool:
    """Prints the seconds of `take_tests`."""
    for way in WAYS:
        shown = ", ".join(f"{row[way]:.2f}" for row in rows)
        print(f"a test, outside warm-ups and rounds, sessions {way}: {shown} s")
    print()
    return True


def seconds_a_test(directory: Path, checkout: Path) -> float:
    """Of a run of pytest."""
    record = directory / "run.json"
    record.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--trtperf"]
    options = ["--trtperf-backend=onnxruntime", f"--trtperf-json={record}"]
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    begun = time.monotonic()
    subprocess.run([*command, *options], cwd=directory, env=environment, check=True)
    total = time.monotonic() - begun
    spent = sum(
        session["warm_up"]["seconds"] + sum(map(_lasted, (*session["rounds"], *set_aside(session))))
        for measurement in json.loads(record.read_text())["measurements"]
        for session in measurement["sessions"]
    )
    return float(total - spent) / TESTS


def set_aside(session: dict[str, Any]) -> Sequence[dict[str, Any]]:
    """The disturbed rounds of a session."""
    rounds: Sequence[dict[str, Any]] = session.get("set_aside", ())
    return rounds


def _lasted(round: dict[str, Any]) -> float:
    return float(round["ended"] - round["started"])


def main() -> int:
    """Take what is not there yet, print and judge."""
    parser = argparse.ArgumentParser(description="What a process for each session costs.")
    parser.add_argument("--part", choices=["sessions", "figures", "tests"], help="one part alone")
    parser.add_argument("--pairs", type=int, default=20, help="sessions of each way (default: 20)")
    parser.add_argument("--before", type=Path, help="a checkout whose sessions have no process")
    parser.add_argument("--json", type=Path, help="append all figures to this file")
    options = parser.parse_args()
    file, kept = options.json, True
    known = list(map(json.loads, file.read_text().splitlines())) if file and file.exists() else []
    for part in [options.part] if options.part else ["sessions", "figures", "tests"]:
        rows = [row for row in known if row["part"] == part]
        if part == "sessions":
            taken, report = take_starts([*rows], options.pairs), report_starts
        elif part == "figures":
            taken, report = take_figures([*rows], options.pairs), report_figures
        elif options.before:
            taken, report = take_tests([*rows], options.before), report_tests
        else:
            continue
        for row in taken:
            rows.append({"part": part, "cpus": os.cpu_count(), **row})
            if file:
                with file.open("a", encoding="utf-8") as appended:
                    appended.write(json.dumps(rows[-1]) + "\n")
        kept = report(rows) and kept
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
