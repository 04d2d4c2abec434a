"""A lock for one user of a device at a time, across all processes with the same directory."""

from __future__ import annotations

import math
import os
import re
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_trtperf.errors import MeasurementError
from pytest_trtperf.files.lock_holder import holder, sign, unsign
from pytest_trtperf.files.locks import LockTimeout, release, wait_for

if TYPE_CHECKING:
    from typing_extensions import Self

_REPORT_EVERY_S = 0.5
_EVERYONE = 0o666
# Whoever was waited for in vain is not waited for again.
_LAST_CHANCE_S = 1.0
_OTHER_DIRECTORY = "name another with --trtperf-lock-dir"


NO_GPU = "host"
"""The device of a backend that uses the CPU."""


class DeviceLock:
    """A re-entrant lock that is given in turns and reports how long `with` waits for it.

    Threads of this process take turns, too.

    Attributes:
        path: its file.
        on_wait: called with the seconds waited so far during a wait, and with None at its end.
        waited_s: seconds of all waits.
        timed_out: whether the last wait was in vain.
    """

    def __init__(self, path: Path, timeout_s: float = math.inf) -> None:
        self.path, self._timeout_s = path, timeout_s
        self.on_wait: Callable[[float | None], None] | None = None
        self.waited_s = 0.0
        self._handle: int | None = None
        self._threads, self._entered = threading.RLock(), 0
        self.timed_out = False

    @property
    def is_locked(self) -> bool:
        """Whether this object holds it."""
        return self._handle is not None

    def who(self) -> str:
        """Who has it, in words."""
        known = holder(self.path)
        return f"the device, in use by {known}" if known else "the device, which is in use"

    def __enter__(self) -> Self:
        """Waits until the device is free.

        Raises:
            MeasurementError: it was not free in time, or its lock cannot be used.
        """
        self._threads.acquire()
        try:
            if self._handle is None:
                self._handle = self._take()
                sign(self._handle)
        except BaseException:
            self._threads.release()
            raise
        self._entered += 1
        return self

    def __exit__(self, *_: object) -> None:
        """Lets the next one have it."""
        self._entered -= 1
        if self._entered == 0 and self._handle is not None:
            handle, self._handle = self._handle, None
            unsign(handle)
            release(handle)
        self._threads.release()

    def _take(self) -> int:
        begun = time.monotonic()
        # One process waits for the device, all others wait for that place in the queue. So the one
        # that has just released the device cannot take it again before the next.
        place = self._wait(Path(f"{self.path}.next"), begun)
        try:
            handle = self._wait(self.path, begun)
        finally:
            release(place)
        waited = time.monotonic() - begun
        self.waited_s += waited
        self.timed_out = False
        if self.on_wait and waited >= _REPORT_EVERY_S:
            self.on_wait(None)
        return handle

    def _wait(self, path: Path, begun: float) -> int:
        reported = begun

        def report(_: float) -> None:
            nonlocal reported
            now = time.monotonic()
            if self.on_wait and now - reported >= _REPORT_EVERY_S:
                reported = now
                self.on_wait(now - begun)

        limit = min(self._timeout_s, _LAST_CHANCE_S) if self.timed_out else self._timeout_s
        try:
            return wait_for(path, _EVERYONE, limit - (time.monotonic() - begun), report)
        except LockTimeout:
            self.timed_out = True
            if self.on_wait:
                self.on_wait(None)
            raise MeasurementError(
                f"waited {time.monotonic() - begun:.0f} s for {self.who()}: let that one end, or "
                f"wait longer with --trtperf-lock-timeout (its lock is {self.path})"
            ) from None
        except OSError as error:
            raise MeasurementError(
                f"the lock {path} cannot be used: {error.strerror}; {_OTHER_DIRECTORY}"
            ) from error


def device_lock(lock_dir: Path | None, device_id: str, timeout_s: float = math.inf) -> DeviceLock:
    """The re-entrant lock of a device, not yet acquired.

    Args:
        lock_dir: None for one in the temporary directory, which all users share.
        device_id: a GPU's UUID, or `NO_GPU`.
        timeout_s: how long `with` waits.

    Raises:
        MeasurementError: the directory cannot be created or written.
    """
    directory = lock_dir or Path(tempfile.gettempdir()) / "trtperf-locks"
    try:
        if not directory.is_dir():
            directory.mkdir(parents=True, exist_ok=True)
            directory.chmod(0o1777)  # other users of the GPU take the same lock
    except OSError as error:
        raise MeasurementError(
            f"the lock directory {directory} cannot be created ({error.strerror}); "
            f"{_OTHER_DIRECTORY}"
        ) from error
    path = directory / f"{re.sub(r'[^A-Za-z0-9-]', '_', device_id)}.lock"
    # What is there already needs no right to write to the directory.
    if not (path.exists() or os.access(directory, os.W_OK)):
        raise MeasurementError(
            f"the lock directory {directory} cannot be written by this user; {_OTHER_DIRECTORY}"
        )
    return DeviceLock(path, timeout_s)
