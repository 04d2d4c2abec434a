"""The count of device memory, and the allocator that keeps it, over a CUDA made of numbers."""

from __future__ import annotations

import itertools
import threading
from types import SimpleNamespace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from pytest_trtperf.backend.session import DeviceMemory
from pytest_trtperf.backend.tensorrt import memory
from pytest_trtperf.backend.tensorrt.memory import MemoryRecord, create_allocator, device_memory

STREAM = 0x5000
ADDRESSES = st.integers(1, 6)


class Counting(RuleBasedStateMachine):
    """Any order of allocations and frees, of known and unknown addresses, against a dict."""

    def __init__(self) -> None:
        super().__init__()
        self.record, self.live = MemoryRecord(), dict[int, int]()
        self.history = [0]
        self.watching = self.record.watch()
        self.watch = self.watching.__enter__()

    @rule(address=ADDRESSES, size=st.integers(1, 1 << 40))
    def allocate(self, address: int, size: int) -> None:
        self.live[address] = size
        self.record.allocated(address, size)
        self.history.append(sum(self.live.values()))

    @rule(address=ADDRESSES)
    def free(self, address: int) -> None:
        known = address in self.live
        self.live.pop(address, None)
        assert self.record.freed(address) is known

    @invariant()
    def agrees(self) -> None:
        assert self.record.current_bytes == sum(self.live.values()) >= 0
        assert sorted(self.record.addresses()) == sorted(self.live)
        assert self.watch.peak_grown_bytes == max(self.history)
        assert self.watch.grown_bytes == self.record.current_bytes

    def teardown(self) -> None:
        self.watching.__exit__(None, None, None)


TestCounting = Counting.TestCase
TestCounting.settings = settings(max_examples=50, stateful_step_count=30)


def test_watch_sees_its_own_block_only():
    record = MemoryRecord()
    record.allocated(1, 100)
    with record.watch() as outer:
        record.allocated(2, 50)
        with record.watch() as inner:
            record.allocated(3, 30)
            record.freed(3)
            record.freed(1)
        record.allocated(4, 7)
    record.allocated(5, 1000)
    assert (inner.grown_bytes, inner.peak_grown_bytes) == (-100, 30)
    assert (outer.grown_bytes, outer.peak_grown_bytes) == (-43, 80)


def test_watch_ends_with_a_block_that_fails():
    record = MemoryRecord()
    with pytest.raises(ZeroDivisionError), record.watch() as watch:
        raise ZeroDivisionError
    record.allocated(1, 1)
    assert (watch.grown_bytes, watch.peak_grown_bytes) == (0, 0)


def test_memory_of_a_session_leaves_out_other_sessions():
    record = MemoryRecord()
    with record.watch() as load:
        record.allocated(1, 1000)
        record.allocated(2, 300)
        record.freed(2)
    record.allocated(3, 5000)  # another session on the same engine
    with record.watch() as contexts:
        record.allocated(4, 200)
    assert device_memory(load, contexts) == DeviceMemory(1000, 200, 1300)
    with record.watch() as contexts:
        record.allocated(5, 400)
    assert device_memory(load, contexts) == DeviceMemory(1000, 400, 1400)


