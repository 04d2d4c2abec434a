"""What a cache hit costs beside loading the engine, and what the key of a large model reads.

    python -m benchmarks.cache.cache_hit [--repeats 9] [--megabytes 100] [--json FILE] [--only key]

A model of matrix products with so many MB of random weights is built once, with TensorRT for RTX.
Then, in turns: alone, a session from the file of its plan, which is read and not verified; and a
hit, a session as a test gets it, with the key made anew from the ONNX file, the plan found and
verified, and its runtime cache read. Both in this process, where CUDA is up already, and in a
process of the session's own, as tests have it.

The key of a model with 2 GB of external data needs no GPU (`--only key`); the data is a hole in
a file, so no disk is part of it. Exits 1 when a target is missed, 2 without a GPU:

- a hit takes at most 1.2 times what loading alone does,
- the key reads each byte once: at most 1.01 times the size of the files.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import harness
from pytest_trtperf.backend.protocols import LoadedEngine
from pytest_trtperf.backend.session import Mode
from pytest_trtperf.backend.tensorrt.build import build_plan
from pytest_trtperf.backend.tensorrt.engine import TensorRTEngine
from pytest_trtperf.backend.tensorrt.isolated import isolated_engine
from pytest_trtperf.engine.identity import EngineIdentity
from pytest_trtperf.engine.spec import EngineSpec
from pytest_trtperf.errors import BackendUnavailable
from pytest_trtperf.plan_cache.cache import PlanCache

LoadPlan = Callable[..., LoadedEngine]

MAX_RATIO, MAX_READ = 1.2, 1.01
EXTERNAL_BYTES = 2 << 30
WIDTH = 2560
BYTES_PER_LAYER = 4 * WIDTH * WIDTH


def write_model(path: Path, layers: int) -> None:
    """Write `y = x @ w0 @ w1 …` with random weights inside the file."""
    from onnx import TensorProto, helper, numpy_helper, save

    random = np.random.default_rng(0)
    scale = np.float32(WIDTH**-0.5)
    weights = [
        numpy_helper.from_array(scale * random.normal(size=(WIDTH, WIDTH)).astype("f4"), f"w{i}")
        for i in range(layers)
    ]
    names = ["x", *(f"t{layer}" for layer in range(1, layers)), "y"]
    nodes = [
        helper.make_node("MatMul", [names[layer], f"w{layer}"], [names[layer + 1]])
        for layer in range(layers)
    ]
    ends = [helper.make_tensor_value_info(end, TensorProto.FLOAT, [1, WIDTH]) for end in "xy"]
    graph = helper.make_graph(nodes, "products", ends[:1], ends[1:], weights)
    opset = [helper.make_opsetid("", 17)]
    save(helper.make_model(graph, ir_version=8, opset_imports=opset), str(path))


def write_external_model(path: Path, size: int) -> int:
    """Write a model whose only tensor is a hole of `size` bytes; the bytes of both files."""
    from onnx import TensorProto, helper, save

    data = path.with_suffix(".data")
    with data.open("wb") as file:
        file.truncate(size)
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[size // 4])
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=data.name)
    tensor.external_data.add(key="length", value=str(size))
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, tensor.dims)
    node = helper.make_node("Identity", ["w"], ["y"])
    save(helper.make_model(helper.make_graph([node], "g", [], [output], [tensor])), str(path))
    return size + path.stat().st_size


def bytes_read() -> int:
    """What this process has read so far, its threads included."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(dict(line.split(": ") for line in lines)["rchar"])


def timed(what: Callable[[], Any]) -> tuple[float, Any]:
    """Milliseconds, and what came out."""
    start = time.perf_counter()
    result = what()
    return 1e3 * (time.perf_counter() - start), result


def key_of(model: Path) -> str:
    """The key of a model, as if for the first time."""
    return EngineSpec(model).describe(harness.BACKEND, "0", "any").key


def judge_key(directory: Path) -> dict[str, Any]:
    """Makes the key of 2 GB, counts what it read and prints it."""
    model = directory / "external.onnx"
    size = write_external_model(model, EXTERNAL_BYTES)
    before = bytes_read()
    first_ms, _ = timed(lambda: key_of(model))
    ratio = (bytes_read() - before) / size
    again_ms, _ = timed(lambda: key_of(model))
    kept = ratio <= MAX_READ
    print(
        f"key of a model with {size / 1e9:.2f} GB of external data: {first_ms:.0f} ms, and "
        f"{again_ms:.0f} once in memory; read {ratio:.4f} times; "
        f"target: at most {MAX_READ:g}: {'kept' if kept else 'missed'}\n"
    )
    return {"bytes": size, "ms": [first_ms, again_ms], "read": ratio, "kept": kept}


