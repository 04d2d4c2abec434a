"""Timed rounds as a profiler sees them: NVTX ranges within what it captures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from pytest_trtperf.errors import BackendUnavailable

DOMAIN = "trtperf"


@contextmanager
def profiler_range(
    label: str, capture: Callable[[], AbstractContextManager[None]]
) -> Iterator[None]:
    """Lets a profiler record the block under a label.

    Args:
        label: of the NVTX range, in the domain `trtperf`.
        capture: starts and stops a profiler that waits for it.

    Raises:
        BackendUnavailable: nvtx is not installed.
    """
    try:
        import nvtx
    except ImportError as error:
        raise BackendUnavailable(
            f"nvtx cannot be imported ({error}); install pytest-trtperf[nvtx], "
            "or measure without --trtperf-nvtx and without profile="
        ) from error
    with capture(), nvtx.annotate(label, domain=DOMAIN):
        yield
