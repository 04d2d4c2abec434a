"""What an engine cache holds, read from its files without a GPU and without TensorRT."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, BinaryIO, TypeVar

from pytest_trtperf.files.digests import read_and_digest
from pytest_trtperf.plan_cache.files import IDENTITY, PLAN, RUNTIME, CacheFiles
from pytest_trtperf.plan_cache.identity import MAX_BYTES, Identity, Origin, decode
from pytest_trtperf.plan_cache.trust import Untrusted

_SHA256_BYTES = 32
_Kind = TypeVar("_Kind", bound=Origin)


class Damaged(Exception):
    """A cached file is not what was written; the text says why."""


@dataclass(frozen=True)
class Entry:
    """The files of one key.

    Attributes:
        size: of all of them, in bytes.
        used: when the plan was last loaded or built, in seconds since the epoch.
    """

    key: str
    size: int
    used: float


def entries(files: CacheFiles) -> list[Entry]:
    """All engines, damaged ones too, the least recently used first; opens no file.

    Raises:
        OSError: the directory cannot be read.
    """
    keys = [key for key in files.list_keys() if files.has_entry(key)]
    found = [Entry(key, files.size(key), files.used(key)) for key in keys]
    return sorted(found, key=lambda entry: (entry.used, entry.key))


def explain_build(files: CacheFiles, about: Mapping[str, Any]) -> str:
    """Why no plan here would do: how that of the same model which is nearest differs.

    Raises:
        OSError: the directory cannot be read.
    """
    same = [other for other in _origins(files) if other.get("model") == about.get("model")]
    if not same:
        return "no engine of this model was cached"
    differences = (_differences(about, other) for other in same)
    nearest: list[str] = min(differences, key=len)
    if not nearest:
        return "the engine in the cache is damaged, or another version of pytest-trtperf built it"
    return f"the nearest in the cache differs in {', '.join(nearest)}"


def _origins(files: CacheFiles) -> Iterator[Mapping[str, Any]]:
    for key in files.list_keys():
        with suppress(Damaged):
            yield _read(files, key, Origin).about


def _differences(about: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    names = [name for name in {**about, **other} if name != "onnx"]  # a file's name is nothing
    return [
        f"{name} ({_difference(about.get(name), other.get(name))})"
        for name in names
        if about.get(name) != other.get(name)
    ]


def _difference(here: object, there: object) -> str:
    """What the other has; of mappings, the items that differ."""
    ours, theirs = _items(here), _items(there)
    if not ours and not theirs:
        return _told(there)
    return ", ".join(
        f"{name} {_told(theirs.get(name))}, here {_told(ours.get(name))}"
        for name in {**ours, **theirs}
        if ours.get(name) != theirs.get(name)
    )


def _items(value: object) -> dict[str, Any]:
    """By name, and of several profiles by their number as well; nothing of what is no mapping."""
    if isinstance(value, Mapping):
        return dict(value)
    profiles = value if isinstance(value, (list, tuple)) else ()
    return {
        f"{name} of profile {number}" if len(profiles) > 1 else name: shapes
        for number, profile in enumerate(profiles)
        for name, shapes in _items(profile).items()
    }


def _told(value: object) -> str:
    if value is None:
        return "not given"
    return value if isinstance(value, str) else json.dumps(value)


def read_identity(files: CacheFiles, key: str) -> Identity:
    """What lies beside the plan of a key.

    Raises:
        Damaged: it is missing, broken or not to be trusted.
    """
    return _read(files, key, Identity)


def _read(files: CacheFiles, key: str, kind: type[_Kind]) -> _Kind:
    name = files.path(key, IDENTITY).name
    try:
        with files.open(key, IDENTITY) as file:
            return decode(file.read(MAX_BYTES), kind)
    except FileNotFoundError:
        raise Damaged(f"has no {name} with its checksum") from None
    except Untrusted as reason:
        raise Damaged(f"has a {name} that {reason}") from None
    except OSError as error:
        raise Damaged(f"has a {name} that cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise Damaged(f"has a broken {name}: {error}") from error


def open_plan(files: CacheFiles, key: str) -> BinaryIO:
    """Opens the plan of a key.

    Raises:
        FileNotFoundError: there is none.
        Damaged: it cannot be read, or is not to be trusted.
    """
    try:
        return files.open(key, PLAN)
    except FileNotFoundError:
        raise
    except Untrusted as reason:
        raise Damaged(str(reason)) from None
    except OSError as error:
        raise Damaged(f"cannot be read: {error.strerror}") from error


def read_plan(file: BinaryIO, identity: Identity) -> memoryview:
    """The bytes of an open plan, if they are those that were written.

    Raises:
        Damaged: they are not, or cannot be read.
    """
    try:
        size = os.fstat(file.fileno()).st_size
        if size != identity.size:
            raise Damaged(f"has {size} bytes instead of {identity.size}")
        plan, checksum = read_and_digest(file.fileno(), size)
    except OSError as error:
        raise Damaged(f"cannot be read: {error.strerror}") from error
    if checksum != identity.checksum:
        raise Damaged("does not match its checksum")
    return plan


def with_checksum(data: bytes) -> bytes:
    """What is kept of a runtime cache: its checksum, then its bytes."""
    return hashlib.sha256(data).digest() + data


def read_runtime(files: CacheFiles, key: str) -> bytes | None:
    """The runtime cache of a key, None if there is none.

    Raises:
        Damaged: it is not what was written, or not to be trusted.
    """
    try:
        with files.open(key, RUNTIME) as file:
            stored = file.read()
    except FileNotFoundError:
        return None
    except Untrusted as reason:
        raise Damaged(str(reason)) from None
    except OSError as error:
        raise Damaged(f"cannot be read: {error.strerror}") from error
    data = stored[_SHA256_BYTES:]
    if with_checksum(data) != stored:
        raise Damaged("does not match its checksum")
    return data


def find_problem(files: CacheFiles, key: str) -> str | None:
    """Why a plan would not be loaded, None if it would; compares its SHA-256 too."""
    try:
        with open_plan(files, key) as file:
            identity = read_identity(files, key)
            plan = read_plan(file, identity)
    except FileNotFoundError:
        return "the plan is missing"
    except Damaged as reason:
        return f"the plan {reason}"
    if hashlib.sha256(plan).hexdigest() != identity.sha256:
        return "the plan does not match its SHA-256"
    try:
        read_runtime(files, key)
    except Damaged as reason:
        return f"its runtime cache {reason}"
    return None
