"""A lock for one user of a device at a time, across all processes with the same directory."""

from __future__ import annotations

import os
import re
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from pytest_trtperf.errors import MeasurementError

if TYPE_CHECKING:
    from typing_extensions import Self

_REPORT_EVERY_S = 0.5
_EVERYONE = 0o666


class DeviceLock(FileLock):
    """A re-entrant lock that is given in turns and reports how long `with` waits for it.

    Attributes:
        on_wait: called with the seconds waited so far during a wait, and with None at its end.
        waited_s: seconds of all waits.
    """

    on_wait: Callable[[float | None], None] | None = None
    waited_s = 0.0

    def __enter__(self) -> Self:
        """Waits until the device is free."""
        if self.is_locked:
            self.acquire()
            return self
        begun = time.monotonic()
        # One process waits for the device, all others wait for that place in the queue. So the one
        # that has just released the device cannot take it again before the next.
        place = FileLock(f"{self.lock_file}.next", mode=_EVERYONE)
        self._wait(place, begun)
        try:
            self._wait(self, begun)
        finally:
            place.release()
        waited = time.monotonic() - begun
        self.waited_s += waited
        if self.on_wait and waited >= _REPORT_EVERY_S:
            self.on_wait(None)
        return self

    def _wait(self, lock: FileLock, begun: float) -> None:
        while not lock.is_locked:
            try:
                lock.acquire(timeout=_REPORT_EVERY_S)
            except Timeout:
                if self.on_wait:
                    self.on_wait(time.monotonic() - begun)


def device_lock(lock_dir: Path | None, device_id: str) -> DeviceLock:
    """The re-entrant lock of a device, not yet acquired.

    Args:
        lock_dir: None for one in the temporary directory, which all users share.
        device_id: a GPU's UUID, or `host` for the CPU.

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
            "name another with --trtperf-lock-dir"
        ) from error
    if not os.access(directory, os.W_OK):
        raise MeasurementError(
            f"the lock directory {directory} cannot be written by this user; "
            "name another with --trtperf-lock-dir"
        )
    name = re.sub(r"[^A-Za-z0-9-]", "_", device_id)
    return DeviceLock(directory / f"{name}.lock", mode=_EVERYONE)
