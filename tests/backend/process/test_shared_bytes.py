"""Bytes that several processes map."""

from __future__ import annotations

import os
from multiprocessing import Pipe
from pathlib import Path

import pytest

from pytest_trtperf.backend.process.messages import receive, send
from pytest_trtperf.backend.process.shared_bytes import SharedBytes, map_bytes

PLAN = bytes(range(256)) * 2**14


def open_descriptors():
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize("data", [PLAN, memoryview(PLAN), b"x", b""], ids=len)
def test_bytes_are_mapped_as_they_are_for_reading_alone(data):
    before = open_descriptors()
    shared = SharedBytes(data)
    mapped = map_bytes(os.dup(shared.fileno()))
    shared.close()
    assert mapped == data
    assert mapped.readonly
    mapped.release()
    assert open_descriptors() == before


def test_message_carries_them_beside_other_values():
    reader, writer = Pipe()
    shared, empty = SharedBytes(PLAN), SharedBytes(b"")
    with reader, writer:
        for _ in range(2):
            # None of it has to be read for all of it to be sent: the connection holds less.
            send(writer, {"plan": shared, "kernels": empty, "name": "x", "inputs": b"12"})
        shared.close()
        empty.close()
        for _ in range(2):
            message = receive(reader)
            assert message == {"plan": PLAN, "kernels": b"", "name": "x", "inputs": b"12"}


def test_closing_twice_closes_no_other_file():
    shared = SharedBytes(PLAN)
    shared.close()
    with open(os.devnull) as other:
        shared.close()
        assert os.fstat(other.fileno())


def test_message_cut_short_before_its_descriptor_is_none():
    reader, writer = Pipe()
    shared = SharedBytes(PLAN)
    with reader:
        with writer:
            send(writer, {"plan": shared})
            whole = os.read(reader.fileno(), 1000)
            os.write(writer.fileno(), whole[:-1])
        assert receive(reader) is None
    shared.close()
