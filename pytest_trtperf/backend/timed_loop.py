"""What surrounds a timed loop: no garbage collection, and a profiler's range where asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from pytest_trtperf.backend.profiler_range import profiler_range
from pytest_trtperf.backend.quiet import no_garbage_collection


@contextmanager
def timed_loop(
    label: str | None, capture: Callable[[], AbstractContextManager[None]] = nullcontext
) -> Iterator[None]:
    """The block times queries.

    Args:
        label: of a profiler's range around the queries; None is no range.
        capture: see `profiler_range`.
    """
    ranged = nullcontext() if label is None else profiler_range(label, capture)
    with no_garbage_collection(), ranged:
        yield
