"""Inputs that are nearly right: documents with odd values in odd places, and damaged bytes.

All of it follows from a `random.Random`, so that a seed gives the same input again.
"""

from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile
from collections.abc import Callable, Sequence
from functools import cache
from random import Random
from typing import Any

_RAW = "\0raw"
_ODD_TEXTS = (
    "", " ", "\0", "\x1b[31m", "a\n::error::b", "\u202e", "\ud800", "模型", "../../etc/passwd", "/",
    "a" * 300, "x" * 200_000, "%s%n", "{}", "NaN", "1e999", "2026-01-02T03:04:05Z", "0001-01-01",
    "latency", "gpu_compute", "trtperf-run/1", "trtperf-baseline/1", "tests/t.py::test_a#b#c",
)  # fmt: skip
_ODD_NUMBERS = (
    0, -1, 1, 2, 21, 2**31, 2**63, 2**64, -(2**63), 0.0, -0.0, 1e-320, 1e308, -1e308, 0.1, 1e-9,
)  # fmt: skip
_RAW_TEXTS = (
    "NaN", "-Infinity", "1e999", "-0", "1" * 400, "01", "tru", "'a'", "[", "}", ",", "/* */ 1",
    "[" * 200 + "]" * 200, "[" * 900 + "]" * 900, "[" * 100_000, '{"a":' * 3000 + "1" + "}" * 3000,
    "[" + "0," * 50_000 + "0]", '"\\ud800"', '"\\u0000"', "1." + "0" * 5000 + "1",
)  # fmt: skip


def odd_json(random: Random, document: bytes) -> bytes:
    """A JSON document with one to four changes in its tree, and perhaps damaged bytes."""
    holder = {"": json.loads(document)}
    raw: list[str] = []
    for _ in range(random.choice((1, 1, 1, 2, 3, 4))):
        _change(random, holder, raw)
    text = json.dumps(holder[""])
    for number, part in enumerate(raw):
        text = text.replace(json.dumps(f"{_RAW}{number};"), part)
    data = text.encode()
    return odd_bytes(random, data) if random.random() < 0.2 else data


def _change(random: Random, holder: Any, raw: list[str]) -> None:
    place, key = _somewhere(random, holder)
    kind = random.randrange(9)
    if kind == 0 and place is not holder:
        del place[key]
    elif kind == 1:
        raw.append(random.choice(_RAW_TEXTS))
        place[key] = f"{_RAW}{len(raw) - 1};"
    elif kind == 2:
        other, its = _somewhere(random, holder)
        place[key] = json.loads(json.dumps(other[its]))
    elif kind == 3 and isinstance(place, dict) and place is not holder:
        # The same key twice.
        raw.append(f"{json.dumps(key)}")
        place[f"{_RAW}{len(raw) - 1};"] = place[key]
    elif kind == 4 and isinstance(place, dict) and place is not holder:
        place[random.choice(_ODD_TEXTS)] = place.pop(key)
    elif kind == 5 and isinstance(place[key], list):
        place[key] = place[key] * random.choice((0, 2, 3, 50))
    elif kind == 6:
        place[key] = random.choice(_ODD_TEXTS)
    elif kind == 7 and isinstance(place[key], float):
        place[key] = place[key] * random.choice((-1, 1e-9, 0.5, 1.1, 3, 1e9, 1e300))
    else:
        place[key] = random.choice((*_ODD_NUMBERS, None, True, False, [], {}, [[]], {"": {}}))


def _somewhere(random: Random, holder: Any) -> tuple[Any, Any]:
    place: Any = holder
    key: Any = ""
    while True:
        inside = place[key]
        if not (isinstance(inside, (dict, list)) and inside) or random.random() < 0.12:
            return place, key
        place = inside
        key = (
            random.choice(list(inside))
            if isinstance(inside, dict)
            else random.randrange(len(inside))
        )


