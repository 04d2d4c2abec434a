"""Throughput and GPU compute time beside trtexec's on the same plans, in trtexec's modes.

    python -m benchmarks.models
    python example_project/models.py
    python -m benchmarks.measuring.parity [--trtexec PATH] [--only resnet50] [--repeats 2]
        [--json FILE]

Needs a GPU and TensorRT for RTX. With `--trtexec` (a build of NVIDIA/TensorRT's samples/trtexec for
this runtime, with eagerly specialised kernels) both measure in turns; without it ours is held
against figures that trtexec once gave on an NVIDIA H200. Ours is measured in both states of
kernels: cached, which the plugin measures, and fresh, which trtexec has. Exits 1 when a target is
missed, which hold for both:

- throughput of at least 0.99 of trtexec's (elementwise: 1.0),
- GPU compute median within 0.5 %, and P99 not above trtexec's by more than 1 %, with a CUDA graph
  and for resnet50 without.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from benchmarks import harness
from pytest_trtperf.analysis.summary import summarize
from pytest_trtperf.backend.probe import Gpu
from pytest_trtperf.backend.session import Mode
from pytest_trtperf.measure.load import Load
from pytest_trtperf.measure.measurement import Effort

WARM_UP_MS = 300
SECONDS = 2
PACE = Effort(warm_up_ms=WARM_UP_MS, round_ms=1e3 * SECONDS, max_time=1e3)
MAX_MEDIAN_OFF = 0.005
MAX_P99_OFF = 0.01
CACHED, FRESH = "cached", "fresh"
RESOLVED_MS = 0.02
"""Compute times below this are a few steps of CUDA's event clock, and are not compared."""

MODES = {
    "transfers, spin": Mode(),
    "+ graph": Mode(cuda_graph=True),
    "+ graph, no transfers": Mode(transfers=False, cuda_graph=True),
}


@dataclass(frozen=True)
class Figures:
    """Queries per second, and GPU compute in ms."""

    qps: float
    median: float
    p99: float


# trtexec 10.16 with TensorRT for RTX 1.4.0.76 on an NVIDIA H200, driver 580.159.04: warm-up 300 ms,
# 2 s, kernels specialised eagerly (elementwise: lazily); of two repeats the better throughput.
RECORDED_ON = "NVIDIA H200"
RECORDED = {
    ("resnet50, 8", "transfers, spin"): Figures(549.2, 1.821, 1.856),
    ("resnet50, 8", "+ graph"): Figures(552.8, 1.806, 1.820),
    ("resnet50, 8", "+ graph, no transfers"): Figures(553.0, 1.806, 1.821),
    ("mobilenet_v2, 1", "transfers, spin"): Figures(2060.0, 0.41, 0.74),
    ("mobilenet_v2, 1", "+ graph"): Figures(4045.0, 0.232, 0.32),
    ("mobilenet_v2, 1", "+ graph, no transfers"): Figures(4285.0, 0.232, 0.233),
    ("mobilenet_v2, 8", "transfers, spin"): Figures(2056.0, 0.450, 0.56),
    ("mobilenet_v2, 8", "+ graph"): Figures(2249.0, 0.428, 0.45),
    ("mobilenet_v2, 8", "+ graph, no transfers"): Figures(2324.0, 0.428, 0.43),
    ("elementwise", "transfers, spin"): Figures(26150.0, 0.0037, 0.0042),
    ("elementwise", "+ graph"): Figures(26650.0, 0.0033, 0.0037),
    ("elementwise", "+ graph, no transfers"): Figures(46200.0, 0.0033, 0.0036),
}


def engines() -> dict[str, harness.Model]:
    """What is measured; the last two are not of the recorded figures."""
    example = harness.EXAMPLES
    return {
        "resnet50, 8": harness.network("resnet50", 8),
        "mobilenet_v2, 1": harness.network("mobilenet_v2", 1),
        "mobilenet_v2, 8": harness.network("mobilenet_v2", 8),
        "elementwise": harness.elementwise(),
        "chain of 16": harness.chain("chain_16_56"),
        "transformer, 32": harness.Model(
            example / "transformer.onnx",
            {"tokens": (32, 64, 64)},
            {"tokens": ("1x64x64", "32x64x64", "64x64x64")},
        ),
    }


def ours(
    plan: bytes, model: harness.Model, mode: Mode, gpu: Gpu, kernels: bytes | None = None
) -> Figures:
    """One round of our own, with stored kernels or with those that it compiles.

    Raises:
        RuntimeError: stored kernels were not enough.
    """
    with harness.open_session(plan, model.shapes, mode, kernels) as session:
        if kernels and session.kernels and session.kernels.state != CACHED:
            raise RuntimeError("a session compiled kernels, though those of an equal one are given")
        measuring = harness.measurement(session, PACE, Load(), gpu)
        measuring.extend(1)
    trace = measuring.rounds[0].trace
    compute = summarize(trace.samples("gpu_compute"))
    return Figures(trace.throughput, compute.median, compute.p99)


