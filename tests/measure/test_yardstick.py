"""The fixed calculation beside the rounds of the CPU."""

from __future__ import annotations

import sys

import pytest

from pytest_trtperf.measure import yardstick
from pytest_trtperf.measure.yardstick import read_yardstick


def test_it_takes_time() -> None:
    pytest.importorskip("onnxruntime")
    taken = read_yardstick()
    assert taken is not None
    assert taken > 0


def test_there_is_none_without_onnx(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    yardstick._session.cache_clear()
    assert read_yardstick() is None
