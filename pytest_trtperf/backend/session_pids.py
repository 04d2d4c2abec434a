"""The processes of the latest sessions, so that their own work is not taken for another's."""

from __future__ import annotations

import time
from collections import deque
from math import inf
from typing import Protocol


class MeasuringProcess(Protocol):
    """A process that sessions run in, other than that of the test.

    Attributes:
        used: when it was started or last answered, in seconds of `time.monotonic`.
    """

    used: float

    @property
    def pid(self) -> int:
        """Its number, which stays when it has ended."""

    @property
    def is_open(self) -> bool:
        """Whether it has not been ended."""


_LATEST: deque[MeasuringProcess] = deque(maxlen=4)


def remember(process: MeasuringProcess) -> None:
    """Counts a process among the latest."""
    _LATEST.append(process)


def session_pids(within_s: float = inf) -> frozenset[int]:
    """The processes of the latest sessions, which may have ended a moment ago.

    Args:
        within_s: of those alone that did something so many seconds ago or less.
    """
    since = time.monotonic() - within_s
    return frozenset(process.pid for process in _LATEST if process.used >= since)


def open_session_pids() -> frozenset[int]:
    """Those of the latest that have not ended."""
    return frozenset(process.pid for process in _LATEST if process.is_open)
