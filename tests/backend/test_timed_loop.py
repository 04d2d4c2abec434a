from __future__ import annotations

import gc
import sys
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from pytest_trtperf.backend.timed_loop import timed_loop
from pytest_trtperf.errors import BackendUnavailable


@pytest.fixture
def events():
    """What happened, in order."""
    return []


@pytest.fixture
def noted(events):
    """Makes context managers that note when they begin and end."""

    @contextmanager
    def note(what):
        events.append(f"{what} begins")
        yield
        events.append(f"{what} ends")

    return note


def test_a_profiler_captures_the_whole_range(events, noted, monkeypatch):
    nvtx = SimpleNamespace(annotate=lambda label, domain: noted(f"{domain} {label}"))
    monkeypatch.setitem(sys.modules, "nvtx", nvtx)
    with timed_loop("round 1", lambda: noted("capture")):
        events.append("queries")
    assert events == [
        "capture begins", "trtperf round 1 begins", "queries",
        "trtperf round 1 ends", "capture ends",
    ]  # fmt: skip


def test_without_a_label_nothing_is_captured_and_no_garbage_collected(events, noted):
    with timed_loop(None, lambda: noted("capture")):
        assert not gc.isenabled()
    assert gc.isenabled()
    assert events == []


def test_a_missing_package_is_an_error_before_anything_is_captured(events, noted, monkeypatch):
    monkeypatch.setitem(sys.modules, "nvtx", None)
    with (
        pytest.raises(BackendUnavailable, match=r"install pytest-trtperf\[nvtx\]"),
        timed_loop("round 1", lambda: noted("capture")),
    ):
        events.append("queries")
    assert events == []
