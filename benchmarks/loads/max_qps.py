"""How well `trt_measure.max_qps` repeats.

    python -m benchmarks.models --only chain_8_28
    python -m benchmarks.loads.max_qps [--model chain_8_28] [--json FILE]

Needs a GPU and TensorRT for RTX; takes about 5 minutes of it. The engine is served one query at a
time, with a CUDA graph and without transfers, and may take 4 S at its P99, with S its 1 /
throughput under a closed load. Five searches in sessions of their own draw arrivals of their own;
one more draws those of the first again, which separates the device from the
draw. Exits 1 when a target is missed:

- the five rates within 8 % of each other, the highest against the lowest,
- each within its own interval, which has two ends; how many hold the median too is printed,
- each found in under 60 s, its session included.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks import harness
from benchmarks.loads.open_loop import MODE, MODELS, service_ms
from pytest_trtperf.backend.probe import Gpu
from pytest_trtperf.fixtures.judged_max_qps import JudgedMaxQps
from pytest_trtperf.fixtures.trt_measure import DRAWS
from pytest_trtperf.judge.subject import Subject
from pytest_trtperf.measure.load import Load
from pytest_trtperf.measure.measurement import Effort, Measurement
from pytest_trtperf.options.declared import Settings
from pytest_trtperf.record.model import EngineRecord

LIMIT_IN_SERVICES = 4.0
SEEDS = (0, 1, 2, 3, 4)
SAME_SEED = (0,)
MAX_APART = 1.08
MAX_SECONDS = 60.0


@dataclass(frozen=True)
class Search:
    """A found rate with its interval, in queries per second."""

    seed: int
    qps: float
    lower: float
    upper: float
    closed_qps: float
    trials: int
    seconds: float

    def missed(self) -> list[str]:
        """The targets that were missed."""
        inside = 0 < self.lower <= self.qps <= self.upper < math.inf
        missed = [] if inside else ["interval"]
        return missed if self.seconds < MAX_SECONDS else [*missed, f"{self.seconds:.0f} s"]


def subject(device: str) -> Subject:
    """A measurement that no baseline knows."""
    return Subject(
        test="benchmark", key="benchmark", module="benchmark", baseline_dir="", device=device,
        engine=EngineRecord(name="", backend=harness.BACKEND, digest="", plan_sha256=""),
        software={}, baseline=None, compares=False, records=False,
    )  # fmt: skip


def search(plan: bytes, model: harness.Model, gpu: Gpu, limit_ms: float, seed: int) -> Search:
    """One search in a session of its own."""
    start = time.perf_counter()
    with harness.open_session(plan, model.shapes, MODE) as session:

        def measure(rate: float | None, draw: int, queries: int, max_time: float) -> Measurement:
            load = Load(rate, seed=DRAWS * seed + draw)
            return harness.measurement(
                session, Effort(round_queries=queries, max_time=max_time), load, gpu
            )

        judged = JudgedMaxQps(measure, limit_ms, subject(gpu.name), Settings())
        found = judged.found
    return Search(
        seed, found.rate, found.lower, found.upper, judged.closed_qps, len(found.trials),
        time.perf_counter() - start,
    )  # fmt: skip


def main() -> int:
    """Build, search, print the table and judge."""
    parser = argparse.ArgumentParser(description="How well max_qps repeats.")
    parser.add_argument("--model", choices=MODELS, default="chain_8_28", help="what is served")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    options = parser.parse_args()
    gpu, model = harness.find_gpu(), MODELS[options.model]
    plan = model.build()
    with harness.open_session(plan, model.shapes, MODE) as session:
        service = service_ms(session, gpu)
    limit_ms = LIMIT_IN_SERVICES * service
    print(f"{gpu.name}; {options.model}, CUDA graph, no transfers, one query at a time")
    print(f"S {service:.5f} ms, P99 of response within {limit_ms:.5f} ms\n")
    print("| seed | qps | interval | share of 1 / S | rates tried | seconds | target |")
    print("|---|---|---|---|---|---|---|")
    searches = []
    for seed in (*SEEDS, *SAME_SEED):
        searches.append(one := search(plan, model, gpu, limit_ms, seed))
        missed = one.missed()
        print(
            f"| {one.seed} | {one.qps:.1f} | {one.lower:.1f} .. {one.upper:.1f} "
            f"| {one.qps * service / 1e3:.3f} | {one.trials} | {one.seconds:.1f} "
            f"| {'missed: ' + ', '.join(missed) if missed else 'kept'} |",
            flush=True,
        )
    if options.json:
        raw = {"gpu": gpu.name, "model": options.model, "service_ms": service, "limit_ms": limit_ms}
        options.json.write_text(
            json.dumps({**raw, "searches": [asdict(one) for one in searches]}, indent=1) + "\n"
        )
    judged = searches[: len(SEEDS)]
    rates = [one.qps for one in judged]
    same = [one.qps for one in searches if one.seed == SAME_SEED[0]]
    apart, middle = max(rates) / min(rates), statistics.median(rates)
    holding = sum(one.lower <= middle <= one.upper for one in judged)
    print(f"\nhighest against lowest rate {apart:.3f}, target at most {MAX_APART:g}: ", end="")
    print("kept" if apart <= MAX_APART else "missed")
    print(f"of one seed {max(same) / min(same):.3f}")
    print(f"the median {middle:.1f} qps is within {holding} of {len(judged)} intervals")
    kept = apart <= MAX_APART and not any(one.missed() for one in judged)
    print("all targets kept" if kept else "TARGETS MISSED")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