def odd_bytes(random: Random, data: bytes) -> bytes:
    """Bytes with one to three damages."""
    for _ in range(random.choice((1, 1, 2, 3))):
        at, end = sorted(random.randrange(len(data) + 1) for _ in range(2))
        part = random.choice(
            (b"\0", b"\xff", b"\xef\xbb\xbf", b"\x80", b"{", b'"', b"\\u", b"9" * 40)
        )
        data = random.choice((
            lambda at=at, data=data: data[:at],
            lambda at=at, data=data, part=part: data[:at] + part + data[at:],
            lambda at=at, data=data, part=part: data[:at] + part + data[at + 1 :],
            lambda at=at, end=end, data=data: data[:at] + data[min(end, at + 30) :],
            lambda at=at, end=end, data=data: data[:end] + data[at:end][:500] + data[end:],
            lambda at=at, data=data: data[at:],
        ))()  # fmt: skip
    return data


_TOML = (
    "[", "]", "[[", "]]", '"', '"""', "'", "=", "\n", "#", ".", "*", "*a" * 40, "?", "\\u0000",
    "key", "since", "until", "quarantine", "2026-99-99", "0001-01-01", "9999-12-31",
    "1979-05-27T07:32",
    "1" * 5000, "[" * 3000, "{a=" * 500, "x." * 5000, "inf", "nan", "true", "\x00", "\x1b", "模",
    "x" * 200_000, '= ""', '= "*"', "= 1", "= []",
)  # fmt: skip


def odd_toml(random: Random, document: str) -> bytes:
    """A TOML document with one to four parts put in, taken out or replaced."""
    for _ in range(random.choice((1, 1, 2, 3, 4))):
        at = random.randrange(len(document) + 1)
        gone = random.choice((0, 0, 1, 3, 12))
        part = random.choice(_TOML) if random.random() < 0.8 else ""
        document = document[:at] + part + document[at + gone :]
    data = document.encode()
    return odd_bytes(random, data) if random.random() < 0.05 else data


_LOG = (
    "nan", "inf", "-1", "0", "1e99", "1e-99", "9" * 21, "9" * 5000, "0.5", "100", "&&&& RUNNING x",
    "=== Performance summary ===", "Latency: ", "percentile(0%) = 1 ms, ", "percentile(101%)",
    "\x1b[31m", "\x1b[", "\r", "\n", "] ", ": ", " = ", " ms", ", ", " qps", "\0", "模", "v8601",
    "TensorRT version: 8.6", "TensorRT-RTX version: 1.4.0", "Selected Device: ", "--onnx=", "'",
    '"',
    "Throughput: 1 qps\n" * 999, "x" * 200_000,
)  # fmt: skip
_WIDE = ("utf-16", "utf-16-le", "utf-8-sig", "latin-1")


def odd_log(random: Random, document: str) -> bytes:
    """A log with lines taken out, said twice or in another order, and with odd parts in them."""
    lines = document.split("\n")
    for _ in range(random.choice((0, 0, 1, 2))):
        at, to = (random.randrange(len(lines)) for _ in range(2))
        lines[at : at + 1] = random.choice(([], [lines[at]] * 2, [lines[to]]))
    document = "\n".join(lines)
    for _ in range(random.choice((0, 1, 1, 2, 4))):
        at, gone = random.randrange(len(document) + 1), random.choice((0, 1, 3, 12, 90))
        document = document[:at] + random.choice(_LOG) + document[at + gone :]
    wide = random.choice(_WIDE) if random.random() < 0.1 else "utf-8"
    data = document.encode(wide, "replace")
    return odd_bytes(random, data) if random.random() < 0.1 else data


Field = tuple[int, int, Any]


def odd_protobuf(random: Random, data: bytes) -> bytes:
    """A protobuf message with one to four changes in its tree, and perhaps damaged bytes."""
    tree = _fields(data, 0)
    assert tree is not None
    for _ in range(random.choice((1, 1, 2, 4))):
        _change_field(random, tree)
    encoded = _encoded(tree)
    return odd_bytes(random, encoded) if random.random() < 0.2 else encoded


