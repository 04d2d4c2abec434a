"""Throughput and GPU compute time beside trtexec's on the same engines, in trtexec's modes.

    python benchmarks/models.py
    python benchmarks/parity.py [--models DIR] [--only resnet50] [--rounds 3]

Needs a GPU and TensorRT for RTX. The figures of trtexec hold for the NVIDIA H200 alone: on another
GPU the table is printed without a judgement. Exits 1 when a throughput is below 0.97 of trtexec's,
or resnet50's GPU compute median is more than 1 % away.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pytest_trtperf.analysis.summary import summarize
from pytest_trtperf.engine.build import build_plan
from pytest_trtperf.engine.spec import EngineSpec, parse_profiles
from pytest_trtperf.measure.measurement import Measurement, Plan
from pytest_trtperf.runtime.locks import device_lock
from pytest_trtperf.runtime.probe import probe_in_subprocess
from pytest_trtperf.runtime.session import Mode
from pytest_trtperf.runtime.tensorrt import TensorRTEngine

BACKEND = "tensorrt-rtx"
LEAST_THROUGHPUT = 0.97
MOST_MEDIAN_OFF = 0.01
WARM_UP_MS = 300.0
ROUND_MS = 2000.0

Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Figures:
    """What was measured: queries per second, and GPU compute in ms (None where it means little)."""

    qps: float
    median: float | None = None
    p99: float | None = None


NO_SPIN = Mode(spin_wait=False)
SPIN = Mode()
GRAPH = Mode(cuda_graph=True)
GRAPH_ALONE = Mode(transfers=False, cuda_graph=True)
MODE_NAMES = {
    NO_SPIN: "transfers, no spin",
    SPIN: "transfers, spin",
    GRAPH: "transfers, spin, graph",
    GRAPH_ALONE: "no transfers, spin, graph",
}

# trtexec 10.16 with TensorRT for RTX 1.4.0.76 on an NVIDIA H200, driver 580.159.04: warm-up 300 ms,
# 2 s; the best throughput of its repeats. Kernels were specialised eagerly for resnet50's compute
# times except in the first mode. CUDA's events resolve about 0.5 us, too little for elementwise.
TRTEXEC_DEVICE = "NVIDIA H200"
TRTEXEC: dict[str, dict[Mode, Figures]] = {
    "resnet50": {
        NO_SPIN: Figures(550.8, 1.815, 1.848),
        SPIN: Figures(550.8, 1.821, 1.856),
        GRAPH: Figures(552.8, 1.806, 1.820),
        GRAPH_ALONE: Figures(553.0, 1.806, 1.821),
    },
    "elementwise": {
        NO_SPIN: Figures(16300.0),
        SPIN: Figures(26150.0),
        GRAPH: Figures(26650.0),
        GRAPH_ALONE: Figures(46200.0),
    },
}
PROFILES = {
    "resnet50": {"input": ("1x3x224x224", "8x3x224x224", "32x3x224x224")},
    "elementwise": {},
}
SHAPES: dict[str, Shapes] = {
    "resnet50": {"input": (8, 3, 224, 224)},
    "elementwise": {"input": (1, 3, 224, 224)},
}


def measure(plan: Path, shapes: Shapes, mode: Mode, uuid: str, rounds: int) -> Figures:
    """Measure one engine in one mode: the median round's throughput, all rounds' compute times."""
    engine = TensorRTEngine(BACKEND, plan.read_bytes())
    pace = Plan(warm_up_ms=WARM_UP_MS, round_ms=ROUND_MS, max_time=ROUND_MS * rounds)
    measurement = Measurement(
        engine.create_session(shapes, mode), pace, device_lock(None, uuid), uuid
    )
    try:
        measurement.extend(rounds)
    finally:
        measurement.release()
        engine.close()
    traces = [done.trace for done in measurement.rounds]
    compute = summarize(np.concatenate([trace.metrics["gpu_compute"] for trace in traces]))
    qps = float(np.median([trace.throughput for trace in traces]))
    return Figures(qps, compute.median, compute.p99)


def row(name: str, mode: Mode, ours: Figures, theirs: Figures) -> tuple[str, bool]:
    """A line of the table, and whether both limits are kept."""
    ratio = ours.qps / theirs.qps
    kept = ratio >= LEAST_THROUGHPUT
    off = "-"
    if ours.median and theirs.median:
        share = ours.median / theirs.median - 1
        kept = kept and abs(share) <= MOST_MEDIAN_OFF
        off = f"{share:+.2%}"
    line = (
        f"| {name} | {MODE_NAMES[mode]} | {ours.qps:.1f} | {theirs.qps:.1f} | {ratio:.3f} "
        f"| {times(ours)} | {times(theirs)} | {off} |"
    )
    return line, kept


def times(figures: Figures) -> str:
    """GPU compute median and P99, or a dash."""
    if figures.median is None or figures.p99 is None:
        return "-"
    return f"{figures.median:.4f} / {figures.p99:.4f}"


def main() -> int:
    """Build, measure, print the table and judge."""
    parser = argparse.ArgumentParser(description="Measured figures beside trtexec's.")
    parser.add_argument("--models", type=Path, default=Path(__file__).parent / "models")
    parser.add_argument("--only", choices=TRTEXEC, help="measure this model alone")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of 2 s (default: 3)")
    options = parser.parse_args()
    gpu = probe_in_subprocess([BACKEND]).gpus[0]
    print(f"{gpu.name}, targets: throughput {LEAST_THROUGHPUT}, median {MOST_MEDIAN_OFF:.0%}\n")
    print("| engine | mode | qps | trtexec | ratio | GPU compute ms | trtexec | median |")
    print("|---|---|---|---|---|---|---|---|")
    all_kept = True
    with tempfile.TemporaryDirectory() as directory:
        for name in [options.only] if options.only else TRTEXEC:
            spec = EngineSpec(options.models / f"{name}.onnx", parse_profiles(PROFILES[name]))
            plan = Path(directory) / f"{name}.plan"
            plan.write_bytes(build_plan(spec, BACKEND))
            for mode, theirs in TRTEXEC[name].items():
                ours = measure(plan, SHAPES[name], mode, gpu.uuid, options.rounds)
                line, kept = row(name, mode, ours, theirs)
                print(line, flush=True)
                all_kept = all_kept and kept
    if gpu.name != TRTEXEC_DEVICE:
        print(f"\nnot judged: trtexec's figures are of the {TRTEXEC_DEVICE}")
        return 0
    print(f"\n{'pass' if all_kept else 'FAIL'}")
    return 0 if all_kept else 1


if __name__ == "__main__":
    sys.exit(main())
