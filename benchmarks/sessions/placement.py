"""Sessions of an engine alone on the GPU, and beside processes that only hold memory there.

    python -m benchmarks.sessions.placement [--network mobilenet_v3_small] [--sessions 4]
        [--json FILE]

Needs a GPU, TensorRT for RTX, torch and torchvision. The network has random weights and a dynamic
batch, of which 8 is measured with a CUDA graph and cached kernels. Sessions alone, beside an idle
context, and beside one that holds 400 MB take turns. Prints the medians of GPU compute. It shows
why a build has a process of its own, and has no target.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np

from benchmarks import harness
from benchmarks.sessions.kernel_state import BATCH, PIXELS, ROUNDS, export
from pytest_trtperf.backend.session import Mode
from pytest_trtperf.backend.tensorrt.isolated import isolated_engine
from pytest_trtperf.measure.load import Load
from pytest_trtperf.measure.measurement import Effort

SHAPES = {"input": (BATCH, *PIXELS)}
WAYS = {"alone": None, "beside an idle context": 0, "beside 400 MB": 400}

HOLDER = """
import sys
from cuda.bindings import runtime
runtime.cudaFree(0)
runtime.cudaMalloc(max(1, int(sys.argv[1]) << 20))
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def held(megabytes: int | None) -> Iterator[None]:
    """Another process has a CUDA context meanwhile, and so much memory; None for no process."""
    if megabytes is None:
        yield
        return
    command = [sys.executable, "-c", HOLDER, str(megabytes)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as holder:  # type: ignore[call-overload]
        assert holder.stdout.readline() == "held\n"
        yield
        holder.stdin.close()


def measure_one(plan: bytes, kernels: bytes | None) -> float:
    """The median of GPU compute in ms, over the rounds of a session in its process."""
    with closing(isolated_engine(harness.BACKEND, plan, kernels)) as engine:
        session = engine.create_session(SHAPES, Mode(cuda_graph=True))
        measuring = harness.measurement(session, Effort(), Load(), harness.find_gpu())
        measuring.extend(ROUNDS)
        measuring.release()
    times = [one.trace.samples("gpu_compute") for one in measuring.rounds]
    return float(np.median(np.concatenate(times)))


def main() -> int:
    """Measure in turns and print."""
    parser = argparse.ArgumentParser(description="Sessions beside memory of other processes.")
    parser.add_argument("--network", default="mobilenet_v3_small")
    parser.add_argument("--sessions", type=int, default=4, help="of each way (default: 4)")
    parser.add_argument("--json", type=Path, help="append the figures to this file")
    options = parser.parse_args()
    gpu = harness.find_gpu()
    with tempfile.TemporaryDirectory() as directory:
        plan = export(options.network, Path(directory) / "model.onnx").build()
    kernels = harness.compile_kernels(plan, SHAPES, Mode(cuda_graph=True))
    medians: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(options.sessions):
        for way, megabytes in WAYS.items():
            with held(megabytes):
                medians[way].append(measure_one(plan, kernels))
    print(f"{gpu.name}, {options.network}, batch {BATCH}, CUDA graph; GPU compute ms")
    alone = statistics.median(medians["alone"])
    for way, values in medians.items():
        listed = " ".join(f"{value:.4f}" for value in values)
        print(f"{way}: {listed} ({statistics.median(values) / alone - 1:+.2%})")
    if options.json:
        row = {"gpu": gpu.name, "network": options.network, "medians": medians}
        with options.json.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
