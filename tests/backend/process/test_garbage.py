"""What the process of a session does about garbage, before it times anything."""

from __future__ import annotations

import pytest

from pytest_trtperf.backend.process.engine import IsolatedEngine
from pytest_trtperf.backend.process.loader import Loader
from pytest_trtperf.backend.session import Mode

MODULE = """
import gc
import weakref

import numpy as np

from pytest_trtperf.backend.process.loader import ServedEngine
from pytest_trtperf.testing import FakeBackend, FakeEngine, FakeSession

class Cycle:
    def __init__(self):
        self.own = self

class Session(FakeSession):
    def output_values(self):
        return {"looked_at": np.array(len(gc.get_objects())), "left": np.array(LEFT() is not None)}

class Engine(ServedEngine, FakeEngine):
    def create_session(self, shapes, mode, inputs=None):
        global LEFT
        LEFT = weakref.ref(Cycle())
        return Session(FakeBackend(), shapes, mode)

def prepare(backend):
    pass

def leave_device(backend):
    pass

def load(backend, **values):
    return Engine(FakeBackend())
"""


@pytest.fixture
def found(tmp_path, monkeypatch):
    """What a session's process has of garbage, once it is there."""
    (tmp_path / "garbage_loader.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    engine = IsolatedEngine(Loader("garbage_loader", "fake", has_spare=False), {})
    try:
        session = engine.create_session({"x": (1,)}, Mode())
        try:
            return session.output_values()
        finally:
            session.close()
    finally:
        engine.close()


def test_timed_loops_look_through_next_to_nothing(found):
    # All that is imported, some ten thousand objects, would empty the caches before each chunk.
    assert found["looked_at"] < 2000


def test_garbage_of_the_start_is_gone(found):
    assert not found["left"]
