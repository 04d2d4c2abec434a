"""The process of a session, as far as it goes without a GPU."""

from __future__ import annotations

import os
import signal
from multiprocessing import Pipe
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_trtperf.backend.process.messages import pack_trace, receive, send, unpack_trace
from pytest_trtperf.backend.process.session_process import SessionProcess
from pytest_trtperf.backend.session_pids import session_pids
from pytest_trtperf.backend.tensorrt.isolated import isolated_engine
from pytest_trtperf.backend.trace import Trace
from pytest_trtperf.errors import EngineLoadError, MeasurementError

SHADOWS = ("signal", "types", "json", "queue", "numpy", "random")


def open_descriptors():
    return len(list(Path("/proc/self/fd").iterdir()))


def test_files_of_the_working_directory_take_no_modules_place(tmp_path, monkeypatch):
    pytest.importorskip("tensorrt_rtx")
    for name in SHADOWS:
        (tmp_path / f"{name}.py").write_text("raise SystemExit(7)")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(EngineLoadError, match="cannot deserialise"):
        isolated_engine("tensorrt-rtx", b"no plan")


def test_load_that_fails_leaves_nothing_open():
    pytest.importorskip("tensorrt_rtx")
    before = open_descriptors()
    for _ in range(3):
        with pytest.raises(EngineLoadError):
            isolated_engine("tensorrt-rtx", b"no plan")
    assert open_descriptors() == before


def test_processes_that_were_used_lately_are_distinguished_from_idle_ones():
    pytest.importorskip("tensorrt_rtx")
    before = session_pids()
    with pytest.raises(EngineLoadError):
        isolated_engine("tensorrt-rtx", b"no plan")
    (new,) = session_pids() - before
    assert new in session_pids(within_s=60)
    assert not session_pids(within_s=0)


def test_process_that_is_killed_while_it_is_asked_is_an_error(loader):
    process = SessionProcess(loader)
    # Larger than what the connection holds: the process would have to read it.
    killer = Thread(target=os.kill, args=(process.pid, signal.SIGKILL))
    killer.start()
    with pytest.raises(MeasurementError, match="ended while asked to load: killed by SIGKILL"):
        process.call("load", plan=bytes(2**24))
    killer.join()
    with pytest.raises(MeasurementError, match="has ended"):
        process.call("inspect")


def test_process_fails_an_unknown_operation_and_goes_on(loader, capfd):
    process = SessionProcess(loader)
    try:
        for _ in range(2):
            with pytest.raises(MeasurementError, match="KeyError: 'fly'"):
                process.call("fly")
    finally:
        process.close()
    assert "Traceback" in capfd.readouterr().err


PLAIN = st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text() | st.floats(0, 1)
MESSAGES = st.dictionaries(
    st.text(min_size=1).filter(lambda name: name != "raw"),
    PLAIN | st.binary() | st.lists(PLAIN) | st.dictionaries(st.text(), st.binary()),
    max_size=5,
)


@given(messages=st.lists(MESSAGES, max_size=4))
def test_messages_arrive_as_they_were_sent(messages):
    reader, writer = Pipe()
    with reader:
        with writer:
            for message in messages:
                send(writer, message)
        arrived = [receive(reader) for _ in range(len(messages) + 1)]
    assert arrived == [*messages, None]


@pytest.mark.parametrize("left", [1, 7, 8, 12, 40])
def test_message_that_was_cut_short_is_none(left):
    reader, writer = Pipe()
    with reader:
        with writer:
            send(writer, {"plan": b"0123456789" * 20})
            whole = os.read(reader.fileno(), 1000)
            os.write(writer.fileno(), whole[:-left])
        assert receive(reader) is None


def test_bytes_larger_than_what_the_connection_holds_arrive_whole():
    reader, writer = Pipe()
    plan = bytes(range(256)) * 2**15
    with reader, writer:
        sender = Thread(target=send, args=(writer, {"plan": memoryview(plan), "cache": b""}))
        sender.start()
        assert receive(reader) == {"plan": plan, "cache": b""}
        sender.join()


def test_message_nobody_reads_any_more_is_a_connection_error():
    reader, writer = Pipe()
    reader.close()
    with writer, pytest.raises(ConnectionError):
        send(writer, {"operation": "close"})


def test_traces_arrive_whole():
    times = np.arange(5, dtype=np.int64)
    stages = {"gpu_compute": np.linspace(1, 2, 5, dtype=np.float32)}
    trace = Trace(
        9.5, times, times + 7, 3, times * 2, stages, {"gpu_compute": stages["gpu_compute"] * 3},
        times - 1, saturated=True,
    )  # fmt: skip
    there = unpack_trace(pack_trace(trace))
    assert (there.span_ms, there.in_flight, there.saturated) == (9.5, 3, True)
    for metric in trace.metrics:
        assert there.samples(metric).tolist() == trace.samples(metric).tolist()
    assert there.starts["gpu_compute"].tolist() == trace.starts["gpu_compute"].tolist()
    closed = Trace(1.0, times, times + 1)
    assert unpack_trace(pack_trace(closed)).metrics == ("latency", "response")
