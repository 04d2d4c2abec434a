"""Waits for what other processes do."""

from __future__ import annotations

import time

from filelock import FileLock


def wait_for(path):
    deadline = time.monotonic() + 300
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} never came"
        time.sleep(0.01)


def wait_until_taken(path):
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        lock = FileLock(path)
        try:
            lock.acquire(timeout=0)
        except TimeoutError:
            return
        lock.release()
        time.sleep(0.01)
    raise AssertionError(f"{path} was never taken")
