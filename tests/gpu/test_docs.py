"""The tutorial and the example's walk work on a GPU as they are written."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from pytest_trtperf.backend.probe import Probe
from tests.docs.pages import DOCS, blocks_of
from tests.docs.walk import Walk, walk_from

CPU_BACKEND, CPU_FOLDER, CPU_METRIC = "onnxruntime", "cpu-amd-epyc-x2", "latency median"
"""What the tutorial shows, which was run on a CPU."""
ANY = "…"
"""For a walk any text; a folder of baselines has the name of the GPU."""


@pytest.fixture
def walk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, probe: Probe) -> Walk:
    """Begins in an empty folder, with a GPU and the installed program."""
    if shutil.which("trtperf") is None and not (Path(sys.executable).parent / "trtperf").exists():
        pytest.skip("pytest-trtperf is not installed")
    begun = walk_from(tmp_path, monkeypatch)
    begun.words = {
        CPU_BACKEND: probe.backend,
        CPU_FOLDER: ANY,
        CPU_METRIC: "gpu_compute median",
    }
    return begun


def test_the_tutorial(walk: Walk) -> None:
    assert walk.follow(blocks_of(DOCS / "tutorial.md")) >= 10


def test_the_example(walk: Walk) -> None:
    assert walk.follow_example() == 4