def theirs(trtexec: Path, plan: Path, model: harness.Model, mode: Mode) -> Figures:
    """One run of trtexec.

    Raises:
        RuntimeError: trtexec failed, or went on without the graph it was asked for.
    """
    shapes = ",".join(f"{n}:{'x'.join(map(str, s))}" for n, s in model.shapes.items())
    command = [
        str(trtexec), f"--loadEngine={plan}", f"--warmUp={WARM_UP_MS}", f"--duration={SECONDS}",
        "--useSpinWait",
        *(["--useCudaGraph"] if mode.cuda_graph else []),
        *([] if mode.transfers else ["--noDataTransfers"]),
        *([f"--shapes={shapes}"] if model.profiles else []),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    text = done.stdout + done.stderr
    if done.returncode or "flag has been ignored" in text:
        raise RuntimeError(f"{' '.join(command)}\n{text[-3000:]}")
    throughput = re.search(r"Throughput: ([\d.e+]+) qps", text)
    compute = re.search(
        r"GPU Compute Time: .*median = ([\d.e-]+) ms.*percentile\(99%\) = ([\d.e-]+) ms", text
    )
    assert throughput, text
    assert compute, text
    return Figures(float(throughput[1]), float(compute[1]), float(compute[2]))


def typical(repeats: Sequence[Figures]) -> Figures:
    """The median of each figure."""
    return Figures(*np.median([tuple(asdict(one).values()) for one in repeats], axis=0).tolist())


def judge(name: str, mode: Mode, mine: Figures, trt: Figures) -> list[str]:
    """The targets that were missed."""
    minimum = 1.0 if name == "elementwise" else 0.99
    missed = [] if mine.qps >= minimum * trt.qps else [f"throughput {mine.qps / trt.qps:.3f}"]
    if trt.median < RESOLVED_MS or not (mode.cuda_graph or name == "resnet50, 8"):
        return missed
    if abs(mine.median / trt.median - 1) > MAX_MEDIAN_OFF:
        missed.append(f"median {mine.median / trt.median - 1:+.2%}")
    if mine.p99 / trt.p99 - 1 > MAX_P99_OFF:
        missed.append(f"P99 {mine.p99 / trt.p99 - 1:+.2%}")
    return missed


def columns(mine: Figures, trt: Figures, missed: Sequence[str]) -> str:
    """A row of the table from its numbers on."""
    return (
        f"| {mine.qps:.1f} | {trt.qps:.1f} | {mine.qps / trt.qps:.3f} "
        f"| {mine.median:.4f} / {mine.p99:.4f} | {trt.median:.4f} / {trt.p99:.4f} "
        f"| {mine.median / trt.median - 1:+.2%} / {mine.p99 / trt.p99 - 1:+.2%} "
        f"| {'missed: ' + ', '.join(missed) if missed else 'kept'} |"
    )


def main() -> int:
    """Build, measure in turns, print the table and judge."""
    parser = argparse.ArgumentParser(description="Measured figures beside trtexec's.")
    parser.add_argument("--trtexec", type=Path, help="measure in turns with this trtexec")
    parser.add_argument("--only", help="measure engines whose name contains this")
    parser.add_argument("--repeats", type=int, default=2, help="turns (default: 2)")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    options = parser.parse_args()
    begun, gpu = time.monotonic(), harness.find_gpu()
    source = "in turns" if options.trtexec else f"recorded on an {RECORDED_ON}"
    print(f"{gpu.name}; trtexec {source}, {options.repeats} repeats of {SECONDS} s\n")
    print("| engine | mode | kernels | qps | trtexec | ratio | GPU compute ms | trtexec | off "
          "| target |\n|---|---|---|---|---|---|---|---|---|---|")  # fmt: skip
    kept, raw = True, []
    with tempfile.TemporaryDirectory() as directory:
        for name, model in engines().items():
            if options.only and options.only not in name:
                continue
            path = Path(directory) / "engine.plan"
            path.write_bytes(plan := model.build())
            kernels = harness.compile_kernels(plan, model.shapes, Mode())
            for mode_name, mode in MODES.items():
                if not options.trtexec and (name, mode_name) not in RECORDED:
                    continue
                mine: dict[str, list[Figures]] = {CACHED: [], FRESH: []}
                trt = []
                for _ in range(options.repeats):
                    mine[CACHED].append(ours(plan, model, mode, gpu, kernels))
                    mine[FRESH].append(ours(plan, model, mode, gpu))
                    if options.trtexec:
                        trt.append(theirs(options.trtexec, path, model, mode))
                trt = trt or [RECORDED[name, mode_name]]
                for state, figures in mine.items():
                    row = {"engine": name, "mode": mode_name, "kernels": state}
                    raw.append({**row, "ours": [*map(asdict, figures)],
                                "trtexec": [*map(asdict, trt)]})  # fmt: skip
                    a, b = typical(figures), typical(trt)
                    missed = judge(name, mode, a, b)
                    kept = kept and not missed
                    print(f"| {' | '.join(row.values())} {columns(a, b, missed)}", flush=True)
    print(f"\n{(time.monotonic() - begun) / 60:.1f} minutes")
    if options.json:
        options.json.write_text(json.dumps({"gpu": gpu.name, "figures": raw}, indent=1) + "\n")
    if not options.trtexec and gpu.name != RECORDED_ON:
        print(f"\nnot judged: the recorded figures are of the {RECORDED_ON}")
        return 0
    print(f"\n{'all targets kept' if kept else 'TARGETS MISSED'}")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
