"""TensorRT engines whose sessions each have a process: what the owner gives to it."""

from __future__ import annotations

from pytest_trtperf.backend.process.engine import IsolatedEngine
from pytest_trtperf.backend.process.loader import Loader
from pytest_trtperf.backend.tensorrt.load_options import LoadOptions


def loader_of(backend: str) -> Loader:
    """How a plan is loaded in the process of a session."""
    return Loader("pytest_trtperf.backend.tensorrt.in_session", backend)


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
