"""The lock of a device: one holder among all processes that share the directory."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

from pytest_trtperf.errors import MeasurementError
from pytest_trtperf.measure.device_lock import device_lock

HOLD = """
import sys
from pathlib import Path
from pytest_trtperf.measure.device_lock import device_lock

with device_lock(Path(sys.argv[1]), sys.argv[2]):
    print("held", flush=True)
    sys.stdin.read()
"""

HOLD_AGAIN_AND_AGAIN = """
import sys, time
from pathlib import Path
from pytest_trtperf.measure.device_lock import device_lock

lock = device_lock(Path(sys.argv[1]), "GPU-1")
for held in range(40):
    with lock:
        print("held", flush=True)
        time.sleep(0.03)
        if held == 39:
            Path(sys.argv[2]).touch()
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock of `GPU-1` until it is killed."""
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path), "GPU-1"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    with child:
        assert child.stdout
        assert child.stdout.readline() == "held\n"
        yield child
        child.kill()


def test_one_thread_at_a_time(tmp_path):
    lock, order = device_lock(tmp_path, "GPU-1"), []

    def other() -> None:
        with lock:
            order.append("other")

    with lock, lock:
        thread = threading.Thread(target=other)
        thread.start()
        thread.join(timeout=0.1)
        order.append("first")
    thread.join()
    assert order == ["first", "other"]
    assert not lock.is_locked


def test_a_lock_that_was_not_free_is_free_for_another_thread(tmp_path, holder):
    lock = device_lock(tmp_path, "GPU-1", timeout_s=0.1)
    with pytest.raises(MeasurementError), lock:
        pass
    holder.kill()
    holder.wait()
    thread = threading.Thread(target=lock.__enter__)
    thread.start()
    thread.join()
    assert lock.is_locked


def test_one_process_at_a_time(tmp_path, holder):
    lock = device_lock(tmp_path, "GPU-1", timeout_s=0.1)
    by = rf"in use by process {holder.pid} of user {os.getuid()} on .* since .* UTC"
    with pytest.raises(MeasurementError, match=rf"{by}.*--trtperf-lock-timeout"), lock:
        pass
    assert not lock.is_locked


def test_other_devices_and_directories_are_free(tmp_path, holder):
    with device_lock(tmp_path, "GPU-2"), device_lock(tmp_path / "other", "GPU-1"):
        pass


def test_killed_holder_frees_it(tmp_path, holder):
    holder.kill()
    holder.wait()
    with device_lock(tmp_path, "GPU-1", timeout_s=10) as lock:
        assert lock.is_locked


def test_lock_may_be_taken_again_while_it_is_held(tmp_path):
    lock = device_lock(tmp_path, "GPU-1")
    with lock, lock:
        assert lock.is_locked
    assert not lock.is_locked


def test_who_waits_comes_before_who_has_just_had_it(tmp_path):
    ended = tmp_path / "ended"
    command = [sys.executable, "-c", HOLD_AGAIN_AND_AGAIN, str(tmp_path / "locks"), str(ended)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout
        assert child.stdout.readline() == "held\n"
        with device_lock(tmp_path / "locks", "GPU-1"):
            assert not ended.exists()
        child.communicate()
    assert ended.exists()


def test_all_users_may_take_it(tmp_path):
    directory = tmp_path / "new" / "locks"
    with device_lock(directory, "MIG-GPU-1/7/0"):
        modes = {path.stat().st_mode & 0o777 for path in directory.iterdir()}
    assert modes == {0o666}
    assert directory.stat().st_mode & 0o7777 == 0o1777


def test_directory_that_cannot_be_made_names_the_option(tmp_path):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(MeasurementError, match=r"taken.*--trtperf-lock-dir"):
        device_lock(tmp_path / "taken" / "locks", "GPU-1")
