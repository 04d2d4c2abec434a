"""Bytes in memory that several processes map, so that no process is sent a copy of its own."""

from __future__ import annotations

import mmap
import os
import shutil
import weakref
from pathlib import Path

_AT_ONCE = 1 << 20


class SharedBytes:
    """A copy of some bytes in a file that has no name: a message carries its descriptor.

    Nobody but this process and those that it sends the descriptor to can reach the bytes, and those
    map them for reading alone: what was verified is what is deserialised.
    """

    def __init__(self, *parts: bytes | memoryview) -> None:
        self._descriptor = os.memfd_create("trtperf")
        # A thread may be sending it while another one has no more use for it.
        self._free = weakref.finalize(self, os.close, self._descriptor)
        with os.fdopen(self._descriptor, "wb", closefd=False) as file:
            file.writelines(parts)

    @classmethod
    def of_file(cls, path: Path) -> SharedBytes:
        """Those of a file, as it is now.

        Raises:
            OSError: it cannot be read.
        """
        with path.open("rb") as source:
            shared = cls()
            with os.fdopen(shared.fileno(), "wb", closefd=False) as file:
                shutil.copyfileobj(source, file, _AT_ONCE)
        return shared

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
