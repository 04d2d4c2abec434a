"""The process of one session or build, as its owner sees it: started, asked and ended."""

from __future__ import annotations

import atexit
import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from multiprocessing import Pipe
from multiprocessing.connection import wait
from typing import Any

from pytest_trtperf import errors
from pytest_trtperf.backend.process.loader import Loader
from pytest_trtperf.backend.process.messages import IS_NEWS, receive, send
from pytest_trtperf.backend.session_pids import remember
from pytest_trtperf.errors import MeasurementError

PROGRAM = """
import sys
sys.path[:] = [path for path in sys.path if path]
import json
sys.path += [path for path in json.loads(sys.argv[1]) if path not in sys.path]
from pytest_trtperf.backend.process.first_steps import main
main(int(sys.argv[2]), sys.argv[3], sys.argv[4], is_spare=sys.argv[5] == "spare")
"""
"""What the test process can import, the standard library first: the working directory and the
folders of tests, which come before it there, may hold a `signal.py` or a `types.py`."""

_PATIENCE_S = 10.0


class SessionProcess:
    """The process of one session; a call that does not come back whole ends it.

    Args:
        loader: what it imports at once, and loads its engine by.
        is_spare: it starts while another one measures.

    Attributes:
        used: when it was first asked or last answered, in seconds of `time.monotonic`.
        ready: when it was known to have imported everything; infinite before.
    """

    def __init__(self, loader: Loader, *, is_spare: bool = False) -> None:
        self._connection, theirs = Pipe()
        paths = [path or os.curdir for path in sys.path]
        kind = "spare" if is_spare else "wanted"
        about = [json.dumps(paths), str(theirs.fileno()), loader.module, loader.backend, kind]
        try:
            self._process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-c", PROGRAM, *about],
                stdin=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                # Ctrl-C is for this process, which then ends that one.
                start_new_session=True,
            )
        except BaseException:
            self._connection.close()
            raise
        finally:
            theirs.close()
        self._open = True
        self.used, self.ready = time.monotonic(), math.inf

    @property
    def pid(self) -> int:
        """Its number, which stays when it has ended."""
        return self._process.pid

    @property
    def is_open(self) -> bool:
        """Whether it has not been ended."""
        return self._open

    def becomes_ready(self, within_s: float) -> bool:
        """Whether it lives and has imported everything, be it after a wait."""
        is_ready = self._connection.poll(within_s) and self._take_ready()
        return is_ready and self._process.poll() is None

    def call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        """What the process answers; see `listen`."""
        return self.listen(operation, arguments)

    def listen(
        self,
        operation: str,
        arguments: Mapping[str, Any],
        tell: Callable[[Mapping[str, Any]], None] | None = None,
    ) -> dict[str, Any]:
        """What the process answers.

        Args:
            tell: called with what the process says before that, see `loader.Say`.

        Raises:
            TrtPerfError: as it was raised there.
            MeasurementError: the process is gone.
        """
        if not self._open:
            raise MeasurementError("the process of this session has ended: no more can be measured")
        try:
            if self.ready == math.inf:
                self._take_ready()
            with suppress(ConnectionError):
                send(self._connection, {"operation": operation, **arguments})
            while (reply := receive(self._connection)) is not None and reply.pop(IS_NEWS, False):
                if tell is not None:
                    tell(reply)
            self.used = time.monotonic()
        except BaseException:
            # Ctrl-C: whatever it is doing, its answer is no longer waited for.
            self.kill()
            raise
        if reply is None:
            self.close()
            raise MeasurementError(f"the process ended while asked to {operation}: {self._fate()}")
        if name := reply.get("error"):
            raise getattr(errors, name, MeasurementError)(reply["message"])
        return reply

    def _take_ready(self) -> bool:
        """Reads its first message, and counts it among those that use the device from now on."""
        if receive(self._connection) is None:
            return False
        self.ready = self.used = time.monotonic()
        remember(self)
        return True

    def _fate(self) -> str:
        code = self._process.returncode
        if code >= 0:
            return f"exit status {code}; its output says more"
        return f"killed by {signal.Signals(-code).name}"

    def kill(self) -> None:
        """Ends the process at once, whatever it does."""
        if self._open:
            self._process.kill()
            self.close()
            await_ends()

    def close(self) -> None:
        """Ends the process; it may still be there, but has left the device. See `await_ends`."""
        if not self._open:
            return
        self._open = False
        _ENDING.append(self._process)
        # Closing the connection may not be enough: a fork of this process holds it open too.
        with closing(self._connection), suppress(ConnectionError):
            send(self._connection, {"operation": "close"})
            while self._connection.poll(_PATIENCE_S):
                if (reply := receive(self._connection)) is None:
                    break
                if "has_left_device" in reply:
                    return
        await_ends()


def await_ends() -> None:
    """Waits until all processes that were closed have ended; one that does not end is killed."""
    # Several threads may close and wait: each process stays in the list until it has ended.
    for process in tuple(_ENDING):
        try:
            _wait(process, _PATIENCE_S)
        except BaseException as error:
            process.kill()
            process.wait()
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
        with suppress(ValueError):  # another thread has removed it
            _ENDING.remove(process)


_ENDING: list[subprocess.Popen[bytes]] = []
atexit.register(await_ends)


def _wait(process: subprocess.Popen[bytes], at_most_s: float) -> None:
    """As `Popen.wait`, which may notice the end up to 50 ms late."""
    if process.poll() is not None:
        return
    with suppress(OSError):  # an older kernel has no such descriptors
        descriptor = os.pidfd_open(process.pid)
        try:
            wait([descriptor], at_most_s)
        finally:
            os.close(descriptor)
    process.wait(at_most_s)
