"""TensorRT builds and sessions, each in a process: what its owner gives to it."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from contextlib import closing
from typing import Any

from pytest_trtperf.backend.process.engine import IsolatedEngine
from pytest_trtperf.backend.process.loader import Loader
from pytest_trtperf.backend.process.spare import SPARE
from pytest_trtperf.backend.progress import ReachedProgress, Report
from pytest_trtperf.backend.tensorrt.bindings import Write
from pytest_trtperf.backend.tensorrt.load_options import LoadOptions
from pytest_trtperf.engine.spec import EngineSpec
from pytest_trtperf.errors import EngineBuildError, EngineCacheWarning, MeasurementError
from pytest_trtperf.plan_cache.timing_cache import TimingCacheFile


def loader_of(backend: str) -> Loader:
    """How a plan is built, and loaded for a session, in a process."""
    return Loader("pytest_trtperf.backend.tensorrt.in_process", backend)


def isolated_plan(
    spec: EngineSpec,
    backend: str,
    timing_cache: TimingCacheFile | None = None,
    report: Report | None = None,
    write: Write | None = None,
    *,
    verbose: bool = False,
) -> bytes:
    """The plan of a spec without `configure`, built in a process that ends then.

    A build leaves a CUDA context in its process, and memory of others on the device moves that of
    sessions: on an NVIDIA H200 mobilenet_v3_small ran 2.7 % faster beside a context that was idle.

    Args:
        spec, backend, timing_cache, report, write, verbose: as for `build_plan`.

    Raises:
        EngineBuildError: as `build_plan`, and where the process ended.
        BackendUnavailable, ShapeError, KeyboardInterrupt: as `build_plan`.
    """

    def tell(news: Mapping[str, Any]) -> None:
        if (warning := news.get("warning")) is not None:
            warnings.warn(warning, EngineCacheWarning, stacklevel=4)
        elif (message := news.get("message")) is not None:
            if write:
                write(message)
        elif report:
            report(ReachedProgress(**news))

    values = {
        "onnx": str(spec.onnx),
        "profiles": [{name: vars(p) for name, p in one.items()} for one in spec.profiles],
        "options": dict(spec.options),
        "build_index": spec.build_index,
        "timing_cache": timing_cache and {**vars(timing_cache), "path": str(timing_cache.path)},
        "reports": report is not None,
        "verbose": verbose,
    }
    loader = loader_of(backend)
    with closing(SPARE.take(loader)) as process:
        SPARE.start(loader)
        try:
            reply = process.listen("build", values, tell)
        except MeasurementError as error:
            raise EngineBuildError(f"{spec.onnx}: {error}") from error
    return bytes(reply["plan"])


def isolated_engine(
    backend: str,
    plan: bytes | memoryview,
    runtime_cache: bytes | None = None,
    load_options: LoadOptions | None = None,
) -> IsolatedEngine:
    """An engine of a plan; each of its sessions has a process that maps the plan.

    Args:
        backend: of the TensorRT family.
        runtime_cache: RTX's, from an earlier session; None where there is none.
        load_options: what else it takes to load it.

    Raises:
        EngineLoadError: the plan does not run on this device or with this version.
    """
    values = {
        "plan": plan,
        "runtime_cache": runtime_cache or b"",
        "load_options": vars(load_options or LoadOptions()),
    }
    return IsolatedEngine(loader_of(backend), values, has_layers=True)
