"""pytest-xdist's workers, forked from a process that has imported everything.

A worker that Python starts takes seconds on a busy machine; this one is there at once. All else is
pytest-xdist's: the pipes, what goes through them, and that a worker ends when they are closed.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from typing import IO, Any

from execnet import gateway_base, gateway_io


def fork_workers() -> None:
    """From now on, workers are forked from this process as it is now."""
    ours, theirs = socket.socketpair()
    if not os.fork():
        ours.close()
        _serve(theirs)
    theirs.close()

    class Forked:
        """What execnet needs of `subprocess.Popen`."""

        def __init__(self, *_: Any, **__: Any) -> None:
            read_by_it, written_here = os.pipe()
            read_here, written_by_it = os.pipe()
            socket.send_fds(ours, [b"1"], [read_by_it, written_by_it])
            self.pid = int(ours.recv(20))
            os.close(read_by_it)
            os.close(written_by_it)
            self.stdin: IO[bytes] = os.fdopen(written_here, "wb")
            self.stdout: IO[bytes] = os.fdopen(read_here, "rb")

        def wait(self) -> int:
            """Waits until it is gone."""
            while True:
                try:
                    os.kill(self.pid, 0)
                except ProcessLookupError:
                    return 0
                time.sleep(0.002)

        def kill(self) -> None:
            """Kills it."""
            os.kill(self.pid, signal.SIGKILL)

    class Master(gateway_io.Popen2IOMaster):
        """Takes a forked process in place of a new one."""

        def __init__(self, _args: list[str], execmodel: Any) -> None:
            self.popen = forked = Forked()
            gateway_base.Popen2IO.__init__(self, forked.stdin, forked.stdout, execmodel=execmodel)

    vars(gateway_io)["Popen2IOMaster"] = Master


def _serve(wanted: socket.socket) -> None:
    """Forks a worker whenever one is wanted; ends with the process that wants them."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        data, handles, _, _ = socket.recv_fds(wanted, 1, 2)
        if not data:
            os._exit(0)
        if pid := os.fork():
            for handle in handles:
                os.close(handle)
            wanted.send(str(pid).encode())
            continue
        wanted.close()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for place, handle in enumerate(handles):
            os.dup2(handle, place)
            os.close(handle)
        sys.stdin = os.fdopen(0, "r", closefd=False)
        sys.stdout = os.fdopen(1, "w", closefd=False)
        try:
            # What Python gets as its program: execnet sends the rest.
            exec(eval(sys.stdin.readline()), {"__name__": "__main__"})
        finally:
            os._exit(0)
