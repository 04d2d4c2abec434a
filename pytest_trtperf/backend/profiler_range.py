"""Timed rounds as Nsight sees them: NVTX ranges within cudaProfilerStart and cudaProfilerStop."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pytest_trtperf.backend.tensorrt.cuda import cudart, value_or_raise
from pytest_trtperf.errors import BackendUnavailable

DOMAIN = "trtperf"


@contextmanager
def profiler_range(label: str, *, on_gpu: bool) -> Iterator[None]:
    """Lets a profiler that waits for cudaProfilerStart record what is inside, under a label.

    Args:
        label: of the NVTX range, in the domain `trtperf`.
        on_gpu: without a GPU there is the NVTX range alone.

    Raises:
        BackendUnavailable: nvtx is not installed.
    """
    try:
        import nvtx
    except ImportError as error:
        raise BackendUnavailable(
            f"nvtx cannot be imported ({error}); install pytest-trtperf[nvtx], "
            "or measure without --trtperf-nvtx"
        ) from error
    if on_gpu:
        value_or_raise(cudart().cudaProfilerStart())
    try:
        with nvtx.annotate(label, domain=DOMAIN):
            yield
    finally:
        if on_gpu:
            value_or_raise(cudart().cudaProfilerStop())
