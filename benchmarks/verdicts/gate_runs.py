"""Take the runs that the figures of the verdicts come from; `gate_verdicts.py` counts them.

    python -m benchmarks.verdicts.gate_runs baseline FILE.jsonl --seconds 500
    python -m benchmarks.verdicts.gate_runs baseline FILE.jsonl --seconds 500 --cpu

Cases are appended to FILE until the time is up, a line of JSON each, so that they may be gathered
over days. Engines are chains of equal convolutions, and a slower one has more of them.

- `baseline`: an engine against a run of the same and, by turns, of slower ones. Each run is a
  process of its own; every tenth time the engine is built anew. On a GPU with a tolerance of 2 %
  on the GPU compute median and 200 ms rounds; with --cpu as a user has it, on ONNX Runtime.
- `paired`: the same engines by `trt_compare`, with a tolerance of 0.5 %.
- `tail`: 1.5 % of queries run twice, which the P99 is to find and the median is not.
- `verdict`: an engine of under a millisecond with the defaults, for the time that it takes.

All but --cpu need a GPU and TensorRT for RTX.
"""

from __future__ import annotations

import argparse
import itertools
import json
import multiprocessing
import random
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from benchmarks import harness
from benchmarks.models import write_model
from benchmarks.verdicts.taken_runs import (
    Case,
    Served,
    Taken,
    case,
    measurement,
    recorded,
    subject,
    take,
)
from pytest_trtperf.backend.onnxruntime.engine import OnnxRuntimeEngine
from pytest_trtperf.backend.probe import Gpu
from pytest_trtperf.backend.protocols import Session
from pytest_trtperf.backend.session import Mode
from pytest_trtperf.backend.tensorrt.engine import TensorRTEngine
from pytest_trtperf.baseline.merge import add_run
from pytest_trtperf.baseline.schema import BaselineEntry
from pytest_trtperf.fixtures.judged_pair import JudgedPair
from pytest_trtperf.fixtures.pair import Pair
from pytest_trtperf.measure.device_lock import device_lock
from pytest_trtperf.options.declared import Settings

GPU_CHAINS = {layers: f"chain_{layers}_56_64_8" for layers in (100, 101, 103, 105)}
SHORT_CHAINS = {layers: f"chain_{layers}_56_64_8" for layers in (20, 22)}
PAIRED_CHAINS = {layers: f"chain_{layers}_56_64_8" for layers in (80, 81)}
CPU_CHAINS = {layers: f"chain_{layers}_14" for layers in (20, 22)}
TAIL_SHARE = 0.015
REBUILD_EVERY = 10

GPU_SETTINGS = Settings(tolerance={"median": 0.02}, round_queries=1)
TAIL_SETTINGS = Settings(tolerance={"median": 0.02, "p99": 0.1})
PAIRED_TOLERANCE = 0.005


def baseline_cases(gpu: Gpu) -> Iterator[Case]:
    """An engine against a run of itself, and against one of three slower ones by turns."""
    served = {layers: Served.build(chain) for layers, chain in GPU_CHAINS.items()}
    for number, slower in enumerate(itertools.cycle((103, 101, 105))):
        rebuilt = number % REBUILD_EVERY == REBUILD_EVERY - 1
        before = take(served[100].session, GPU_SETTINGS, gpu, gpu.name)
        if rebuilt:
            served[100] = Served.build(GPU_CHAINS[100])
        for layers in (100, slower):
            after = take(served[layers].session, GPU_SETTINGS, gpu, gpu.name, before.entry)
            names = GPU_CHAINS[100], GPU_CHAINS[layers]
            made = case("baseline", gpu.name, names, before, after)
            yield {**made, "rebuilt": rebuilt}


def verdict_cases(gpu: Gpu) -> Iterator[Case]:
    """An engine of under a millisecond with the defaults: unchanged, and slower by 10 %."""
    served = {layers: Served.build(chain) for layers, chain in SHORT_CHAINS.items()}
    while True:
        before = take(served[20].session, Settings(), gpu, gpu.name)
        for layers, chain in SHORT_CHAINS.items():
            after = take(served[layers].session, Settings(), gpu, gpu.name, before.entry)
            yield case("verdict", gpu.name, (SHORT_CHAINS[20], chain), before, after)