def _fields(data: bytes, depth: int) -> list[Field] | None:
    """The fields of a message, those inside of fields too; None if it is no message."""
    found: list[Field] = []
    position = 0
    while position < len(data):
        key, position = _read_varint(data, position)
        number, wire = key >> 3, key & 7
        if number == 0 or position > len(data):
            return None
        if wire == 0:
            value: Any
            value, position = _read_varint(data, position)
        elif wire == 2:
            length, position = _read_varint(data, position)
            value = data[position : position + length]
            if len(value) != length:
                return None
            position += length
            inner = _fields(value, depth + 1) if value and depth < 12 else None
            value = value if inner is None else inner
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
            value, position = data[position : position + size], position + size
        else:
            return None
        found.append((number, wire, value))
    return found


def _change_field(random: Random, tree: list[Field]) -> None:
    while True:
        at = random.randrange(len(tree)) if tree else 0
        if not tree:
            break
        number, wire, value = tree[at]
        if isinstance(value, list) and value and random.random() < 0.85:
            tree = value
            continue
        break
    odd = random.choice((
        (random.choice((1, 4, 5, 6, 7, 8, 9, 11, 13, 14, 15, 2**28)), 0,
         random.choice((0, 1, 127, 2**32, 2**63, 2**64 - 1, 2**70))),
        (random.choice((1, 2, 3, 5, 6, 7, 8, 11, 13, 25)), 2,
         random.choice((b"", b"\xff" * 9, b"location", b"../x", b"a" * 300, b"\0"))),
        (1, 3, b""), (7, 4, b""), (9, 5, b"abcd"), (9, 1, b"abcdefgh"),
    ))  # fmt: skip
    kind = random.randrange(6)
    if not tree or kind == 0:
        tree.insert(at, odd)
    elif kind == 1:
        del tree[at]
    elif kind == 2:
        tree[at] = (odd[0], wire, value)
    elif kind == 3:
        tree[at] = (number, odd[1], odd[2])
    elif kind == 4:
        tree[at : at + 1] = [tree[at]] * random.choice((2, 3, 400))
    else:
        inside: Any = value
        for _ in range(random.choice((1, 5, 30, 2000 if number in (1, 6) else 30))):
            inside = [(random.choice((1, 5, 6, 7, 11)), 2, inside)] if wire == 2 else inside
        tree[at] = (number, wire, inside)


def _encoded(tree: Sequence[Field]) -> bytes:
    # Not by recursion: some trees are deep.
    parts: list[bytes] = []
    stack: list[tuple[list[bytes], Sequence[Field], int, Field | None]] = [(parts, tree, 0, None)]
    while stack:
        into, fields, at, outer = stack.pop()
        if at == len(fields):
            if outer is not None:
                whole = b"".join(into)
                stack[-1][0].append(_varint(outer[0] << 3 | 2) + _varint(len(whole)) + whole)
            continue
        stack.append((into, fields, at + 1, outer))
        number, wire, value = fields[at]
        if isinstance(value, list):
            stack.append(([], value, 0, fields[at]))
        elif wire == 0:
            into.append(_varint(number << 3) + _varint(value if isinstance(value, int) else 1))
        elif wire == 2:
            data = value if isinstance(value, bytes) else b"?"
            into.append(_varint(number << 3 | 2) + _varint(len(data)) + data)
        else:
            into.append(_varint(number << 3 | wire) + (value if isinstance(value, bytes) else b""))
    return b"".join(parts)


def _varint(number: int) -> bytes:
    found = bytearray()
    while True:
        found.append((number & 127) | (128 if number > 127 else 0))
        number >>= 7
        if not number:
            return bytes(found)


def _read_varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while position < len(data):
        byte = data[position]
        value, shift, position = value | (byte & 127) << shift, shift + 7, position + 1
        if byte < 128:
            return value, position
    return value, len(data) + 1


