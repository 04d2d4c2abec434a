"""Sessions that compile their kernels beside sessions that take them from RTX's runtime cache.

    python -m benchmarks.sessions.kernel_state [--network efficientnet_b0] [--sessions 8]
        [--keep-l2] [--json FILE]

Needs a GPU, TensorRT for RTX, torch and torchvision. The network has random weights and a dynamic
batch, of which 8 is measured with a CUDA graph. Each session is a process of its own; the two kinds
take turns. Prints the median of each session's GPU compute, and of each kind the median, standard
deviation and range. `--keep-l2` leaves the L2 cache as compiling or loading left it, which sessions
of the plugin do not: it shows why. The figures are appended to the file. Exits 1 when a target is
missed, which `--keep-l2` has none of:

- the medians of the two kinds within 2 %,
- of all sessions: standard deviation at most 0.25 %, range at most 0.8 %.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import harness
from pytest_trtperf.backend.session import Mode
from pytest_trtperf.backend.tensorrt import l2_cache
from pytest_trtperf.backend.tensorrt.engine import TensorRTEngine
from pytest_trtperf.measure.load import Load
from pytest_trtperf.measure.measurement import Effort

PIXELS = (3, 224, 224)
BATCH = 8
ROUNDS = 3
MAX_APART, MAX_SD, MAX_RANGE = 0.02, 0.0025, 0.008
KINDS = ("compiled", "cached")


def export(network: str, path: Path) -> harness.Model:
    """Writes one of torchvision's networks for images."""
    import torch
    import torchvision

    torch.manual_seed(0)
    torch.onnx.export(
        torchvision.models.get_model(network).eval(),
        torch.rand(2, *PIXELS),
        path,
        input_names=["input"],
        output_names=["output"],
        dynamic_axes={"input": {0: "n"}, "output": {0: "n"}},
        opset_version=17,
        dynamo=False,
    )
    return harness.Model(path, {"input": (BATCH, *PIXELS)}, {"input": harness.BATCH})


def measure_one(plan: Path, cache: Path | None, keep_l2: bool, new_cache: Path | None) -> float:
    """The median of GPU compute in ms, over the rounds of a session in this process."""
    if keep_l2:
        l2_cache.evict_l2_cache = lambda: None
    engine = TensorRTEngine(
        harness.BACKEND, plan.read_bytes(), cache.read_bytes() if cache else None
    )
    session = engine.create_session({"input": (BATCH, *PIXELS)}, Mode(cuda_graph=True))
    kernels = engine.new_runtime_cache()
    if new_cache and kernels:
        new_cache.write_bytes(kernels)
    measuring = harness.measurement(session, Effort(), Load(), harness.find_gpu())
    measuring.extend(ROUNDS)
    times = np.concatenate([one.trace.samples("gpu_compute") for one in measuring.rounds])
    session.close()
    engine.close()
    return float(np.median(times))


def in_fresh_process(plan: Path, *options: str) -> float:
    """What a process of its own prints last.

    Raises:
        RuntimeError: it failed.
    """
    command = [sys.executable, "-m", "benchmarks.sessions.kernel_state", "--one", str(plan)]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}\n{(done.stdout + done.stderr)[-3000:]}")
    return float(done.stdout.splitlines()[-1])


def take(network: str, sessions: int, keep_l2: bool) -> dict[str, list[float]]:
    """The medians of both kinds of session, in the order in which they were taken."""
    found: dict[str, list[float]] = {kind: [] for kind in KINDS}
    with tempfile.TemporaryDirectory() as directory:
        plan, cache = Path(directory) / "engine.plan", Path(directory) / "kernels"
        plan.write_bytes(export(network, Path(directory) / f"{network}.onnx").build())
        how = ("--keep-l2",) if keep_l2 else ()
        found["compiled"].append(in_fresh_process(plan, "--write", str(cache), *how))
        while len(found["cached"]) < sessions:
            found["cached"].append(in_fresh_process(plan, "--read", str(cache), *how))
            if len(found["compiled"]) < sessions:
                found["compiled"].append(in_fresh_process(plan, *how))
    return found


def spread(medians: Sequence[float]) -> tuple[float, float]:
    """Standard deviation and range, as shares of the median."""
    middle = statistics.median(medians)
    return statistics.stdev(medians) / middle, (max(medians) - min(medians)) / middle


def report(network: str, found: dict[str, list[float]], judged: bool) -> bool:
    """Prints the table; whether all targets were kept."""
    middles = {kind: statistics.median(found[kind]) for kind in KINDS}
    for kind in KINDS:
        deviation, width = spread(found[kind])
        values = ", ".join(f"{value:.4f}" for value in found[kind])
        print(
            f"{network}, {kind}: median {middles[kind]:.4f} ms, standard deviation "
            f"{deviation:.2%}, range {width:.2%}: {values}"
        )
    apart = abs(middles["compiled"] / middles["cached"] - 1)
    deviation, width = spread([value for kind in KINDS for value in found[kind]])
    kept = apart <= MAX_APART and deviation <= MAX_SD and width <= MAX_RANGE
    print(
        f"{network}: kinds {apart:.2%} apart (target {MAX_APART:.1%}), of all sessions standard "
        f"deviation {deviation:.2%} (target {MAX_SD:.2%}), range {width:.2%} (target "
        f"{MAX_RANGE:.1%})" + (f": {'kept' if kept else 'MISSED'}" if judged else "")
    )
    return kept or not judged


def main() -> int:
    """Take the sessions, print and judge."""
    parser = argparse.ArgumentParser(description="Compiled kernels beside cached ones.")
    parser.add_argument("--network", default="efficientnet_b0", help="torchvision's name of it")
    parser.add_argument("--sessions", type=int, default=8, help="of each kind (default: 8)")
    parser.add_argument("--keep-l2", action="store_true", help="do not empty the L2 cache")
    parser.add_argument("--json", type=Path, help="append all figures to this file")
    for hidden in ("--one", "--read", "--write"):
        parser.add_argument(hidden, type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(measure_one(options.one, options.read, options.keep_l2, options.write))
        return 0
    gpu = harness.find_gpu()
    found = take(options.network, options.sessions, options.keep_l2)
    print(f"{gpu.name}; batch {BATCH}, transfers, CUDA graph; L2 cache "
          f"{'as it was' if options.keep_l2 else 'emptied'}")  # fmt: skip
    kept = report(options.network, found, judged=not options.keep_l2)
    if options.json:
        row: dict[str, Any] = {"gpu": gpu.name, "network": options.network, **found}
        with options.json.open("a", encoding="utf-8") as file:
            file.write(json.dumps({**row, "keep_l2": options.keep_l2}) + "\n")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
