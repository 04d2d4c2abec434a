"""Whether other processes took the processors, by the kernel's counters."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_trtperf.measure.host_state import HostState, contention, load_before, read_host_state

NS = 10**9
SECONDS = st.floats(0, 10)
START = HostState(0, 0, 0, 0)


def after(ran=0.0, waited=0.0, busy=0.0, stolen=0.0) -> HostState:
    """A look at seconds since START."""
    return HostState(*(int(NS * seconds) for seconds in (ran, waited, busy, stolen)))


@pytest.mark.parametrize(
    ("look", "share"),
    [
        (after(ran=1, busy=1), 0),
        (after(ran=1, waited=1, busy=2), 0.5),
        (after(ran=1, waited=1, busy=1), 0),
        (after(ran=1, waited=0, busy=9), 0),
        (after(ran=3, stolen=1, busy=3), 0.25),
        (after(ran=1, stolen=2, busy=8), 0.2),
        (after(), 0),
    ],
    ids=[
        *("alone", "shared", "own threads wait", "idle cores for others", "stolen"),
        *("stolen from others, too", "nothing ran"),
    ],
)
def test_share_that_others_took(look: HostState, share: float) -> None:
    assert contention(START, look) == pytest.approx(share)


@given(st.tuples(SECONDS, SECONDS, SECONDS, SECONDS))
def test_share_is_a_share(seconds: tuple[float, float, float, float]) -> None:
    share = contention(START, after(*seconds))
    assert share is not None
    assert 0 <= share <= 1


def test_share_of_counters_that_went_back_is_none_at_all() -> None:
    # Threads that end take what they waited with them.
    assert contention(after(ran=5, waited=5, busy=5), START) == 0


def test_nothing_is_known_without_both_looks() -> None:
    assert contention(None, START) is contention(START, None) is None


SPINNING = "import sys, time\nprint(flush=True)\nwhile time.process_time() < 60: pass"


@pytest.mark.parametrize(
    ("load", "words"),
    [(0.9, None), (1.0, "load 1.0 on 2 processors"), (5.13, "load 5.1 on 2 processors")],
)
def test_a_busy_machine_is_named_before_a_run(
    monkeypatch: pytest.MonkeyPatch, load: float, words: str | None
) -> None:
    monkeypatch.setattr(os, "getloadavg", lambda: (load, 9.0, 9.0))
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    assert load_before() == words


def test_a_load_that_the_system_does_not_say_is_no_busy_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def unknown() -> tuple[float, float, float]:
        raise OSError

    monkeypatch.setattr(os, "getloadavg", unknown)
    assert load_before() is None


def test_counters_of_another_process_are_its_own() -> None:
    before = read_host_state()
    command = [sys.executable, "-c", SPINNING]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as spinning:
        assert spinning.stdout
        spinning.stdout.readline()
        first = read_host_state(spinning.pid)
        if before is None or first is None:
            spinning.kill()
            pytest.skip("this kernel does not report it")
        now: HostState | None = first
        while now is not None and now.ran < first.ran + NS // 10:
            now = read_host_state(spinning.pid)
        spinning.kill()
    assert now is not None
    here = read_host_state()
    assert here is not None
    assert here.ran > before.ran
    assert first.busy <= now.busy


def test_nothing_is_known_of_a_process_that_has_ended() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert read_host_state(ended.pid) is None


def test_counters_of_this_host_rise_while_threads_run() -> None:
    before = read_host_state()
    if before is None:
        pytest.skip("this kernel does not report it")
    # What it waited goes with it, so it has to be there at the second look.
    looked = threading.Event()
    waiting = threading.Thread(target=looked.wait)
    waiting.start()
    busy_until = time.process_time() + 0.1
    while time.process_time() < busy_until:
        pass
    now = read_host_state()
    looked.set()
    waiting.join()
    assert now is not None
    assert np.all(np.subtract(astuple(now), astuple(before)) >= 0)
    assert now.ran - before.ran >= 0.05 * NS


def test_what_threads_ran_stays_when_they_end() -> None:
    def burn() -> None:
        until = time.thread_time() + 0.1
        while time.thread_time() < until:
            pass

    before = read_host_state()
    if before is None:
        pytest.skip("this kernel does not report it")
    thread = threading.Thread(target=burn)
    thread.start()
    thread.join()
    now = read_host_state()
    assert now is not None
    assert now.ran - before.ran >= 0.1 * NS


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs processor affinity")
def test_a_neighbour_on_the_same_processor_is_seen() -> None:
    program = """
import os, sys, time
os.sched_setaffinity(0, {int(sys.argv[1])})
from pytest_trtperf.measure.host_state import contention, read_host_state
def burn(seconds):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pass
if len(sys.argv) > 2:
    print("ready", flush=True)
    burn(30)
before = read_host_state()
burn(1)
print(contention(before, read_host_state()))
"""
    processor = str(min(os.sched_getaffinity(0)))
    command = [sys.executable, "-c", program, processor]
    with subprocess.Popen([*command, "neighbour"], stdout=subprocess.PIPE) as neighbour:
        try:
            assert neighbour.stdout is not None
            neighbour.stdout.readline()
            printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        finally:
            neighbour.kill()
    if printed.strip() == "None":
        pytest.skip("this kernel does not report it")
    assert float(printed) > 0.2
