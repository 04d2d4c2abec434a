"""What pytest's runs within a test need first: import this module at the top of a conftest."""

from __future__ import annotations

import contextlib
import importlib
import pkgutil

import pytest

import pytest_trtperf

# Runs in this process forget what they imported, and extension modules load only once.
for _name in ("numpy", "scipy.special", "msgspec", "onnx", "onnxruntime"):
    pytest.importorskip(_name)
for _module in pkgutil.walk_packages(pytest_trtperf.__path__, "pytest_trtperf."):
    importlib.import_module(_module.name)
with contextlib.suppress(ImportError):
    importlib.import_module("xdist.workermanage")
