"""Digests of large files by several threads: SHA-256 over the SHA-256 of each chunk.

One thread hashes 100 MB in 60 ms, even if the CPU has instructions for it; loading an engine of
that size takes as long. Each byte is read once.
"""

from __future__ import annotations

import errno
import hashlib
import mmap
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

_CHUNK_BYTES = 4 << 20
_READ_BYTES = 1 << 20
_MAX_THREADS = 8
# Goes before the chunks' digests, with the size, so that no other layout gives the same digest.
_LAYOUT = b"trtperf-chunks/1"


def file_sha256(path: Path) -> str:
    """SHA-256 over a file as it is, as sha256sum prints it.

    Raises:
        OSError: the file cannot be read.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_READ_BYTES):
            digest.update(block)
    return digest.hexdigest()


def chunked_digest(data: bytes) -> str:
    """The digest of bytes in memory, hexadecimal."""
    view = memoryview(data)
    return _combined(
        len(data), lambda start: hashlib.sha256(view[start : start + _CHUNK_BYTES]).digest()
    )


def chunked_file_digest(path: Path) -> str:
    """The digest of a file, equal to that of its bytes in memory.

    Raises:
        OSError: the file cannot be read, or became shorter while it was read.
    """
    handle = os.open(path, os.O_RDONLY)
    try:
        size = os.fstat(handle).st_size

        def digest(start: int) -> bytes:
            hashed, buffer = hashlib.sha256(), memoryview(bytearray(min(size, _READ_BYTES)))
            for place in range(start, min(start + _CHUNK_BYTES, size), _READ_BYTES):
                piece = buffer[: size - place]
                _read_at(handle, place, piece)
                hashed.update(piece)
            return hashed.digest()

        return _combined(size, digest)
    finally:
        os.close(handle)


def read_and_digest(handle: int, size: int) -> tuple[memoryview, str]:
    """The first ``size`` bytes of an open file, and their digest.

    The thread that hashes a chunk reads it too; with several CPUs this is quicker than only
    reading the file in one thread.

    Raises:
        OSError: the file cannot be read, or is shorter.
    """
    # Fresh pages are zeroed as threads write to them; a bytearray is zeroed by one thread first.
    pages = mmap.mmap(-1, max(1, size), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    data = memoryview(pages)[:size]

    def digest(start: int) -> bytes:
        chunk = data[start : start + _CHUNK_BYTES]
        _read_at(handle, start, chunk)
        return hashlib.sha256(chunk).digest()

    return data, _combined(size, digest)


def _read_at(handle: int, start: int, buffer: memoryview) -> None:
    while buffer:
        read = os.preadv(handle, [buffer], start)
        if not read:
            raise OSError(errno.EIO, "it became shorter while it was read")
        start, buffer = start + read, buffer[read:]


def _combined(size: int, digest: Callable[[int], bytes]) -> str:
    starts = range(0, size, _CHUNK_BYTES)
    threads = min(_MAX_THREADS, len(os.sched_getaffinity(0)), len(starts))
    if threads < 2:
        return _root(size, map(digest, starts))
    with ThreadPoolExecutor(threads) as pool:
        return _root(size, pool.map(digest, starts))


def _root(size: int, digests: Iterable[bytes]) -> str:
    return hashlib.sha256(_LAYOUT + size.to_bytes(8, "big") + b"".join(digests)).hexdigest()
