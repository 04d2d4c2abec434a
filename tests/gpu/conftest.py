"""Everything here runs on a real GPU, and says why where it cannot."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_trtperf.backend.probe import Probe
from pytest_trtperf.backend.registry import builtin_backends, usable_backend
from pytest_trtperf.backend.tensorrt.build import build_plan
from pytest_trtperf.backend.tensorrt.engine import TensorRTEngine
from pytest_trtperf.engine.shapes import parse_profiles
from pytest_trtperf.engine.spec import EngineSpec
from pytest_trtperf.errors import BackendUnavailable
from tests.places import OF_ALL

PROFILE = {"x": ("1x64", "8x64", "32x64")}


@pytest.fixture(autouse=True)
def _waits_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lock of a real GPU is the one that runs of others take, too."""
    monkeypatch.setenv("TMPDIR", OF_ALL)
    monkeypatch.setattr(tempfile, "tempdir", OF_ALL)


@pytest.fixture(scope="session")
def probe() -> Probe:
    try:
        return usable_backend(["auto"], builtin_backends()).probe
    except BackendUnavailable as error:
        pytest.skip("; ".join(["needs a GPU", *str(error).splitlines()[1:-1]]))


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory, write_model: Callable[..., Path]) -> Path:
    return write_model(tmp_path_factory.mktemp("model") / "chain.onnx", layers=8, width=64)


@pytest.fixture(scope="session")
def plan(probe: Probe, model: Path) -> bytes:
    return build_plan(EngineSpec(model, parse_profiles(PROFILE)), probe.backend)


@pytest.fixture(scope="session")
def engine(probe: Probe, plan: bytes) -> TensorRTEngine:
    return TensorRTEngine(probe.backend, plan)
