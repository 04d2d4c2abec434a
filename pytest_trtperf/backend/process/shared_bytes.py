"""Bytes in memory that several processes map, so that a plan is not copied to each of them."""

from __future__ import annotations

import mmap
import os
import weakref


class SharedBytes:
    """A copy of some bytes in a file that has no name: a message carries its descriptor.

    Nobody but this process and those that it sends the descriptor to can reach the bytes, and those
    map them for reading alone: what was verified is what is deserialised.
    """

    def __init__(self, data: bytes | memoryview) -> None:
        self._descriptor = os.memfd_create("trtperf")
        # A thread may be sending it while another one has no more use for it.
        self._free = weakref.finalize(self, os.close, self._descriptor)
        with os.fdopen(self._descriptor, "wb", closefd=False) as file:
            file.write(data)

    def fileno(self) -> int:
        """The descriptor."""
        return self._descriptor

    def close(self) -> None:
        """Frees the bytes here, as the end of this object does; who mapped them keeps them."""
        self._free()


def map_bytes(descriptor: int) -> memoryview:
    """The bytes behind a descriptor, for reading; takes the descriptor over."""
    try:
        size = os.fstat(descriptor).st_size
        if not size:
            return memoryview(b"")
        # All pages at once: one fault for each would take longer than reading them.
        flags = mmap.MAP_PRIVATE | getattr(mmap, "MAP_POPULATE", 0)
        return memoryview(mmap.mmap(descriptor, size, flags=flags, prot=mmap.PROT_READ))
    finally:
        os.close(descriptor)
