"""The next session's process, which starts and imports while the current one is at work.

It asks nothing of the device until a session takes it. It starts when the one before begins to load
its engine, so that most of the imports are over when rounds begin, and it imports at the lowest
priority, so that the thread that measures never waits for it. There is one for each test process,
none where cores are few, and none where sessions use all cores.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
from typing import Any

from pytest_trtperf.backend.process.loader import Loader
from pytest_trtperf.backend.process.session_process import SessionProcess

LEAST_CORES = 4

PATIENCE_S = 1.0
"""A spare process that is not ready so long after it is wanted is given up: where all cores are
busy, a process of ordinary priority is sooner there."""


class Spare:
    """At most one process that has imported all that a session needs.

    Whoever may want one `enter`s before and `leave`s in the end: the last that leaves ends it.
    """

    def __init__(self) -> None:
        self._process: SessionProcess | None = None
        self._made_for: tuple[Any, ...] = ()
        self._users, self._owner = 0, os.getpid()
        self._lock = threading.Lock()

    def enter(self) -> None:
        """Counts one more that may want a process."""
        with self._lock:
            self._forget_the_parents()
            self._users += 1

    def leave(self) -> None:
        """Counts one less; without any, the process ends."""
        with self._lock:
            self._forget_the_parents()
            self._users -= 1
            if self._users <= 0:
                self._users = 0
                self._end()

    def prepare(self, loader: Loader) -> None:
        """Starts the first process before anybody entered; it ends with this process if unused."""
        self.enter()
        atexit.register(self.leave)
        self.start(loader)

    def start(self, loader: Loader) -> None:
        """Starts the next process, unless there is one or it would disturb the sessions."""
        is_few = len(os.sched_getaffinity(0)) < LEAST_CORES
        with self._lock:
            self._forget_the_parents()
            if self._process or not self._users or is_few or not loader.has_spare:
                return
            self._process = SessionProcess(loader, is_spare=True)
            self._made_for = _circumstances(loader)

    def take(self, loader: Loader) -> SessionProcess:
        """A process for a session: the spare one if it is alive and of this kind, or a new one."""
        with self._lock:
            self._forget_the_parents()
            if self._process and self._made_for == _circumstances(loader):
                process, self._process = self._process, None
                if process.becomes_ready(PATIENCE_S):
                    return process
                process.kill()
            self._end()
        return SessionProcess(loader)

    def _end(self) -> None:
        if self._process:
            self._process.kill()
            self._process = None

    def _forget_the_parents(self) -> None:
        """After a fork, the process is that of the parent."""
        if self._owner != os.getpid():
            self._process, self._users, self._owner = None, 0, os.getpid()


def _circumstances(loader: Loader) -> tuple[Any, ...]:
    """What a process takes over when it starts; the environment less what pytest sets anew."""
    variables = {name: value for name, value in os.environ.items() if name != _CURRENT_TEST}
    try:
        directory = os.getcwd()  # noqa: PTH109
    except FileNotFoundError:
        directory = ""
    return loader, tuple(sys.path), directory, os.sched_getaffinity(0), variables


_CURRENT_TEST = "PYTEST_CURRENT_TEST"

SPARE = Spare()
"""That of this process."""
