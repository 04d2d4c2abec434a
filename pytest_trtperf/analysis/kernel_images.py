"""Which kernels a serialised runtime cache holds, whatever their order in it.

TensorRT for RTX writes the same kernels in another order each time, with bytes of its own around
them. Each kernel is an ELF image, whose header says where it ends. Those that cuDNN generates stand
in its JSON, in base64.
"""

from __future__ import annotations

import binascii
import contextlib
import hashlib
import itertools
import re
import struct
from collections.abc import Iterator, Sequence

_MAGIC = b"\x7fELF"
_HEADER = struct.Struct("<4sBB26xQQ4x5H2x")
"""Of an ELF file (System V ABI, chapter 4): magic, class, byte order, e_phoff, e_shoff, e_ehsize,
e_phentsize, e_phnum, e_shentsize, e_shnum."""
_IN_JSON = re.compile(rb'"(f0VMRg[A-Za-z0-9+/]+={0,2})"')
"""The magic and more of it in base64."""
_64_BITS, _LITTLE_ENDIAN = 2, 1


def kernel_images(runtime_cache: bytes) -> list[str]:
    """The SHA-256 (hexadecimal) of each ELF image, sorted; empty where none is found."""
    images = itertools.chain(_images(runtime_cache), _images_in_json(runtime_cache))
    return sorted(hashlib.sha256(image).hexdigest() for image in images)


def kernels_digest(images: Sequence[str]) -> str | None:
    """A SHA-256 (hexadecimal) of all images; None of no image, since nothing is known then.

    Args:
        images: what `kernel_images` found.
    """
    return hashlib.sha256("".join(images).encode()).hexdigest() if images else None


def _images(data: bytes) -> Iterator[memoryview]:
    view, start = memoryview(data), data.find(_MAGIC)
    while start >= 0:
        size = _size_of_image(view[start:])
        if size:
            yield view[start : start + size]
        start = data.find(_MAGIC, start + (size or len(_MAGIC)))


def _images_in_json(data: bytes) -> Iterator[memoryview]:
    for text in _IN_JSON.finditer(data):
        with contextlib.suppress(binascii.Error):
            yield from _images(binascii.a2b_base64(text[1]))


def _size_of_image(data: memoryview) -> int:
    """How many bytes from the magic on are an ELF image; 0 if they are none."""
    if len(data) < _HEADER.size:
        return 0
    header = _HEADER.unpack_from(data)
    _, kind, order, programs, sections, own, program, of_programs, section, of_sections = header
    if (kind, order, own) != (_64_BITS, _LITTLE_ENDIAN, _HEADER.size) or not of_sections:
        return 0
    # The two tables come last, in either order.
    size: int = max(sections + section * of_sections, programs + program * of_programs)
    return size if own < size <= len(data) else 0
