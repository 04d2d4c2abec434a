"""How long pytest takes to collect a table of SLOs of 300 models, and whether it opens one.

    python -m benchmarks.tables.collect [--models 300] [--repeats 5] [--json FILE]

No GPU. The models are small ones of three architectures: a chain of products, a convolution, and
attention. They are collected as 300 entries of one table, and as one entry with a glob; a table of
one model shows what pytest takes anyway. pytest runs in a process of its own, whose start is part
of the time. An audit hook counts the models that the process opens. Exit status 1 when a target is
missed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

MAX_SECONDS = 2.0
WIDTH = 16
# Hypothesis takes longer to end a run that it has no part in than pytest takes for 300 tests.
PLUGINS = ("-p", "no:hypothesispytest")
COUNT_OPENED = """
import sys

opened = []


def pytest_configure(config):
    sys.addaudithook(hear)


def hear(event, arguments):
    if event == "open" and str(arguments[0]).endswith(".onnx"):
        opened.append(arguments[0])


def pytest_unconfigure(config):
    sys.__stdout__.write(f"opened {len(opened)}\\n")
"""


def chain(path: Path, seed: int) -> None:
    """Two products and what is between them."""
    nodes: list[Any] = [
        ("MatMul", ["x", "w"], "h", {}),
        ("Tanh", ["h"], "t", {}),
        ("MatMul", "tw", "y", {}),
    ]
    _save(path, nodes, ["batch", WIDTH], {"w": (WIDTH, WIDTH)}, seed)


def convolution(path: Path, seed: int) -> None:
    """One of three by three."""
    nodes: list[Any] = [("Conv", ["x", "w"], "y", {"pads": [1, 1, 1, 1]})]
    _save(path, nodes, ["batch", 3, 8, 8], {"w": (3, 3, 3, 3)}, seed)


def attention(path: Path, seed: int) -> None:
    """Of each row to all."""
    nodes: list[Any] = [
        ("MatMul", ["x", "w"], "k", {}),
        ("Transpose", ["k"], "kt", {"perm": [0, 2, 1]}),
        ("MatMul", ["x", "kt"], "s", {}),
        ("Softmax", ["s"], "p", {"axis": -1}),
        ("MatMul", ["p", "x"], "y", {}),
    ]
    _save(path, nodes, ["batch", 4, WIDTH], {"w": (WIDTH, WIDTH)}, seed)


ARCHITECTURES: tuple[Callable[[Path, int], None], ...] = (chain, convolution, attention)


def _save(
    path: Path, nodes: list[Any], shape: list[Any], weights: dict[str, Any], seed: int
) -> None:
    import onnx

    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    random = np.random.default_rng(seed)
    values = {name: random.normal(0, 0.2, size).astype("f") for name, size in weights.items()}
    graph = helper.make_graph(
        [helper.make_node(name, list(into), [out], **more) for name, into, out, more in nodes],
        "graph",
        [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_tensor_value_info("y", kind, None)],
        [onnx.numpy_helper.from_array(value, name) for name, value in values.items()],
    )
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)


def write_repository(folder: Path, models: int) -> None:
    """The models, and both tables of them."""
    (folder / "zoo").mkdir()
    entries = []
    for number in range(models):
        make = ARCHITECTURES[number % len(ARCHITECTURES)]
        name = f"{make.__name__}{number:03}"
        make(folder / "zoo" / f"{name}.onnx", number)
        entries.append(
            f'[{name}]\nonnx = "zoo/{name}.onnx"\ndims = {{ batch = [1, 8, 32] }}\n'
            'measure = [{ batch = 8, p99_ms = { "NVIDIA*" = 2.0 } }]\n'
        )
    (folder / "entries.slo.toml").write_text("\n".join(entries))
    (folder / "glob.slo.toml").write_text('[zoo]\nonnx = "zoo/*.onnx"\ndims = { batch = 8 }\n')
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "count_opened.py").write_text(COUNT_OPENED)


def collect(folder: Path, table: str) -> tuple[float, int, int]:
    """Seconds of a run that collects a table, the tests that it found, and models opened."""
    command = [sys.executable, "-m", "pytest", "--trtperf", "--collect-only", "-q", table]
    path = os.pathsep.join([str(folder), *filter(None, sys.path)])
    started = time.perf_counter()
    done = subprocess.run(
        [*command, *PLUGINS, "-p", "count_opened", "-p", "no:cacheprovider"],
        cwd=folder, env={**os.environ, "PYTHONPATH": path}, text=True, capture_output=True,
        check=True,
    )  # fmt: skip
    seconds = time.perf_counter() - started
    opened = [line for line in done.stdout.splitlines() if line.startswith("opened ")]
    return seconds, done.stdout.count("::"), int(opened[-1].split()[1])


def main() -> int:
    """Collects both tables, and prints what it took."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--models", type=int, default=300)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    rows, is_kept = [], True
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        write_repository(folder, arguments.models)
        (folder / "one.slo.toml").write_text('[a]\nonnx = "a.onnx"\n')
        for table, tests in (("one", 1), ("entries", arguments.models), ("glob", arguments.models)):
            runs = [collect(folder, f"{table}.slo.toml") for _ in range(arguments.repeats)]
            seconds = sorted(run[0] for run in runs)
            row = {"table": table, "tests": runs[0][1], "opened": runs[0][2], "seconds": seconds}
            is_kept &= row["tests"] == tests and not row["opened"]
            is_kept &= seconds[len(seconds) // 2] < MAX_SECONDS
            rows.append(row)
            print(
                f"{table}: {row['tests']} tests, {row['opened']} models opened, median "
                f"{seconds[len(seconds) // 2]:.2f} s, from {seconds[0]:.2f} to {seconds[-1]:.2f} s"
            )
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n")
    return 0 if is_kept else 1


if __name__ == "__main__":
    sys.exit(main())