class Hit:
    """A model, the cache that has its plan, and both ways to a session."""

    def __init__(self, directory: Path, megabytes: int) -> None:
        self.model = directory / "products.onnx"
        write_model(self.model, max(1, round(megabytes * 1e6 / BYTES_PER_LAYER)))
        self.cache = PlanCache(directory / "cache")
        key = key_of(self.model)
        spec = EngineSpec(self.model)
        built = self.cache.get_or_build(
            key, lambda: build_plan(spec, harness.BACKEND), EngineIdentity()
        )
        self.plan = built.path
        self.runtime_cache: bytes | None = None

    def find(self) -> tuple[bytes | memoryview, bytes | None]:
        """Plan and runtime cache from the cache, the key included."""
        key = key_of(self.model)
        found = self.cache.get_or_build(key, _never, EngineIdentity())
        return found.data, self.cache.load_runtime_cache(key)

    def keep_runtime_cache(self) -> None:
        """Lets RTX compile kernels once, and keeps its runtime cache."""
        engine = TensorRTEngine(harness.BACKEND, self.plan.read_bytes())
        engine.create_session({}, Mode()).close()
        self.runtime_cache = engine.new_runtime_cache()
        engine.close()
        if self.runtime_cache is not None:
            self.cache.store_runtime_cache(key_of(self.model), self.runtime_cache)

    def alone(self, load_plan: LoadPlan) -> float:
        """Milliseconds from the plan's file to a session."""
        return load(load_plan, lambda: (self.plan.read_bytes(), self.runtime_cache))

    def hit(self, load_plan: LoadPlan) -> float:
        """Milliseconds from the ONNX file to a session."""
        return load(load_plan, self.find)


def _never() -> bytes:
    raise AssertionError("built although the plan was there")


def load(
    load_plan: LoadPlan,
    source: Callable[[], tuple[bytes | memoryview, bytes | None]],
) -> float:
    """Milliseconds until a session is ready."""

    def ready() -> tuple[Any, Any]:
        engine = load_plan(harness.BACKEND, *source())
        return engine, engine.create_session({}, Mode())

    ms, (engine, session) = timed(ready)
    session.close()
    engine.close()
    return ms


def judge_hit(hit: Hit, repeats: int) -> dict[str, Any]:
    """Takes both ways in turns, prints the table and says whether the target is kept."""
    print("| session | alone ms | hit ms | ratio | target |\n|---|---|---|---|---|")
    figures: dict[str, Any] = {"kept": True}
    for name, load_plan in (
        ("in this process", TensorRTEngine),
        ("in a process of its own", isolated_engine),
    ):
        pairs = [(hit.alone(load_plan), hit.hit(load_plan)) for _ in range(repeats)]
        alone, found = (statistics.median(times) for times in zip(*pairs, strict=True))
        kept = found <= MAX_RATIO * alone
        figures[name] = pairs
        figures["kept"] &= kept
        print(
            f"| {name} | {alone:.1f} | {found:.1f} | {found / alone:.3f} "
            f"| at most {MAX_RATIO:g}: {'kept' if kept else 'missed'} |",
            flush=True,
        )
    return figures


def main() -> int:
    """Measure, print and judge."""
    parser = argparse.ArgumentParser(description="What a cache hit costs.")
    parser.add_argument("--repeats", type=int, default=9, help="of each way (default: 9)")
    parser.add_argument("--megabytes", type=int, default=100, help="of the plan (default: 100)")
    parser.add_argument("--only", choices=["key"], help="the part without a GPU")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        figures: dict[str, Any] = {"external data": judge_key(Path(place))}
        hit = Hit(Path(place), options.megabytes)
        costs = {
            "key": lambda: key_of(hit.model),
            "key, plan and verification": hit.find,
        }
        for name, what in costs.items():
            figures[name] = [timed(what)[0] for _ in range(options.repeats)]
            print(f"{name}: {statistics.median(figures[name]):.1f} ms")
        model_mb, plan_mb = (path.stat().st_size / 1e6 for path in (hit.model, hit.plan))
        print(f"({model_mb:.0f} MB of ONNX, {plan_mb:.0f} MB of plan)\n")
        if not options.only:
            try:
                print(harness.find_gpu().name, end="\n\n")
            except BackendUnavailable as error:
                print(f"the rest needs a GPU: {error}", file=sys.stderr)
                return 2
            hit.keep_runtime_cache()
            figures["hit"] = judge_hit(hit, options.repeats)
        hit.cache.close()
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")
    judged = [figures[name] for name in ("external data", "hit") if name in figures]
    kept = all(one["kept"] for one in judged)
    print(f"\n{'all targets kept' if kept else 'TARGETS MISSED'}")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