_SHAPES = ("()", "(3,)", "(2, 3)", "(-1,)", "(10**9,)", "(1000000000000,)", "(0,)", "3", "[3]",
           "(2**62, 8)", "(1.5,)", "('a',)", "(4611686018427387904, 4)", "(3", "None")  # fmt: skip
_DTYPES = ("'<f4'", "'<f8'", "'|O'", "'|S9'", "'<U100000000'", "'|V9'", "[('a', '<f4')]", "'q'",
           "'<M8[ns]'", "3", "'" + "x" * 5000 + "'", "[('a', '|O')]", "'<f16'", "'?'")  # fmt: skip


def odd_npy(random: Random) -> bytes:
    """A file of `np.save`, mostly with an odd header."""
    dtype = random.choice(_DTYPES) if random.random() < 0.5 else "'<f4'"
    shape = random.choice(_SHAPES) if random.random() < 0.5 else "(3,)"
    order = random.choice(("False", "True", "0", "None")) if random.random() < 0.3 else "False"
    header = f"{{'descr': {dtype}, 'fortran_order': {order}, 'shape': {shape}, }}"
    if random.random() < 0.1:
        header = random.choice((
            "{" * 300, "(" * 5000, "__import__('os').abort()", "{'descr': '<f4'}", "", "9" * 9000,
            "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), 'more': 1}",
        ))  # fmt: skip
    version = random.choice((b"\1\0", b"\1\0", b"\1\0", b"\2\0", b"\3\0", b"\x09\0"))
    size = "<H" if version == b"\1\0" else "<I"
    text = header.encode() + b" " * (-len(header) % 64) + b"\n"
    length = len(text) if random.random() < 0.9 else random.choice((0, 65535, 1))
    body = random.choice((b"", bytes(12), bytes(24), b"\xff" * 100, pickle.dumps([_Abort()])))
    data = b"\x93NUMPY" + version + struct.pack(size, min(length, 65535)) + text + body
    return odd_bytes(random, data) if random.random() < 0.2 else data


class _Abort:
    """Ends the process if somebody unpickles it."""

    def __reduce__(self) -> tuple[Callable[[], None], tuple[()]]:
        import os

        return os.abort, ()


def odd_npz(random: Random) -> bytes:
    """An archive of `np.savez`, with odd members."""
    file = io.BytesIO()
    how = random.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2))
    with zipfile.ZipFile(file, "w", how) as archive:
        for number in range(random.choice((0, 1, 1, 2, 30))):
            name = random.choice(
                (f"x{number}.npy", "../x.npy", "/x.npy", "x.bin", "\x1b.npy", "d/")
            )
            archive.writestr(name, odd_npy(random))
    data = bomb_npz() if random.random() < 0.01 else file.getvalue()
    return odd_bytes(random, data) if random.random() < 0.4 else data


@cache
def bomb_npz() -> bytes:
    """An archive of 300 kB with 300 MB of zeros."""
    size, file = 300 << 20, io.BytesIO()
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({size},), }}".encode()
    text = header + b" " * (-len(header) % 64) + b"\n"
    with (
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("bomb.npy", "w") as member,
    ):
        member.write(b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text)
        for _ in range(size >> 20):
            member.write(bytes(1 << 20))
    return file.getvalue()


_SEPARATORS = (" ", " ", " ", "  ", "\n", "\\\n", "\t", "", " # ", " '", ' "', "\\", "\0", " ; ")


def odd_command(random: Random, words: Sequence[str], values: Sequence[str]) -> str:
    """A command line of known words with odd values, in odd quotes."""
    parts: list[str] = []
    for _ in range(random.randrange(12)):
        word = random.choice(words)
        if random.random() < 0.7:
            value = random.choice((*values, *_ODD_TEXTS))
            word += "=" + value if random.random() < 0.9 else " " + value
        if random.random() < 0.1:
            at = random.randrange(len(word) + 1)
            word = (
                word[:at]
                + random.choice(("'", '"', "\\", "=", ":", ",", "x", "-", "é"))
                + word[at:]
            )
        parts += [word, random.choice(_SEPARATORS)]
    return "".join(parts)
