"""Energy per query beside the integral of power samples, load time beside a script of one's own.

    python -m benchmarks.measuring.costs [--backend tensorrt-rtx] [--starts 7] [--json FILE]

Needs a GPU, a backend of the TensorRT family and onnx. Builds a chain of matrix products (96 MiB of
weights, batch 256), and takes about a minute and a half. Exits 1 when a target is missed:

- energy: 10 s of rounds, as `energy_per_query_mj` has it, within 10 % of the integral of NVML's
  power, sampled 10 times a second meanwhile (instantaneous power where the driver has it, else its
  mean of the last second). States the idle share, and the same from 3 s of idle samples before,
- load: `load_time` of a session within 5 % of a script that maps the plan, as a session does,
  deserialises it and creates a context, with CUDA initialised; medians of processes in turns. Also
  prints what it takes a script that reads the plan into memory of its own.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import harness
from pytest_trtperf.backend.registry import builtin_backends, usable_backend
from pytest_trtperf.backend.session import Mode
from pytest_trtperf.backend.tensorrt.isolated import isolated_engine, isolated_plan
from pytest_trtperf.backend.trace import Extent
from pytest_trtperf.engine.spec import EngineSpec
from pytest_trtperf.measure import nvml
from pytest_trtperf.measure.energy import energy_of
from pytest_trtperf.measure.load import Load
from pytest_trtperf.measure.measurement import Effort

LAYERS, WIDTH, BATCH = 6, 2048, 256
SHAPES = {"x": (BATCH, WIDTH)}
SAMPLE_S, IDLE_S, LEAD_IN_S, ROUNDS, ROUND_MS = 0.1, 3.0, 2.0, 20, 500.0
MAX_ENERGY_OFF, MAX_LOAD_OFF = 0.10, 0.05
MODULES = {"tensorrt-rtx": "tensorrt_rtx", "tensorrt": "tensorrt"}

BY_HAND = """
import mmap, sys, time
from cuda.bindings import runtime
import {module} as trt

path = sys.argv[1]
open(path, "rb").read()  # the page cache is warm
runtime.cudaFree(0)
loader = trt.Runtime(trt.Logger(trt.Logger.ERROR))
begun = time.perf_counter()
with open(path, "rb") as file:
    if sys.argv[2] == "mapped":
        flags = mmap.MAP_PRIVATE | mmap.MAP_POPULATE
        plan = memoryview(mmap.mmap(file.fileno(), 0, flags=flags, prot=mmap.PROT_READ))
    else:
        plan = file.read()
