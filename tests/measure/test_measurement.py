"""Rounds of a real ONNX Runtime session."""

from __future__ import annotations

import contextlib
import gc
from itertools import pairwise

import pytest

from pytest_trtperf.backend.onnxruntime.engine import OnnxRuntimeEngine
from pytest_trtperf.backend.session import Mode
from pytest_trtperf.measure import steady as steady_module
from pytest_trtperf.measure.device_lock import device_lock
from pytest_trtperf.measure.device_state import DeviceState, read_device_state
from pytest_trtperf.measure.load import Load
from pytest_trtperf.measure.measurement import Effort, Measurement

pytest.importorskip("onnxruntime")

SHORT = Effort(warm_up_ms=5, max_warm_up=0.2, round_ms=5, round_queries=20, max_time=60)


@pytest.fixture
def session(tmp_path, write_model):
    engine = OnnxRuntimeEngine(write_model(tmp_path / "model.onnx"))
    return engine.create_session({"x": (16, 256)}, Mode())


def measure(session, effort=SHORT, lock=None, load=None):
    lock = lock or contextlib.nullcontext()
    return Measurement(session, effort, load or Load(), lock, None)


def spy(session, look):
    """What `look` saw at each query of a session."""
    seen, (run,) = [], session.queries

    def run_and_look():
        seen.append(look())
        run()

    session.queries = [run_and_look]
    return seen


def test_rounds_are_as_many_and_have_as_many_queries_as_asked_for(session):
    measurement = measure(session)
    assert measurement.extend(3)
    assert len(measurement.rounds) == 3
    assert all(round.trace.queries >= 20 for round in measurement.rounds)
    assert measurement.warm_up is not None
    assert measurement.warm_up.queries > 0


def test_more_rounds_keep_those_there_are_and_the_warm_up(session):
    measurement = measure(session)
    measurement.extend(2)
    before, warm_up = measurement.rounds, measurement.warm_up
    assert measurement.extend(4)
    assert measurement.rounds[:2] == before
    assert len(measurement.rounds) == 4
    assert measurement.warm_up is warm_up
    measurement.extend(1)
    assert len(measurement.rounds) == 4


def test_rounds_follow_each_other_on_the_hosts_clock(session):
    measurement = measure(session)
    measurement.extend(3)
    assert all(round.started < round.ended for round in measurement.rounds)
    assert all(a.ended <= b.started for a, b in pairwise(measurement.rounds))
    assert measurement.seconds == sum(r.ended - r.started for r in measurement.rounds)


def test_time_limit_stops_early_but_not_before_two_rounds(session):
    effort = Effort(warm_up_ms=1, max_warm_up=0.05, round_ms=20, round_queries=2, max_time=0.001)
    measurement = measure(session, effort)
    assert not measurement.extend(20)
    assert len(measurement.rounds) == 2


def test_warm_up_that_never_settles_ends(session):
    measurement = measure(session, Effort(warm_up_ms=1e6, max_warm_up=0.05, round_ms=1))
    measurement.extend(1)
    assert measurement.warm_up is not None
    assert not measurement.warm_up.steady
    assert len(measurement.rounds) == 1


def test_no_garbage_is_collected_while_queries_are_timed(session):
    enabled = spy(session, gc.isenabled)
    measure(session).extend(2)
    assert enabled
    assert not any(enabled)
    assert gc.isenabled()


def test_garbage_collection_that_was_off_stays_off(session):
    gc.disable()
    try:
        measure(session).extend(1)
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_lock_is_held_while_queries_run_and_never_between(tmp_path, session):
    lock = device_lock(tmp_path / "locks", "host")
    held = spy(session, lambda: lock.is_locked)
    measurement = measure(session, lock=lock)
    for rounds in (1, 2):
        measurement.extend(rounds)
        assert not lock.is_locked
    assert held
    assert all(held)


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_interrupted_round_frees_the_lock_and_leaves_whole_rounds(tmp_path, session, error):
    lock = device_lock(tmp_path / "locks", "host")
    measurement = measure(session, lock=lock)
    measurement.extend(2)

    def interrupt():
        raise error

    session.queries = [interrupt]
    with pytest.raises(error):
        measurement.extend(5)
    assert not lock.is_locked
    assert len(measurement.rounds) == 2
    assert gc.isenabled()


def test_device_state_of_the_cpu_is_unknown(session):
    assert read_device_state(None) == DeviceState()
    assert set(vars(DeviceState()).values()) == {None}
    measurement = measure(session)
    measurement.extend(1)
    (round,) = measurement.rounds
    assert round.before == round.after == DeviceState()
    assert round.sm_clock_mhz is None


def test_device_state_of_a_gpu_that_is_not_there_is_unknown():
    assert read_device_state("GPU-00000000-0000-0000-0000-000000000000") == DeviceState()


@pytest.mark.parametrize(
    "settled",
    [(True, True), (False, True), (True, False), (False, True, True)],
    ids=["all", "not the first", "not the second", "not the first of three"],
)
def test_one_session_that_never_settles_makes_the_whole_measurement_unsteady(
    tmp_path, write_model, monkeypatch, settled
):
    engine = OnnxRuntimeEngine(write_model(tmp_path / "model.onnx"))
    # the first window is asked already, so that time decides nothing
    effort = Effort(warm_up_ms=0, max_warm_up=0.02, round_ms=1, round_queries=2)
    measurement = measure(engine.create_session({"x": (16, 256)}, Mode()), effort)
    for number, steady in enumerate(settled, 1):
        monkeypatch.setattr(steady_module.Windows, "are_steady", steady)
        if number > 1:
            measurement.session.close()
            measurement.renew(engine.create_session({"x": (16, 256)}, Mode()))
        measurement.extend(number)
    assert measurement.warm_up is not None
    assert measurement.warm_up.steady == all(settled)
    assert len(measurement.rounds) == len(settled)
