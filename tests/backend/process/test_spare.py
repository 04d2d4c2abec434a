"""The next session's process, which starts while another one is at work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_trtperf.backend.process import first_steps
from pytest_trtperf.backend.process.spare import LEAST_CORES, Spare
from pytest_trtperf.errors import MeasurementError


@pytest.fixture
def many_cores(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(LEAST_CORES)))


@pytest.fixture
def spare(many_cores):
    spare = Spare()
    spare.enter()
    yield spare
    spare.leave()


def pid_of_the_next(spare):
    """The process that waits, once it has imported everything."""
    process = spare._process
    assert process._connection.poll(60)
    return process.pid


def is_running(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_session_takes_the_process_that_waits_and_the_next_is_another(spare, loader):
    spare.start(loader)
    waiting = pid_of_the_next(spare)
    first, second = spare.take(loader), spare.take(loader)
    try:
        assert first.pid == waiting != second.pid
        for process in (first, second):
            with pytest.raises(MeasurementError, match="KeyError: 'fly'"):
                process.call("fly")
    finally:
        first.close()
        second.close()


def test_no_more_than_one_waits(spare, loader):
    spare.start(loader)
    waiting = pid_of_the_next(spare)
    spare.start(loader)
    assert pid_of_the_next(spare) == waiting


def test_process_that_died_while_it_waited_is_replaced(spare, loader):
    spare.start(loader)
    waiting = pid_of_the_next(spare)
    os.kill(waiting, signal.SIGKILL)
    os.waitid(os.P_PID, waiting, os.WEXITED | os.WNOWAIT)
    process = spare.take(loader)
    try:
        assert process.pid != waiting
        with pytest.raises(MeasurementError, match="KeyError: 'fly'"):
            process.call("fly")
    finally:
        process.close()


def test_session_that_measures_does_not_notice_the_death_of_the_one_that_waits(spare, loader):
    at_work = spare.take(loader)
    try:
        spare.start(loader)
        os.kill(pid_of_the_next(spare), signal.SIGKILL)
        with pytest.raises(MeasurementError, match="KeyError: 'fly'"):
            at_work.call("fly")
    finally:
        at_work.close()


def test_one_that_is_not_ready_in_time_is_given_up(spare, loader):
    spare.start(loader)
    stopped = spare._process.pid
    os.kill(stopped, signal.SIGSTOP)
    process = spare.take(loader)
    assert process.pid != stopped
    assert not is_running(stopped)
    process.close()


def test_none_waits_where_cores_are_few(spare, monkeypatch, loader):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(LEAST_CORES - 1)))
    spare.start(loader)
    assert spare._process is None


def test_none_waits_where_sessions_use_all_cores(spare, loader):
    spare.start(replace(loader, has_spare=False))
    assert spare._process is None


def test_session_that_uses_all_cores_ends_the_one_that_waits(spare, loader):
    spare.start(loader)
    waiting = pid_of_the_next(spare)
    process = spare.take(replace(loader, has_spare=False))
    assert process.pid != waiting
    assert not is_running(waiting)
    process.close()


@pytest.mark.parametrize("change", ["variable", "directory", "path", "backend"])
def test_what_a_process_took_over_must_still_hold(spare, change, monkeypatch, tmp_path, loader):
    spare.start(loader)
    waiting = pid_of_the_next(spare)
    monkeypatch.setenv("PYTEST_CURRENT_TEST", "another one")
    if change == "variable":
        monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", "0")
    elif change == "directory":
        monkeypatch.chdir(tmp_path)
    elif change == "path":
        monkeypatch.syspath_prepend(tmp_path)
    process = spare.take(replace(loader, backend="other") if change == "backend" else loader)
    assert process.pid != waiting
    assert not is_running(waiting)
    process.close()


def test_a_test_that_ends_leaves_the_process_to_the_next(spare, monkeypatch, loader):
    monkeypatch.setenv("PYTEST_CURRENT_TEST", "one")
    spare.start(loader)
    waiting = pid_of_the_next(spare)
    monkeypatch.setenv("PYTEST_CURRENT_TEST", "another one")
    process = spare.take(loader)
    assert process.pid == waiting
    process.close()


def test_last_user_ends_it(many_cores, loader):
    spare = Spare()
    for _ in range(2):
        spare.enter()
    spare.start(loader)
    waiting = pid_of_the_next(spare)
    spare.leave()
    assert is_running(waiting)
    spare.leave()
    assert not is_running(waiting)
    spare.start(loader)
    assert spare._process is None


def test_a_fork_leaves_the_process_of_its_parent_alone(spare, loader):
    spare.start(loader)
    waiting = pid_of_the_next(spare)
    child = os.fork()
    if not child:
        try:
            spare.enter()
            spare.leave()
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert is_running(waiting)


OWNER = """
import os, sys
os.sched_getaffinity = lambda pid: set(range(8))
from pytest_trtperf.backend.process.loader import Loader
from pytest_trtperf.backend.process.spare import SPARE
SPARE.enter()
SPARE.start(Loader("pytest_trtperf.backend.onnxruntime.in_session", "onnxruntime"))
print(SPARE._process.pid, flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, None], ids=str)
def test_it_ends_with_its_owner(end):
    command = [sys.executable, "-c", OWNER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as owner:
        assert owner.stdout
        waiting = int(owner.stdout.readline())
        if end:
            owner.send_signal(end)
    limit = time.monotonic() + 60
    while is_running(waiting) and time.monotonic() < limit:
        time.sleep(0.01)
    assert not is_running(waiting)


def test_only_the_thread_that_imports_has_the_lowest_priority(loader):
    before, priorities = os.getpriority(os.PRIO_PROCESS, 0), []

    def imports():
        first_steps._import(loader.module, loader.backend, is_spare=True)
        priorities.append(os.getpriority(os.PRIO_PROCESS, 0))

    thread = threading.Thread(target=imports)
    thread.start()
    thread.join()
    assert priorities == [first_steps.LOWEST_PRIORITY]
    assert os.getpriority(os.PRIO_PROCESS, 0) == before


def test_process_that_waited_measures_at_the_priority_of_its_owner(spare, loader):
    spare.start(loader)
    waiting = pid_of_the_next(spare)
    assert os.getpriority(os.PRIO_PROCESS, waiting) == os.getpriority(os.PRIO_PROCESS, 0)


EARLY = """
import os, sys
os.sched_getaffinity = lambda pid: set(range(8))
from pytest_trtperf.backend.process.spare import SPARE
from pytest_trtperf.backend.registry import builtin_backends
backend, = (one for one in builtin_backends() if one.name == "tensorrt-rtx")
backend.prepare()
waiting = SPARE._process.pid
SPARE.enter()
SPARE.leave()
assert SPARE._process.pid == waiting, "an engine that ended took it along"
print(waiting)
"""


def test_first_one_is_started_before_any_engine_and_ends_with_this_process_at_the_latest():
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", EARLY], capture_output=True, check=True
    )
    assert not done.stderr
    assert not is_running(int(done.stdout))
