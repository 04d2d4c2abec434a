"""Digests of files and of bytes in memory are one, and each byte counts once."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_trtperf.files.digests import chunked_digest, chunked_file_digest, read_and_digest

CHUNK = 4 << 20


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 3 * CHUNK + 5])
def test_a_file_has_the_digest_of_its_bytes(tmp_path, size):
    data = bytes(range(251)) * (size // 251 + 1)
    (tmp_path / "file").write_bytes(data[:size])
    assert chunked_file_digest(tmp_path / "file") == chunked_digest(data[:size])
    with (tmp_path / "file").open("rb") as file:
        read, digest = read_and_digest(file.fileno(), size)
        assert (read, digest) == (data[:size], chunked_digest(data[:size]))
        with pytest.raises(OSError, match="shorter"):
            read_and_digest(file.fileno(), size + 1)


@settings(max_examples=15)
@given(st.integers(0, 3 * CHUNK), st.integers(0, 7))
def test_every_bit_changes_the_digest(place, bit):
    data = bytearray(3 * CHUNK + 1)
    before = chunked_digest(bytes(data))
    data[place] ^= 1 << bit
    assert chunked_digest(bytes(data)) != before


def test_order_and_length_count():
    one, two = b"1" * CHUNK, b"2" * CHUNK
    digests = {chunked_digest(data) for data in (one, one + one, one + two, two + one, b"")}
    assert len(digests) == 5


def test_each_byte_is_read_once(tmp_path):
    size = 5 * CHUNK + 3
    with (tmp_path / "file").open("wb") as file:
        file.truncate(size)
    before = bytes_read()
    chunked_file_digest(tmp_path / "file")
    assert size <= bytes_read() - before < 1.01 * size


def bytes_read() -> int:
    path = Path("/proc/self/io")
    if not path.exists():
        pytest.skip("this system does not count what a process reads")
    return int(dict(line.split(": ") for line in path.read_text().splitlines())["rchar"])
