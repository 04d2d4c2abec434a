"""One user of a device at a time, across all processes that share the lock directory."""

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

_TELL_EVERY_S = 0.5
_EVERYONE = 0o666


class DeviceLock(FileLock):
    """A re-entrant lock that is given in turns, and tells, when entered, how long it is waited for.

    Attributes:
        tell: called with the seconds of a wait while it lasts, and with None at its end.
        waited_s: seconds of all waits.
    """

    tell: Callable[[float | None], None] | None = None
    waited_s = 0.0

    def __enter__(self) -> Self:
        """Waits until the device is free."""
        if self.is_locked:
            self.acquire()
            return self
        begun = time.monotonic()
        # One waits for the device, the others for that place: so does who has just released it,
        # and would else take it again before anybody looked.
        place = FileLock(f"{self.lock_file}.next", mode=_EVERYONE)
        self._wait(place, begun)
        try:
            self._wait(self, begun)
        finally:
            place.release()
        waited = time.monotonic() - begun
        self.waited_s += waited
        if self.tell and waited >= _TELL_EVERY_S:
            self.tell(None)
        return self

    def _wait(self, lock: FileLock, begun: float) -> None:
        while not lock.is_locked:
            try:
                lock.acquire(timeout=_TELL_EVERY_S)
            except Timeout:
                if self.tell:
                    self.tell(time.monotonic() - begun)


def device_lock(lock_dir: Path | None, device_id: str) -> DeviceLock:
    """The re-entrant lock of a device, not yet taken.

    Args:
        lock_dir: None for the host's temporary directory, so that all users share it.
        device_id: a GPU's UUID, or `host` for the CPU.

    Raises:
        MeasurementError: the directory cannot be made or written.
    """
    directory = lock_dir or Path(tempfile.gettempdir()) / "trtperf-locks"
    try:
        if not directory.is_dir():
            directory.mkdir(parents=True, exist_ok=True)
            directory.chmod(0o1777)  # other users of the GPU take the same lock
    except OSError as error:
        raise MeasurementError(
            f"the lock directory {directory} cannot be made ({error.strerror}); "
            "name another with --trtperf-lock-dir"
        ) from error
    if not os.access(directory, os.W_OK):
        raise MeasurementError(
            f"the lock directory {directory} cannot be written by this user; "
            "name another with --trtperf-lock-dir"
        )
    name = re.sub(r"[^A-Za-z0-9-]", "_", device_id)
    return DeviceLock(directory / f"{name}.lock", mode=_EVERYONE)
