"""A run without a pytest run: plain objects, on a machine with two GPUs of one kind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("msgspec")

from pytest_trtperf.backend.probe import Gpu, Probe
from pytest_trtperf.options.declared import Settings
from pytest_trtperf.run.run import Run
from pytest_trtperf.run.target import Target

MakeRun = Callable[..., Run]


@pytest.fixture
def probe() -> Probe:
    gpus = tuple(Gpu(number, "NVIDIA H200", f"GPU-{number}", "9.0") for number in range(2))
    return Probe("tensorrt", "10.13", gpus, {"driver": "580.1"})


@pytest.fixture
def begin(tmp_path: Path, probe: Probe) -> MakeRun:
    """Begins a run in `tmp_path`, with options."""
    (tmp_path / "perf-baselines").mkdir()

    def begin(home: Path | None = None, **options: Any) -> Run:
        return Run(Settings(enabled=True, **options), Target(probe), tmp_path, home=home)

    return begin


@pytest.fixture
def measured(make_measurement: Callable[..., Any], tmp_path: Path) -> Callable[..., Any]:
    """Makes what a report carries: the record of a measurement as plain data."""

    def make(key: str = "test_x.py::test_a", **changes: Any) -> Any:
        directory = str(tmp_path / "perf-baselines")
        return make_measurement(key, baseline_dir=directory, **changes).to_builtins()

    return make
