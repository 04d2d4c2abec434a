"""The first steps of a session's process: it imports what it needs, says so, and answers."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from multiprocessing.connection import Connection

LOWEST_PRIORITY = 19


def main(descriptor: int, backend: str, *, is_spare: bool) -> None:
    """Imports, and answers requests until `close`, or until nobody can ask any more.

    Args:
        descriptor: this end of the connection.
        backend: whose packages are imported; empty for none. Nothing is asked of the GPU.
        is_spare: another process measures meanwhile, and must not wait for this one.
    """
    # Priorities belong to threads, and an ordinary user can lower one but never raise it again.
    # So the imports have a thread of their own, and the session is measured in this one.
    importing = threading.Thread(target=_import, args=(backend, is_spare))
    importing.start()
    importing.join()
    from pytest_trtperf.backend.process.messages import send
    from pytest_trtperf.backend.process.server import serve

    connection = Connection(descriptor)
    with suppress(ConnectionError):
        send(connection, {"ready": True})
        serve(connection)


def _import(backend: str, is_spare: bool) -> None:
    if is_spare:
        os.setpriority(os.PRIO_PROCESS, 0, LOWEST_PRIORITY)
    import pytest_trtperf.backend.process.server  # noqa: F401

    if backend:
        from pytest_trtperf.backend.tensorrt.bindings import import_tensorrt
        from pytest_trtperf.backend.tensorrt.cuda import cudart
        from pytest_trtperf.errors import BackendUnavailable

        # What is missing is reported when it is asked for.
        with suppress(BackendUnavailable):
            import_tensorrt(backend)
            cudart()
