"""Who holds a lock: a line in its file, for those that wait."""

from __future__ import annotations

import os
import platform
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path

from pytest_trtperf.text import one_line

_MOST_BYTES = 200


def sign(handle: int) -> None:
    """Writes this process into the file of a lock that it holds, if it may."""
    with suppress(OSError):
        since = datetime.now(timezone.utc).strftime("%H:%M:%S UTC")
        line = f"process {os.getpid()} of user {os.getuid()} on {platform.node()} since {since}\n"
        data = line.encode(errors="replace")[:_MOST_BYTES]
        os.pwrite(handle, data, 0)
        os.ftruncate(handle, len(data))


def unsign(handle: int) -> None:
    """Takes it out again, before the lock is released."""
    with suppress(OSError):
        os.ftruncate(handle, 0)


def holder(path: Path) -> str | None:
    """What `sign` wrote; None where nothing is known."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        line = os.read(handle, _MOST_BYTES).decode(errors="replace").partition("\n")[0]
    except OSError:
        return None
    finally:
        os.close(handle)
    return one_line(line).strip() or None
