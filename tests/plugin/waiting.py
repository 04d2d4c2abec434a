"""Waits for what other processes do."""

from __future__ import annotations

import time

from pytest_trtperf.files.locks import exclusive


def wait_for(path):
    deadline = time.monotonic() + 300
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} never came"
        time.sleep(0.01)


def wait_until_taken(path):
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        with exclusive(path, 0o666, wait=False) as free:
            if not free:
                return
        time.sleep(0.01)
    raise AssertionError(f"{path} was never taken")
