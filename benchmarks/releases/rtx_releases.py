"""Which releases of TensorRT for RTX build, load and run an engine on the GPU at hand.

Takes each release from wheels in a directory, where `pip wheel --no-deps` of `PACKAGES` put them,
and tries the documented ways to build for a GPU: the default, the capability of the GPU at hand,
and all that the release names. Nothing goes round a check of the runtime. Appends a JSON line each.

    python -m benchmarks.releases.rtx_releases WHEELS RESULTS [--release 1.7.1.116 …]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from pytest_trtperf.backend.registry import builtin_backends, find_backend
from pytest_trtperf.backend.session import Mode
from pytest_trtperf.backend.tensorrt.bindings import import_tensorrt
from pytest_trtperf.backend.tensorrt.isolated import isolated_engine, isolated_plan
from pytest_trtperf.backend.trace import Extent
from pytest_trtperf.engine.spec import EngineSpec
from pytest_trtperf.errors import TrtPerfError

BACKEND = "tensorrt-rtx"
PACKAGES = ("tensorrt_rtx_cu13", "tensorrt_rtx_cu13_bindings", "tensorrt_rtx_cu13_libs")
RELEASES = ("1.4.0.76", "1.5.0.114", "1.6.1.120", "1.7.1.116")
_LIMIT_S = 120


def main() -> int:
    """0; what a release does is a result, not an error."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    option = parser.add_argument
    option("wheels", type=Path)
    option("results", type=Path, help="JSON lines, which grow")
    option("--release", action="append", help="default: all of them")
    option("--here", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.here:
        for row in tried():
            print(json.dumps(row), flush=True)
        return 0
    for release in arguments.release or RELEASES:
        with tempfile.TemporaryDirectory() as target:
            rows = of_release(release, arguments.wheels, Path(target))
        with arguments.results.open("a", encoding="utf-8") as file:
            file.writelines(f"{json.dumps({'release': release, **row})}\n" for row in rows)
        for one in rows:
            print(release, one["way"], one["outcome"], one["said"], flush=True)
    return 0


def of_release(release: str, wheels: Path, target: Path) -> Sequence[Mapping[str, Any]]:
    """What becomes of each way with a release, which this installs for its own process alone."""
    install = [sys.executable, "-m", "pip", "install", "-qq", "--no-index", "--no-deps"]
    where = ["--find-links", str(wheels), "--target", str(target)]
    names = [f"{package}=={release}" for package in PACKAGES]
    subprocess.run([*install, *where, *names], check=True)
    path = os.pathsep.join([str(target), os.getcwd(), os.environ.get("PYTHONPATH", "")])  # noqa: PTH109
    command = [sys.executable, "-m", "benchmarks.releases.rtx_releases", ".", ".", "--here"]
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True,
        check=False, timeout=_LIMIT_S * 4,
    )  # fmt: skip
    rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode:
        rows.append({"way": "", "outcome": "crashed", "said": done.stderr[-1000:]})
    return rows


def tried() -> Iterator[dict[str, Any]]:
    """Builds, loads and runs an engine with the release that can be imported, in each way."""
    trt = import_tensorrt(BACKEND)
    named = [name for name in trt.ComputeCapability.__members__ if name.startswith("SM")]
    ways: dict[str, Any] = {"default": {}, "the GPU at hand": ["CURRENT"], "all named": named}
    probe = find_backend(BACKEND, builtin_backends()).probe_to_build()
    about = {
        "version": trt.__version__, "gpu": probe.gpus[0].name if probe.gpus else None,
        "capability": probe.gpus[0].compute_capability if probe.gpus else None,
        "named": named, "driver": probe.software.get("driver"),
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        onnx.save(_model(), path)
        for way, capabilities in ways.items():
            options = {"compute_capabilities": capabilities} if capabilities else {}
            yield {**about, "way": way, **_outcome(EngineSpec(path, options=options))}


def _outcome(spec: EngineSpec) -> dict[str, str]:
    step = "build"
    try:
        plan = isolated_plan(spec, BACKEND)
        step = "load"
        with closing(isolated_engine(BACKEND, plan)) as engine:
            step = "run"
            with closing(engine.create_session({}, Mode())) as session:
                session.run_closed(Extent(0, 10, 10))
    except TrtPerfError as error:
        return {"outcome": f"refused at {step}", "said": str(error)}
    return {"outcome": "runs", "said": ""}


def _model() -> onnx.ModelProto:
    draw = np.random.default_rng(0).standard_normal((8, 3, 3, 3)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "w"], ["y"], "conv")], "network",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 3, 32, 32))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(draw, "w")],
    )  # fmt: skip
    return helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])


if __name__ == "__main__":
    sys.exit(main())
