"""Two sessions that measure in turns, started anew in the other order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from pytest_trtperf.backend.protocols import Session


def start_anew(
    sessions: Sequence[Session], order: Sequence[int], take: Callable[[int, Session], None]
) -> None:
    """Starts all sessions anew, each in a thread that waits for it: nothing is timed meanwhile.

    Args:
        order: the places of the sessions, in the order in which they are started.
        take: is given the place and the new session of each that was started, even if another
            one fails: so that it is freed with the others.

    Raises:
        MeasurementError: a session cannot be started.
    """
    with ThreadPoolExecutor(len(sessions)) as pool:
        # All are gone before one is started: the first would take the other's old place.
        list(pool.map(lambda one: one.close(), sessions))
        starting = [(place, pool.submit(sessions[place].restart)) for place in order]
    for place, session in starting:
        if not session.exception():
            take(place, session.result())
    for _, session in starting:
        session.result()
