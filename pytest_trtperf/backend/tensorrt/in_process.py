"""How a process of its own builds or loads a plan; see `BuilderModule`."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from pytest_trtperf.backend.process.loader import Say
from pytest_trtperf.backend.progress import Progress
from pytest_trtperf.backend.tensorrt.bindings import import_tensorrt
from pytest_trtperf.backend.tensorrt.cuda import cudart
from pytest_trtperf.backend.tensorrt.engine import TensorRTEngine
from pytest_trtperf.backend.tensorrt.load_options import LoadOptions
from pytest_trtperf.engine.shapes import Profile
from pytest_trtperf.engine.spec import EngineSpec
from pytest_trtperf.errors import BackendUnavailable, EngineCacheWarning
from pytest_trtperf.plan_cache.timing_cache import TimingCacheFile


def prepare(backend: str) -> None:
    """Imports TensorRT and the CUDA runtime."""
    with suppress(BackendUnavailable):
        import_tensorrt(backend)
        cudart()


def leave_device(_backend: str) -> None:
    """Ends the CUDA context, if there is one."""
    with suppress(BackendUnavailable):
        cudart().cudaDeviceReset()


def build(
    backend: str,
    say: Say,
    *,
    onnx: str,
    profiles: Sequence[Mapping[str, Mapping[str, Sequence[int]]]],
    options: Mapping[str, Any],
    build_index: int,
    timing_cache: Mapping[str, Any] | None,
    reports: bool,
    verbose: bool = False,
) -> bytes:
    """See `build_plan`.

    Args:
        reports: whether to say how far the build is.
        verbose: whether to say TensorRT's messages of VERBOSE, too.
    """
    from pytest_trtperf.backend.tensorrt.build import build_plan

    def report(progress: Progress) -> None:
        say({"phase": progress.phase, "share": progress.share})

    spec = EngineSpec(Path(onnx), _profiles(profiles), options, build_index=build_index)
    timings = None
    if timing_cache is not None:
        timings = TimingCacheFile(**{**timing_cache, "path": Path(timing_cache["path"])})
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always", EngineCacheWarning)
        plan = build_plan(
            spec,
            backend,
            timings,
            report if reports else None,
            lambda text: say({"message": text}),
            verbose=verbose,
        )
    for one in warned:
        if issubclass(one.category, EngineCacheWarning):
            say({"warning": str(one.message)})
    return plan


def _profiles(
    packed: Sequence[Mapping[str, Mapping[str, Sequence[int]]]],
) -> list[dict[str, Profile]]:
    return [
        {name: Profile(**{end: tuple(v) for end, v in ends.items()}) for name, ends in one.items()}
        for one in packed
    ]


def load(
    backend: str,
    *,
    plan: bytes | memoryview,
    runtime_cache: bytes | memoryview,
    load_options: Mapping[str, Any],
) -> TensorRTEngine:
    """See `TensorRTEngine`."""
    return TensorRTEngine(backend, plan, runtime_cache, LoadOptions(**load_options))
