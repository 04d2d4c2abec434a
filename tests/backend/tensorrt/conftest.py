"""Another release of TensorRT, made of the one that is installed."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest


@pytest.fixture
def without(monkeypatch):
    """Backend ``tensorrt`` made of the real bindings, less what another release has not."""

    trt = pytest.importorskip("tensorrt_rtx")

    def install(**replaced):
        stand_in = ModuleType("tensorrt")
        stand_in.__dict__.update({k: v for k, v in vars(trt).items() if k != "__name__"})
        for name, value in replaced.items():
            if value is None:
                delattr(stand_in, name)
            else:
                setattr(stand_in, name, value)
        monkeypatch.setitem(sys.modules, "tensorrt", stand_in)
        return "tensorrt"

    return install