read = time.perf_counter()
engine = loader.deserialize_cuda_engine(plan)
deserialised = time.perf_counter()
context = engine.create_execution_context()
ended = time.perf_counter()
print(*(1e3 * (one - begun) for one in (read, deserialised, ended)))
"""


def write_model(path: Path) -> None:
    """A chain of matrix products with weights of their own."""
    from onnx import TensorProto, helper, numpy_helper, save

    random = np.random.default_rng(0)
    names = ["x", *(f"t{layer}" for layer in range(1, LAYERS)), "y"]
    weights = [
        random.normal(0, WIDTH**-0.5, (WIDTH, WIDTH)).astype(np.float32) for _ in range(LAYERS)
    ]
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", [names[layer], f"w{layer}"], [names[layer + 1]])
            for layer in range(LAYERS)
        ],
        "products",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, SHAPES["x"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, SHAPES["x"])],
        [numpy_helper.from_array(one, f"w{layer}") for layer, one in enumerate(weights)],
    )
    save(
        helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)]),
        str(path),
    )


class PowerSamples:
    """Samples power on a thread of its own; each is seconds of `time.monotonic` and watts."""

    def __init__(self, uuid: str) -> None:
        self._nvml = nvml.library()
        self._handle = nvml.handle(self._nvml, uuid)
        self.samples: list[tuple[float, float]] = []
        self.kind = "mean of a second" if self._instant() is None else "instantaneous"

    def _instant(self) -> float | None:
        def ask() -> float:
            field = self._nvml.FieldId.DEV_POWER_INSTANT
            (answer,) = self._nvml.device_get_field_values(self._handle, [field])
            if answer.nvml_return != self._nvml.Return.SUCCESS:
                raise ValueError("not supported")
            return int(np.ravel(answer.value["ui_val"])[0]) / 1e3

        found: float | None = nvml.read(ask)
        return found or None

    def power_w(self) -> float:
        """Of this moment."""
        instant = self._instant() if self.kind == "instantaneous" else None
        return instant or self._nvml.device_get_power_usage(self._handle) / 1e3

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Samples while the block runs."""
        self.samples, ended = [], threading.Event()

        def sample() -> None:
            while not ended.is_set():
                self.samples.append((time.monotonic(), self.power_w()))
                ended.wait(SAMPLE_S)

        thread = threading.Thread(target=sample, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def mean_w(self, started: float, ended: float) -> float:
        """The integral between two moments over the time between them."""
        times, watts = (np.array(column) for column in zip(*self.samples, strict=True))
        inside = times[(times > started) & (times < ended)]
        grid = np.concatenate([[started], inside, [ended]])
        values = np.interp(grid, times, watts)
        area = float((np.diff(grid) * (values[1:] + values[:-1]) / 2).sum())
        return area / (ended - started)


def measure_energy(backend: str, plan: bytes) -> dict[str, Any]:
    """Energy per query as a test has it, and by power samples."""
    gpu = usable_backend([backend], builtin_backends()).probe.gpus[0]
    power = PowerSamples(gpu.uuid)
    with power.running():
        time.sleep(IDLE_S)
    idle_w = power.mean_w(power.samples[0][0], power.samples[-1][0])
    effort = Effort(round_ms=ROUND_MS, max_time=60.0)
    with (
        contextlib.closing(isolated_engine(backend, plan)) as engine,
        contextlib.closing(engine.create_session(SHAPES, Mode())) as session,
    ):
        measuring = harness.measurement(session, effort, Load(), gpu)
        measuring.warm_session()
        with power.running():
            # The driver's mean of the last second is to be one of the load.
            session.run_closed(Extent(1e3 * LEAD_IN_S, 1, 200_000))
            measuring.extend(ROUNDS)
    energy = energy_of(measuring.sessions)
    assert energy is not None, "NVML counts no energy here"
    rounds = measuring.rounds
    sampled_w = power.mean_w(rounds[0].started, rounds[-1].ended)
    span_ms = sum(one.trace.span_ms for one in rounds)
    queries = sum(one.trace.queries for one in rounds)
    return {
        "gpu": gpu.name, "samples": power.kind, "seconds": rounds[-1].ended - rounds[0].started,
        "queries": queries, "per_query_mj": energy.per_query_mj,
        "sampled_per_query_mj": sampled_w * span_ms / queries, "power_w": energy.power_w,
        "sampled_w": sampled_w, "stated_error": energy.error, "idle_power_w": energy.idle_power_w,
        "idle_share": energy.idle_share, "sampled_idle_w": idle_w,
        "sampled_idle_share": idle_w / sampled_w, "set_aside": len(measuring.set_aside),
        "raw": power.samples,
    }  # fmt: skip


def measure_loads(backend: str, plan: bytes, path: Path, starts: int) -> dict[str, Any]:
    """Load times by hand and of sessions, in turns."""
    script = BY_HAND.format(module=MODULES[backend])
    by_hand: dict[str, list[list[float]]] = {"mapped": [], "read": []}
    ours: list[tuple[float | None, float | None, float]] = []
    with contextlib.closing(isolated_engine(backend, plan)) as engine:
        for _ in range(starts + 1):
            for way, taken in by_hand.items():
                done = subprocess.run(
                    [sys.executable, "-c", script, str(path), way],
                    capture_output=True, text=True, check=True,
                )  # fmt: skip
                taken.append([float(word) for word in done.stdout.split()[-3:]])
            with contextlib.closing(engine.create_session(SHAPES, Mode())) as session:
                ours.append((session.load_ms, session.first_answer_ms, session.cold_start_ms))
    # The first of each filled caches of the operating system.
    hands = {way: taken[1:] for way, taken in by_hand.items()}
    return {"by_hand": hands, "sessions": ours[1:]}


def main() -> int:
    """Build, measure, print and judge."""
    parser = argparse.ArgumentParser(description="Energy per query and load time.")
    parser.add_argument("--backend", choices=MODULES, default=harness.BACKEND)
    parser.add_argument("--starts", type=int, default=7, help="of each kind (default: 7)")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        model, path = Path(directory) / "products.onnx", Path(directory) / "products.plan"
        write_model(model)
        plan = isolated_plan(EngineSpec(model, []), options.backend)
        path.write_bytes(plan)
        energy = measure_energy(options.backend, plan)
        loads = measure_loads(options.backend, plan, path, options.starts)
    found = {"backend": options.backend, "plan_bytes": len(plan), "energy": energy, "loads": loads}
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    kept = [report_energy(energy), report_loads(loads, len(plan))]
    print(f"\n{'all targets kept' if all(kept) else 'TARGETS MISSED'}")
    return 0 if all(kept) else 1


def report_energy(energy: dict[str, Any]) -> bool:
    """Prints what was found, and returns whether it is within the target."""
    off = energy["per_query_mj"] / energy["sampled_per_query_mj"] - 1
    kept = bool(abs(off) <= MAX_ENERGY_OFF)
    print(
        f"{energy['gpu']}: {energy['queries']} queries in {energy['seconds']:.1f} s\n"
        f"energy per query {energy['per_query_mj']:.2f} mJ ({energy['power_w']:.0f} W), by power "
        f"samples ({energy['samples']}) {energy['sampled_per_query_mj']:.2f} mJ "
        f"({energy['sampled_w']:.0f} W): {off:+.1%}, target within {MAX_ENERGY_OFF:.0%}: "
        f"{'kept' if kept else 'MISSED'}"
    )
    stated = energy["idle_share"]
    print(
        f"idle share {'unknown' if stated is None else f'{stated:.0%}'} "
        f"({energy['idle_power_w']} W before the warm-up); {energy['sampled_idle_share']:.0%} by "
        f"{energy['sampled_idle_w']:.0f} W without any process"
    )
    return kept


def report_loads(loads: dict[str, Any], plan_bytes: int) -> bool:
    """Prints what was found, and returns whether it is within the target."""
    by_hand, steps = {}, {}
    for way, taken in loads["by_hand"].items():
        here, deserialised, by_hand[way] = map(statistics.median, zip(*taken, strict=True))
        steps[way] = (
            f"by hand {by_hand[way]:.1f} ms ({way} {here:.1f}, deserialise "
            f"{deserialised - here:.1f}, context {by_hand[way] - deserialised:.1f})"
        )
    ours, answered, first = (statistics.median(one) for one in zip(*loads["sessions"], strict=True))
    off = ours / by_hand["mapped"] - 1
    kept = bool(abs(off) <= MAX_LOAD_OFF)
    print(
        f"load time of a plan of {plan_bytes / 2**20:.0f} MiB: {ours:.1f} ms, {steps['mapped']}: "
        f"{off:+.1%}, target within {MAX_LOAD_OFF:.0%}: {'kept' if kept else 'MISSED'}; "
        f"{steps['read']}\n"
        f"cold start {answered:.0f} ms, its first query {first:.0f} ms"
    )
    return kept


if __name__ == "__main__":
    sys.exit(main())
