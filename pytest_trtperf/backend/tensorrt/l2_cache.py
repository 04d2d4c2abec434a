"""The GPU's L2 cache, emptied before a session is measured.

What the cache holds can decide for minutes how fast an engine runs. On an NVIDIA H200
efficientnet_b0 ran 5 % faster in the process that had compiled its kernels, with shorter gaps
between equally long kernels, until something evicted the cache. Only compiling could make it that
fast again.
"""

from __future__ import annotations

from pytest_trtperf.backend.tensorrt.cuda import cudart, value_or_raise

_TIMES_ITS_SIZE = (4, 2, 1)


def evict_l2_cache() -> None:
    """Overwrites more memory than the L2 cache of the current device holds.

    Where there is no room for that, the engine itself fills more than the cache.

    Raises:
        MeasurementError: a CUDA call failed.
    """
    runtime = cudart()
    device = value_or_raise(runtime.cudaGetDevice())
    size = value_or_raise(
        runtime.cudaDeviceGetAttribute(runtime.cudaDeviceAttr.cudaDevAttrL2CacheSize, device)
    )
    for times in _TIMES_ITS_SIZE:
        error, memory = runtime.cudaMalloc(times * size)
        if not error:
            break
    else:
        return
    try:
        value_or_raise(runtime.cudaMemset(memory, 0, times * size))
        value_or_raise(runtime.cudaDeviceSynchronize())
    finally:
        runtime.cudaFree(memory)
