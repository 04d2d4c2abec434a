"""Protobuf messages as they lie in a file, whatever a library would write."""

from __future__ import annotations


def varint(number: int) -> bytes:
    return b"".join(
        bytes([number >> shift & 0x7F | (0x80 if number >> shift + 7 else 0)])
        for shift in range(0, max(number.bit_length(), 1), 7)
    )


def field(number: int, content: bytes) -> bytes:
    """A field of a protobuf message that has a length."""
    length, size = b"", len(content)
    while size >= 0x80:
        length, size = length + bytes([size & 0x7F | 0x80]), size >> 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + content


def model_around(graph: bytes) -> bytes:
    return b"\x08\x08" + field(7, graph) + field(8, b"")
