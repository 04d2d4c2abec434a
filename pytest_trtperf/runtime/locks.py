"""One user of a device at a time, across all processes that share the lock directory."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

from filelock import FileLock

from pytest_trtperf.errors import MeasurementError


def device_lock(lock_dir: Path | None, device_id: str) -> FileLock:
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
    return FileLock(directory / f"{name}.lock", mode=0o666)
