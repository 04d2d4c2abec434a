"""Which kernels the process of a session is given, and what becomes of those that it compiled."""

from __future__ import annotations

import os
import warnings

import pytest

from pytest_trtperf.backend.process.shared_bytes import map_bytes
from pytest_trtperf.backend.process.spare import Spare
from pytest_trtperf.backend.session import Kernels, Mode
from pytest_trtperf.backend.tensorrt.backend import TensorRTBackend
from pytest_trtperf.errors import EngineCacheWarning


class Process:
    """Compiles one more kernel than it is given, up to three; it refuses what is damaged."""

    ready, pid = 0.0, 1

    def call(self, operation, **arguments):
        return getattr(self, operation)(**arguments)

    def load(self, *, runtime_cache, **_):
        self.given = bytes(map_bytes(os.dup(runtime_cache.fileno())))
        return {
            "deserialise_s": 0.1, "inputs": [], "outputs": [], "takes_input_sets": True,
        }  # fmt: skip

    def create_session(self, *, mode, **_):
        refused = self.given == b"damaged"
        given = b"" if refused or mode["kernels"] == "fresh" else self.given
        now = given if len(given) == 3 else given + b"k"
        is_new = now != given and mode["kernels"] == "cached"
        return {
            "shapes": {},
            "mode": {},
            "in_flight": 1,
            "cold_start_ms": 1.0,
            "load_ms": None,
            "first_answer_ms": None,
            "empty_outputs": {},
            "memory": {"engine_bytes": 1, "contexts_bytes": 1, "peak_bytes": 2},
            "kernels": {
                "state": "cached" if now == given else "fresh",
                "digest": now.decode(),
                "stages": [now.decode()],
            },
            "runtime_cache": now if is_new else None,
            "kernels_refused": refused,
        }

    def close(self):
        """Nothing is open."""


@pytest.fixture
def load(monkeypatch):
    """Loads a plan with these kernels; what sessions compile goes into `stored` if there is one."""
    monkeypatch.setattr(Spare, "take", lambda *_: Process())
    monkeypatch.setattr(Spare, "start", lambda *_: None)
    engines = []

    def load(kernels=None, stored=None):
        def keep(kernels):
            if stored is not None:
                stored.append(kernels)
            return stored is not None

        engine = TensorRTBackend("tensorrt-rtx").load_plan(b"plan", {}, None, kernels)
        engine.keep_kernels = keep
        engines.append(engine)
        return engine

    yield load
    for engine in engines:
        engine.close()


def kernels(state, digest, *, kept=True):
    return Kernels(state, digest, (digest,), kept)


def states(engine, mode=Mode(), sessions=4):  # noqa: B008  # frozen
    """The kernels of a session and of those that take its place."""
    session = engine.create_session({}, mode)
    found = [session.kernels]
    while len(found) < sessions:
        session = session.restart()
        found.append(session.kernels)
    return found


def test_sessions_are_given_what_was_stored_before(load):
    stored: list[bytes] = []
    engine = load(b"k", stored)
    assert states(engine) == [
        kernels("fresh", "kk"),
        kernels("fresh", "kkk"),
        kernels("cached", "kkk"),
        kernels("cached", "kkk"),
    ]
    assert stored == [b"kk", b"kkk"]


def test_what_is_not_stored_is_compiled_in_each_session(load):
    assert states(load()) == [kernels("fresh", "k", kept=False)] * 4
    assert states(load(b"k")) == [kernels("fresh", "kk", kept=False)] * 4
    assert states(load(b"kkk")) == [kernels("cached", "kkk")] * 4


def test_without_a_place_nothing_is_stored(load):
    engine = load()
    engine.keep_kernels = None
    assert states(engine) == [kernels("fresh", "k", kept=False)] * 4


def test_fresh_kernels_are_given_to_nobody(load):
    stored: list[bytes] = []
    engine = load(b"kk", stored)
    assert states(engine, Mode(kernels="fresh")) == [kernels("fresh", "k")] * 4
    assert stored == []
    assert states(engine, sessions=1) == [kernels("fresh", "kkk")]


def test_refused_kernels_are_replaced_with_one_warning(load):
    stored: list[bytes] = []
    engine = load(b"damaged", stored)
    with pytest.warns(EngineCacheWarning, match="refuses the kernels") as warned:
        assert states(engine, sessions=2) == [kernels("fresh", "k"), kernels("fresh", "kk")]
    assert len(warned) == 1
    assert stored == [b"k", b"kk"]


def test_refused_kernels_that_cannot_be_replaced_warn_once(load):
    engine = load(b"damaged")
    with pytest.warns(EngineCacheWarning):
        first = states(engine, sessions=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert states(engine) == first * 4
