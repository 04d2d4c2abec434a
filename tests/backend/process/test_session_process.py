"""The end of a session's process: its owner waits for the device, and not for the interpreter."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pytest_trtperf.backend.process import session_process
from pytest_trtperf.backend.process.loader import Loader
from pytest_trtperf.backend.process.session_process import SessionProcess, await_ends

LINGERS = """
import atexit, time
from pathlib import Path

def prepare(backend):
    atexit.register(time.sleep, {seconds})

def leave_device(backend):
    Path(__file__).with_name("left").touch()

def build(backend, say, **values):
    return b"plan"
"""


@pytest.fixture
def lingering(tmp_path, monkeypatch):
    """A process that has left the device, and its interpreter goes on for so many seconds."""
    monkeypatch.syspath_prepend(tmp_path)

    def close(seconds):
        (tmp_path / "lingers.py").write_text(LINGERS.format(seconds=seconds))
        process = SessionProcess(Loader("lingers", ""))
        assert bytes(process.call("build")["plan"]) == b"plan"
        assert not (tmp_path / "left").exists()
        process.close()
        assert (tmp_path / "left").exists()
        return Path(f"/proc/{process.pid}")

    return close


def test_a_closed_process_has_left_the_device_and_its_end_can_be_awaited(lingering):
    process = lingering(0.1)
    await_ends()
    assert not process.exists()


def test_a_process_that_does_not_end_is_killed(lingering, monkeypatch):
    process = lingering(600)
    assert process.exists()
    monkeypatch.setattr(session_process, "_PATIENCE_S", 0.1)
    await_ends()
    assert not process.exists()


def test_processes_that_threads_close_at_once_have_all_ended(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "lingers.py").write_text(LINGERS.format(seconds=0.1))
    processes = [SessionProcess(Loader("lingers", "")) for _ in range(4)]
    for process in processes:
        process.call("build")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda process: process.close(), processes))
        list(pool.map(lambda _: await_ends(), processes))
    assert not [one.pid for one in processes if Path(f"/proc/{one.pid}").exists()]