def paired_cases(gpu: Gpu) -> Iterator[Case]:
    """The same engine in turns with itself, and with one that is slower by about 1.5 %."""
    served = {layers: Served.build(chain) for layers, chain in PAIRED_CHAINS.items()}
    settings = GPU_SETTINGS.replaced(tolerance=None)
    for layers in itertools.cycle((80, 81)):
        start = time.perf_counter()
        with served[layers].session() as new, served[80].session() as reference:
            lock = device_lock(None, gpu.uuid)
            sides = [measurement(session, settings, gpu, lock) for session in (new, reference)]
            pair = subject(gpu.name)
            engines = {"new": pair.engine, "reference": pair.engine}
            judged = JudgedPair(sides[0], sides[1], pair, engines, settings, lock)
            with recorded():
                Pair(judged).assert_not_slower(tolerance=PAIRED_TOLERANCE)
            for side in sides:
                side.release()  # the pair started sessions of its own
            verdict = judged.record().verdicts[0]
        yield {
            "part": "paired",
            "engines": (PAIRED_CHAINS[80], PAIRED_CHAINS[layers]),
            "device": gpu.name,
            "at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "blocks": judged.blocks,
            "verdicts": [msgspec.to_builtins(verdict)],
            "seconds": round(time.perf_counter() - start, 3),
        }


def tail_cases(gpu: Gpu) -> Iterator[Case]:
    """An engine against a run of itself in which a few queries run twice, and against another."""
    served = Served.build(SHORT_CHAINS[20])
    engine = TensorRTEngine(harness.BACKEND, served.plan, served.runtime_cache)

    @contextmanager
    def session(share: float) -> Iterator[Session]:
        opened = engine.create_session(served.model.shapes, Mode(cuda_graph=True))
        (feed,), draw = opened.streams[0].feeds, random.Random(time.time_ns())
        once = feed.enqueue

        def enqueue() -> None:
            once()
            if draw.random() < share:
                once()

        feed.enqueue = enqueue
        try:
            yield opened
        finally:
            opened.close()

    while True:
        before = take(partial(session, 0.0), TAIL_SETTINGS, gpu, gpu.name)
        for name, share in (("same", 0.0), ("tail", TAIL_SHARE)):
            after = take(partial(session, share), TAIL_SETTINGS, gpu, gpu.name, before.entry)
            yield case("tail", gpu.name, (SHORT_CHAINS[20], name), before, after)


def _take_on_cpu(path: Path, shapes: Mapping[str, Any], entry: BaselineEntry | None) -> Taken:
    @contextmanager
    def session() -> Iterator[Session]:
        opened = OnnxRuntimeEngine(path).create_session(shapes, Mode())
        yield opened
        opened.close()

    return take(session, Settings(), None, "cpu", entry)


def cpu_cases(baseline_runs: int) -> Iterator[Case]:
    """The defaults on ONNX Runtime: an engine against itself, and against one 10 % slower.

    The part of a case ends with the number of runs in the baseline.
    """
    models = {layers: harness.chain(chain) for layers, chain in CPU_CHAINS.items()}
    spawn = multiprocessing.get_context("spawn")

    def run(layers: int, entry: BaselineEntry | None = None) -> Taken:
        with ProcessPoolExecutor(1, mp_context=spawn) as fresh:
            model = models[layers]
            return fresh.submit(_take_on_cpu, model.path, model.shapes, entry).result()

    while True:
        runs = [run(20) for _ in range(baseline_runs)]
        entry = None
        for one in runs:
            entry = add_run(entry, one.entry)
        for layers, chain in CPU_CHAINS.items():
            after = run(layers, entry)
            made = case("cpu", "cpu", (CPU_CHAINS[20], chain), runs[-1], after)
            yield {**made, "part": f"cpu {baseline_runs}"}


GPU_PARTS: dict[str, Callable[[Gpu], Iterator[Case]]] = {
    "baseline": baseline_cases,
    "paired": paired_cases,
    "tail": tail_cases,
    "verdict": verdict_cases,
}


def main() -> None:
    """Take cases until the time is up."""
    parser = argparse.ArgumentParser(description="Take runs for the figures of the verdicts.")
    parser.add_argument("part", choices=GPU_PARTS, help="what is compared")
    parser.add_argument("file", type=Path, help="lines of JSON are appended to it")
    parser.add_argument("--seconds", type=float, default=300, help="stop after the case then")
    parser.add_argument("--cpu", action="store_true", help="ONNX Runtime; `baseline` alone")
    parser.add_argument("--runs", type=int, default=5, help="in a baseline, with --cpu")
    options = parser.parse_args()
    if options.cpu and options.part != "baseline":
        parser.error("--cpu takes the part `baseline` alone")
    start = time.monotonic()
    chains = CPU_CHAINS if options.cpu else {**GPU_CHAINS, **SHORT_CHAINS, **PAIRED_CHAINS}
    for chain in chains.values():
        write_model(chain, harness.MODELS)
    cases = cpu_cases(options.runs) if options.cpu else GPU_PARTS[options.part](harness.find_gpu())
    for one in cases:
        with options.file.open("a") as file:
            file.write(json.dumps(one) + "\n")
        words = ", ".join(
            f"{v['metric']} {v['status']} {v['change']:+.2%}" for v in one["verdicts"]
        )
        print(f"{time.monotonic() - start:6.1f} s  {one['engines'][1]}: {words}", flush=True)
        if time.monotonic() - start >= options.seconds:
            return


if __name__ == "__main__":
    main()
