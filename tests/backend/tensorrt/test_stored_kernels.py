"""Runtime caches with the stages of their growth, as bytes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pytest_trtperf.backend.tensorrt.stored_kernels import (
    MOST_STAGES,
    with_stages,
    without_stages,
)

DIGESTS = st.binary(min_size=32, max_size=32).map(bytes.hex)


@given(st.binary(), st.lists(DIGESTS, max_size=4))
def test_what_was_stored_is_read(cache, stages):
    assert without_stages(with_stages(cache, stages)) == (cache, stages)


def test_the_latest_stages_are_kept():
    stages = [f"{number:064x}" for number in range(MOST_STAGES + 1)]
    assert without_stages(with_stages(b"cache", stages)) == (b"cache", stages[1:])


@given(st.binary(max_size=30))
def test_a_runtime_cache_alone_is_taken_as_it_is(cache):
    assert without_stages(cache) == (cache, [])


def test_an_end_that_promises_more_than_there_is_is_part_of_the_runtime_cache():
    cut = with_stages(b"", ["0" * 64])[1:]
    assert without_stages(cut) == (cut, [])
