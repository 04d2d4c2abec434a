"""Locks that several processes share, while none of them is held alone."""

from __future__ import annotations

import os
from pathlib import Path

from pytest_trtperf.files.locks import let_go, open_lock, use


class SharedLocks:
    """The locks that this object shares with others.

    Args:
        mode: the permission bits of a new lock.
    """

    def __init__(self, mode: int) -> None:
        self._mode = mode
        self._held: dict[Path, int] = {}

    def hold(self, path: Path) -> None:
        """Shares a lock until `let_go`; waits for who holds it alone.

        Where there is none and none can be made, as in a read-only directory, nothing is held.
        """
        while path not in self._held:
            if (handle := _open(path, self._mode)) is None:
                return
            if use(path, handle, wait=True):
                self._held[path] = handle
            else:  # it was removed meanwhile
                os.close(handle)

    def let_go(self, path: Path) -> None:
        """Shares a lock no longer, if it was shared."""
        if (handle := self._held.pop(path, None)) is not None:
            let_go(handle)
            os.close(handle)

    def close(self) -> None:
        """Shares none any more."""
        for path in list(self._held):
            self.let_go(path)


def _open(path: Path, mode: int) -> int | None:
    try:
        return open_lock(path, mode)
    except OSError:
        return None
