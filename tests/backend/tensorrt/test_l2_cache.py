"""The L2 cache is emptied by writing more than it holds, and the memory for that is given back."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from pytest_trtperf.backend.tensorrt import cuda, l2_cache
from pytest_trtperf.errors import MeasurementError

SIZE = 50 << 20


class Failure(int):
    """A CUDA error code."""

    name = "cudaErrorUnknown"


class Runtime:
    """The calls of the CUDA runtime that matter, on a device with so much free memory."""

    def __init__(self, free, memset_error=0):
        self.free, self.memset_error = free, Failure(memset_error)
        self.held, self.calls = {}, []

    def device(self):
        return 0, 3

    def attribute(self, attribute, device):
        assert (attribute, device) == (38, 3)
        return 0, SIZE

    def malloc(self, size):
        if size > self.free:
            return 2, 0
        self.held[7] = size
        return 0, 7

    def memset(self, memory, value, size):
        assert self.held[memory] == size
        self.calls.append(("memset", size))
        return (self.memset_error,)

    def synchronize(self):
        self.calls.append(("synchronize", dict(self.held)))
        return (0,)

    def give_back(self, memory):
        del self.held[memory]
        return (0,)

    def describe(self, error):
        return 0, "unknown"


@pytest.fixture
def on(monkeypatch):
    """Puts a runtime in place of CUDA's."""

    def put(runtime):
        calls = SimpleNamespace(
            cudaDeviceAttr=SimpleNamespace(cudaDevAttrL2CacheSize=38),
            cudaGetDevice=runtime.device,
            cudaDeviceGetAttribute=runtime.attribute,
            cudaMalloc=runtime.malloc,
            cudaMemset=runtime.memset,
            cudaDeviceSynchronize=runtime.synchronize,
            cudaFree=runtime.give_back,
            cudaGetErrorString=runtime.describe,
        )
        for module in (cuda, l2_cache):
            monkeypatch.setattr(module, "cudart", lambda: calls)
        return runtime

    return put


@pytest.mark.parametrize(
    ("free", "written"),
    [
        (80 << 30, 4 * SIZE),
        (4 * SIZE, 4 * SIZE),
        (4 * SIZE - 1, 2 * SIZE),
        (SIZE, SIZE),
    ],
)
def test_as_much_is_written_as_there_is_room_for(on, free, written):
    runtime = on(Runtime(free))
    l2_cache.evict_l2_cache()
    assert runtime.calls == [("memset", written), ("synchronize", {7: written})]
    assert runtime.held == {}


def test_without_room_nothing_is_written(on):
    runtime = on(Runtime(SIZE - 1))
    l2_cache.evict_l2_cache()
    assert runtime.calls == []


def test_memory_is_given_back_after_an_error(on):
    runtime = on(Runtime(80 << 30, memset_error=999))
    with pytest.raises(MeasurementError, match="cudaErrorUnknown: unknown"):
        l2_cache.evict_l2_cache()
    assert runtime.held == {}
