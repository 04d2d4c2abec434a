"""What surrounds a timed loop: no garbage collection, and a profiler's range where asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from pytest_trtperf.backend.profiler_range import profiler_range
from pytest_trtperf.backend.quiet import no_garbage_collection


@contextmanager
def timed_loop(label: str | None, *, on_gpu: bool) -> Iterator[None]:
    """The block times queries.

    Args:
        label: of a profiler's range around the queries; None is no range.
        on_gpu: see `profiler_range`.
    """
    ranged = nullcontext() if label is None else profiler_range(label, on_gpu=on_gpu)
    with no_garbage_collection(), ranged:
        yield
