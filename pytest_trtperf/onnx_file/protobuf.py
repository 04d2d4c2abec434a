"""A reader of protobuf's wire format in a mapped file; it skips what nobody asks for."""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Mapping

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FIXED_BYTES: Mapping[int, int] = {_FIXED64: 8, _FIXED32: 4}
_VARINT_BYTES = 10

Span = tuple[int, int]
"""The first byte of a field, and the byte after its last one."""


class Malformed(Exception):
    """The bytes are not a message of the expected kind."""


def fields(data: mmap.mmap, span: Span) -> Iterator[tuple[int, int | Span]]:
    """The fields of one message: their field numbers, each with its value or its span of bytes.

    Raises:
        Malformed: names the byte.
    """
    position, end = span
    while position < end:
        tag, position = _varint(data, position, end)
        number, wire_type = tag >> 3, tag & 7
        if number == 0:
            raise Malformed(f"field number 0 at byte {position}")
        if wire_type == _VARINT:
            value, position = _varint(data, position, end)
            yield number, value
            continue
        if wire_type == _BYTES:
            length, position = _varint(data, position, end)
        elif wire_type in _FIXED_BYTES:
            length = _FIXED_BYTES[wire_type]
        else:
            raise Malformed(f"unknown wire type {wire_type} at byte {position}")
        if length > end - position:
            raise Malformed(f"a field at byte {position} ends after its message")
        yield number, (position, position + length)
        position += length


def messages(data: mmap.mmap, span: int | Span | None) -> Iterator[tuple[int, Span]]:
    """The fields of one message that are messages or text; none of an absent message.

    Raises:
        Malformed: names the byte.
    """
    if isinstance(span, tuple):
        for number, value in fields(data, span):
            if isinstance(value, tuple):
                yield number, value


def varints(data: mmap.mmap, span: Span) -> Iterator[int]:
    """The numbers of a packed field.

    Raises:
        Malformed: names the byte.
    """
    position, end = span
    while position < end:
        value, position = _varint(data, position, end)
        yield value


def text(data: mmap.mmap, span: int | Span | None, errors: str = "strict") -> str:
    """A field as text; an absent one is empty.

    Args:
        errors: for bytes that are not UTF-8, as in `bytes.decode`.

    Raises:
        Malformed: it is a number, or not UTF-8.
    """
    if span is None:
        return ""
    if not isinstance(span, tuple):
        raise Malformed("a number where text belongs")
    try:
        return data[slice(*span)].decode(errors=errors)
    except UnicodeDecodeError:
        raise Malformed(f"the text at byte {span[0]} is not UTF-8") from None


def _varint(data: mmap.mmap, position: int, end: int) -> tuple[int, int]:
    # Nearly all numbers have one byte, and large models have millions of them.
    if position < end and (first := data[position]) < 0x80:
        return first, position + 1
    value = 0
    for index in range(_VARINT_BYTES):
        if position + index >= end:
            raise Malformed(f"a number at byte {position} is cut off")
        byte = data[position + index]
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value, position + index + 1
    raise Malformed(f"a number at byte {position} is too long")