def test_threads_lose_no_count():
    record = MemoryRecord()

    def work(first: int) -> None:
        for address in range(first, first + 1000):
            record.allocated(address, 3)
            if address % 2:
                record.freed(address)

    with record.watch() as watch:
        threads = [threading.Thread(target=work, args=(n * 1000,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert record.current_bytes == watch.grown_bytes == 8 * 500 * 3
    assert record.current_bytes <= watch.peak_grown_bytes <= 8 * 501 * 3


def test_free_within_an_allocation_does_not_lock_up():
    """The garbage collector may destroy an engine anywhere, in the thread that holds the lock."""
    record = MemoryRecord()
    record.allocated(1, 5)

    class Sized(int):
        def __sub__(self, other: int) -> int:
            record.freed(1)
            return int(self) - other

    record.allocated(2, Sized(7))
    assert record.addresses() == [2]
    assert record.current_bytes == 7


class Cuda:
    """Hands out addresses up to a capacity, and remembers who freed what how."""

    cudaError_t = SimpleNamespace(cudaErrorNotSupported="not supported")  # noqa: N815

    def __init__(self, capacity: int = 1 << 30, has_pools: bool = True) -> None:
        self.left, self.has_pools = capacity, has_pools
        self.live: dict[int, int] = {}
        self.calls: list[str] = []
        self._addresses = itertools.count(256, 256)

    def cudaMalloc(self, size):  # noqa: N802
        self.calls.append("malloc")
        if size > self.left:
            return SimpleNamespace(name="cudaErrorMemoryAllocation"), None
        address = next(self._addresses)
        self.live[address] = size
        self.left -= size
        return 0, address

    def cudaMallocAsync(self, size, stream):  # noqa: N802
        assert stream == STREAM
        if not self.has_pools:
            return self.cudaError_t.cudaErrorNotSupported, None
        error, address = self.cudaMalloc(size)
        self.calls[-1] = "malloc async"
        return error, address

    def cudaFree(self, address):  # noqa: N802
        self.calls.append("free")
        self.left += self.live.pop(address)
        return (0,)

    def cudaFreeAsync(self, address, stream):  # noqa: N802
        self.cudaFree(address)
        self.calls[-1] = "free async"
        return (0,)

    def cudaGetLastError(self):  # noqa: N802
        return (0,)


@pytest.fixture
def cuda(monkeypatch):
    fake = Cuda()
    monkeypatch.setattr(memory, "cudart", lambda: fake)
    return fake


@pytest.fixture
def record():
    return MemoryRecord()


@pytest.fixture
def allocator(cuda, record):
    base = type("IGpuAsyncAllocator", (), {})
    return create_allocator(SimpleNamespace(IGpuAllocator=None, IGpuAsyncAllocator=base), record)


@pytest.mark.parametrize("order", [(0, STREAM), (STREAM, 0), (1, STREAM), (STREAM, 1)])
def test_stream_is_found_in_either_place(allocator, cuda, record, order):
    address = allocator.allocate_async(1000, 256, *order)
    assert record.current_bytes == 1000
    assert allocator.deallocate_async(address, STREAM)
    assert cuda.calls == ["malloc async", "free async"]
    assert not cuda.live
    assert record.current_bytes == 0


def test_null_stream_allocates_and_frees_at_once(allocator, cuda):
    assert allocator.deallocate_async(allocator.allocate_async(8, 0, 0, 1), 0)
    assert allocator.deallocate(allocator.allocate(8, 0, 0))
    assert cuda.calls == ["malloc", "free"] * 2


def test_memory_is_freed_as_it_was_allocated(allocator, cuda):
    plain, pooled = allocator.allocate(8, 0, 0), allocator.allocate_async(8, 0, STREAM, 0)
    assert allocator.deallocate_async(plain, STREAM)
    assert allocator.deallocate(pooled)
    assert cuda.calls == ["malloc", "malloc async", "free", "free"]


def test_device_without_pools_allocates_at_once(allocator, cuda):
    cuda.has_pools = False
    assert allocator.deallocate_async(allocator.allocate_async(8, 0, STREAM, 0), STREAM)
    assert cuda.calls == ["malloc", "free"]
    assert allocator.failure is None


@pytest.mark.parametrize("stream", [0, STREAM])
def test_out_of_memory_is_the_null_address(allocator, cuda, record, stream):
    cuda.left = 100
    allocator.allocate(60, 256, 0)
    assert allocator.allocate_async(50, 256, stream, 0) == 0
    assert allocator.failure == "50 bytes beyond 60: CUDA: cudaErrorMemoryAllocation"
    assert record.current_bytes == 60
    allocator.check()


def test_alignment_that_cannot_be_had_is_the_null_address(allocator, cuda, record):
    assert allocator.allocate(8, 1 << 20, 0) == 0
    assert "aligned to 1048576" in allocator.failure
    assert record.current_bytes == 0
    assert not cuda.live


def test_nothing_and_unknown_addresses_do_no_harm(allocator, cuda):
    assert allocator.allocate(0, 256, 0) == 0
    assert allocator.deallocate(0)
    assert not allocator.deallocate(256)
    assert allocator.reallocate(256, 0, 512) == 0
    assert cuda.calls == []
    allocator.check()


def test_close_frees_what_is_left_once(allocator, cuda, record):
    first, _ = allocator.allocate(8, 0, 0), allocator.allocate_async(8, 0, STREAM, 0)
    allocator.close()
    assert not cuda.live
    assert record.current_bytes == 0
    assert not allocator.deallocate(first)
    allocator.close()


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_what_a_callback_raises_is_raised_later(allocator, cuda, monkeypatch, error):
    def fail(_size):
        raise error

    monkeypatch.setattr(cuda, "cudaMalloc", fail)
    assert allocator.allocate(8, 0, 0) == 0
    with pytest.raises(error):
        allocator.check()
    allocator.check()


@pytest.mark.parametrize("base", ["IGpuAllocator", "IGpuAsyncAllocator"])
def test_tensorrt_calls_what_is_overridden(cuda, record, base, capfd):
    """Through the bindings, as TensorRT's own C++ would."""
    trt = pytest.importorskip("tensorrt_rtx")
    allocator = create_allocator(SimpleNamespace(IGpuAllocator=getattr(trt, base)), record)
    address = trt.IGpuAllocator.allocate_async(allocator, 1000, 256, 0, STREAM)
    assert record.current_bytes == 1000
    assert trt.IGpuAllocator.reallocate(allocator, address, 256, 2000) is None
    assert trt.IGpuAllocator.deallocate_async(allocator, address, STREAM)
    assert cuda.calls == (
        ["malloc", "free"] if base == "IGpuAllocator" else ["malloc async", "free async"]
    )
    cuda.left = 0
    assert trt.IGpuAllocator.allocate_async(allocator, 8, 256, 0, STREAM) is None
    assert capfd.readouterr().err == ""
