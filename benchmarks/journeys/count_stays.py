"""Counts the files that a model passes through, from its ONNX path to its plan on disk.

    python -m benchmarks.journeys.count_stays [--target 30 12]

The journey begins with `trt_engine("/…/model.onnx")`, with an empty cache and the backend TensorRT
for RTX, which builds without a GPU. It ends when the plan has its name in the cache. A profile
function (`sys.setprofile`) sees each call on the main thread in between.

- A function of the package **has the model in hand** if one of its arguments (``self`` included)
  or what it returns is the path, the `EngineSpec`, the `EngineIdentity`, the key, the bytes of the
  plan, or a path in the cache. Each function counts once, at its first call. Bodies of modules,
  lambdas and comprehensions do not count: they stand in a function that does.
- A **stay** is a stretch of such functions, in the order of their first calls, in one file.
- A **return** is a stay in a file that the model had left before; the others are its **files**.

Exits 1 if there are more stays or files than the target has. At commit 4d54144, which moved the
modules into their rooms, there were 43 stays in 12 files with 31 returns; now there are 31 in 15
with 16. Files that are new since hold all atomic writers, the identity, the seam and the engines
of a run.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from types import CodeType, FrameType

import pytest_trtperf
from pytest_trtperf.backend.probe import Gpu, Probe
from pytest_trtperf.engine.identity import EngineIdentity
from pytest_trtperf.engine.spec import EngineSpec
from pytest_trtperf.fixtures.engine_store import EngineStore
from pytest_trtperf.fixtures.trt_engine import TrtEngine
from pytest_trtperf.options.declared import Settings
from pytest_trtperf.plan_cache.files import KEY
from pytest_trtperf.plan_cache.identity import Origin
from pytest_trtperf.run.run import Run
from pytest_trtperf.run.target import Target

BACKEND = "tensorrt-rtx"
PACKAGE = Path(pytest_trtperf.__file__).parent
LEAST_PLAN_BYTES = 500
TARGET = (30, 12)
"""Stays and files, at most."""


class PlanIsOnDiskError(Exception):
    """Ends the journey from within the profile function."""


class Journey:
    """What the profile function saw.

    Attributes:
        functions: those that had the model in hand, in the order of their first call.
    """

    def __init__(self, model: Path, cache: Path) -> None:
        self._model, self._cache = model, cache
        self.functions: dict[CodeType, None] = {}

    def profile(self, frame: FrameType, event: str, value: object) -> None:
        """Takes the events of `sys.setprofile`."""
        if event == "c_return" and value is os.replace and any(self._cache.glob("*.plan")):
            raise PlanIsOnDiskError
        code = frame.f_code
        if event not in ("call", "return") or not _is_of_package(code):
            return
        values = _arguments(frame) if event == "call" else [value]
        if code not in self.functions and any(map(self._is_model, values)):
            self.functions[code] = None

    def _is_model(self, value: object) -> bool:
        if isinstance(value, (tuple, list)):
            return any(map(self._is_model, value))
        if isinstance(value, str):
            return value == str(self._model) or KEY.fullmatch(value) is not None
        if isinstance(value, Path):
            return value in (self._model, self._cache) or self._cache in value.parents
        if isinstance(value, bytes):
            return len(value) > LEAST_PLAN_BYTES
        return isinstance(value, (EngineSpec, EngineIdentity, Origin))

    @property
    def stays(self) -> list[tuple[str, list[str]]]:
        """File and functions of each stay."""
        return [
            (file, [code.co_name for code in codes])
            for file, codes in groupby(self.functions, key=_file)
        ]


def _is_of_package(code: CodeType) -> bool:
    return code.co_filename.startswith(f"{PACKAGE}{os.sep}") and not code.co_name.startswith("<")


def _file(code: CodeType) -> str:
    return Path(code.co_filename).relative_to(PACKAGE).as_posix()


def _arguments(frame: FrameType) -> Iterator[object]:
    code = frame.f_code
    variadic = bool(code.co_flags & 0x04) + bool(code.co_flags & 0x08)  # *args, **kwargs
    count = code.co_argcount + code.co_kwonlyargcount + variadic
    return (frame.f_locals.get(name) for name in code.co_varnames[:count])


def write_model(path: Path) -> None:
    """Writes a model of one node."""
    from onnx import TensorProto, helper, save

    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", ends[:1], ends[1:])
    opset = [helper.make_opsetid("", 17)]
    save(helper.make_model(graph, ir_version=8, opset_imports=opset), str(path))


def travel(directory: Path) -> Journey:
    """Builds a model for the first time, and watches."""
    model, cache = directory / "model.onnx", directory / "cache"
    write_model(model)
    settings = Settings(cache_dir=cache, lock_dir=directory / "locks")
    gpu = Gpu(0, "NVIDIA L4", "GPU-0", "8.9")
    target = Target(Probe(BACKEND, version("tensorrt-rtx-cu13-bindings"), (gpu,)))
    store = EngineStore(Run(settings, target, directory))
    trt_engine = TrtEngine(store)
    journey = Journey(model, cache)
    sys.setprofile(journey.profile)
    try:
        trt_engine(model)
    except PlanIsOnDiskError:
        return journey
    finally:
        sys.setprofile(None)
        store.close()
    raise SystemExit("no plan came to the cache")


def main() -> int:
    """Prints the journey; 1 if it is longer than the target."""
    parser = argparse.ArgumentParser(description="Counts the stays of an ONNX path.")
    parser.add_argument(
        "--target", nargs=2, type=int, default=TARGET, metavar=("STAYS", "FILES"),
        help="how many there may be (default: %(default)s)",
    )  # fmt: skip
    most_stays, most_files = parser.parse_args().target
    with tempfile.TemporaryDirectory() as directory:
        journey = travel(Path(directory))
    for file, functions in journey.stays:
        print(f"{file}: {', '.join(functions)}")
    stays, files = len(journey.stays), len({file for file, _ in journey.stays})
    print(
        f"{stays} stays in {files} files with {stays - files} returns, of {len(journey.functions)} "
        f"functions; target: at most {most_stays} in {most_files}"
    )
    return int(stays > most_stays or files > most_files)


if __name__ == "__main__":
    raise SystemExit(main())
