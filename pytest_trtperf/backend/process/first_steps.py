"""The first steps of a session's process: it imports what it needs, says so, and answers."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from multiprocessing.connection import Connection

LOWEST_PRIORITY = 19


def main(descriptor: int, module: str, backend: str, *, is_spare: bool) -> None:
    """Imports, and answers requests until `close`, or until nobody can ask any more.

    Args:
        descriptor: this end of the connection.
        module, backend: those of the `Loader`. Nothing is asked of the device.
        is_spare: another process measures meanwhile, and must not wait for this one.
    """
    # Priorities belong to threads, and an ordinary user can lower one but never raise it again.
    # So the imports have a thread of their own, and the session is measured in this one.
    importing = threading.Thread(target=_import, args=(module, backend, is_spare))
    importing.start()
    importing.join()
    from pytest_trtperf.backend.process.loader import Loader
    from pytest_trtperf.backend.process.messages import send
    from pytest_trtperf.backend.process.server import serve

    connection = Connection(descriptor)
    with suppress(ConnectionError):
        send(connection, {"ready": True})
        serve(connection, Loader(module, backend))


def _import(module: str, backend: str, is_spare: bool) -> None:
    if is_spare:
        os.setpriority(os.PRIO_PROCESS, 0, LOWEST_PRIORITY)
    import pytest_trtperf.backend.process.server  # noqa: F401
    from pytest_trtperf.backend.process.loader import Loader

    Loader(module, backend).imported().prepare(backend)
