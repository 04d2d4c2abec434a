"""What pytest's runs within a test need first: import this module at the top of a conftest."""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import pkgutil
import sys
import warnings
from pathlib import Path

import pytest

import pytest_trtperf

# Runs in this process forget what they imported, and extension modules load only once.
for _name in ("numpy", "scipy.special", "msgspec", "onnx", "onnxruntime"):
    pytest.importorskip(_name)
for _module in pkgutil.walk_packages(pytest_trtperf.__path__, "pytest_trtperf."):
    importlib.import_module(_module.name)
with contextlib.suppress(ImportError):
    importlib.import_module("xdist.workermanage")


def run_in_process(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    """A run of pytest in this process, as a user would see it."""
    gc.freeze()  # each round collects garbage first, and this process is a large one
    try:
        # This run makes errors of warnings, and those inside are to be like a user's.
        with warnings.catch_warnings():
            warnings.resetwarnings()
            return pytester.runpytest_inprocess(*arguments, "-p", "no:hypothesispytest")
    finally:
        gc.unfreeze()


def make_importable(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For runs in this process, their workers, and runs in other processes."""
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("PYTHONPATH", str(folder), prepend=os.pathsep)
    if "xdist.workermanage" in sys.modules:
        # pytest-xdist gives workers the path that it found when it was imported.
        monkeypatch.setattr("xdist.workermanage._sys_path", list(sys.path))
