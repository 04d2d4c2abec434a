"""The fixed calculation beside the rounds of the CPU."""

from __future__ import annotations

import sys

import pytest

from pytest_trtperf.runtime import yardstick
from pytest_trtperf.runtime.yardstick import READING_S, read_yardstick


def test_it_takes_less_than_a_reading() -> None:
    pytest.importorskip("onnxruntime")
    taken = read_yardstick()
    assert taken is not None
    assert 0 < taken < 1e3 * READING_S


def test_there_is_none_without_onnx(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    yardstick._session.cache_clear()
    assert read_yardstick() is None
