"""What an engine cache holds, read from its files without a GPU and without TensorRT."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, BinaryIO, TypeVar

import msgspec

from pytest_trtperf.engine.identity import EngineIdentity
from pytest_trtperf.files.digests import read_and_digest
from pytest_trtperf.plan_cache.files import IDENTITY, PLAN, RUNTIME_CACHE, CacheFiles
from pytest_trtperf.plan_cache.identity import MAX_BYTES, Origin, PlanIdentity, decode
from pytest_trtperf.plan_cache.trust import Damaged

_SHA256_BYTES = 32
_Kind = TypeVar("_Kind", bound=Origin)


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


def explain_build(files: CacheFiles, about: EngineIdentity) -> str:
    """Why no plan here fits: what is different in the nearest one of the same model."""
    try:
        same = [other for other in _origins(files) if other.model == about.model]
    except OSError as error:
        return f"the cache cannot be read ({error.strerror})"
    if not same:
        return "no engine of this model was cached"
    differences = (_differences(about, other) for other in same)
    nearest: list[str] = min(differences, key=len)
    if not nearest:
        return "the engine in the cache is damaged, or another version of pytest-trtperf built it"
    return f"the nearest in the cache differs in {', '.join(nearest)}"


def _origins(files: CacheFiles) -> Iterator[EngineIdentity]:
    for key in files.list_keys(IDENTITY):
        with suppress(Damaged):
            yield _read(files, key, Origin).about


def _differences(about: EngineIdentity, other: EngineIdentity) -> list[str]:
    here, there = msgspec.to_builtins(about), msgspec.to_builtins(other)
    return [
        f"{name} ({_difference(here.get(name), there.get(name))})"
        for name in {**here, **there}
        # The model's file may have any name.
        if name != "onnx" and here.get(name) != there.get(name)
    ]


def _difference(here: object, there: object) -> str:
    """What the other has; of mappings only the items that differ."""
    ours, theirs = _items(here), _items(there)
    if not ours and not theirs:
        return _described(there)
    return ", ".join(
        f"{name} {_described(theirs.get(name))}, here {_described(ours.get(name))}"
        for name in {**ours, **theirs}
        if ours.get(name) != theirs.get(name)
    )


def _items(value: object) -> dict[str, Any]:
    """The items of a mapping, or of all profiles by name and number; otherwise nothing."""
    if isinstance(value, Mapping):
        return dict(value)
    profiles = value if isinstance(value, (list, tuple)) else ()
    return {
        f"{name} of profile {number}" if len(profiles) > 1 else name: shapes
        for number, profile in enumerate(profiles)
        for name, shapes in _items(profile).items()
    }


def _described(value: object) -> str:
    if value in (None, ""):
        return "not given"
    return value if isinstance(value, str) else json.dumps(value)


def read_identity(files: CacheFiles, key: str) -> PlanIdentity:
    """The identity beside the plan of a key.

    Raises:
        Damaged: it is missing, broken or not to be trusted.
    """
    return _read(files, key, PlanIdentity)


def _read(files: CacheFiles, key: str, kind: type[_Kind]) -> _Kind:
    name = files.path(key, IDENTITY).name
    try:
        with files.open(key, IDENTITY) as file:
            return decode(file.read(MAX_BYTES), kind)
    except FileNotFoundError:
        raise Damaged(f"has no {name} with its checksum") from None
    except Damaged as reason:
        raise Damaged(f"has a {name} that {reason}") from reason.__cause__
    except OSError as error:
        raise Damaged(f"has a {name} that cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise Damaged(f"has a broken {name}: {error}") from error


def read_plan(file: BinaryIO, identity: PlanIdentity) -> memoryview:
    """The bytes of an open plan, verified by its checksum.

    Raises:
        Damaged: they are not those that were written, or cannot be read.
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
    """A runtime cache as its file has it: the checksum, then the bytes."""
    return hashlib.sha256(data).digest() + data


def read_runtime_cache(files: CacheFiles, key: str) -> bytes | None:
    """The runtime cache of a key, None if there is none.

    Raises:
        Damaged: it is not what was written, or not to be trusted.
    """
    try:
        with files.open(key, RUNTIME_CACHE) as file:
            stored = file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Damaged(f"cannot be read: {error.strerror}") from error
    data = stored[_SHA256_BYTES:]
    if with_checksum(data) != stored:
        raise Damaged("does not match its checksum")
    return data


def find_problem(files: CacheFiles, key: str) -> str | None:
    """Why the cache would not load a plan, None if it would; compares its SHA-256 too."""
    try:
        with files.open(key, PLAN) as file:
            identity = read_identity(files, key)
            plan = read_plan(file, identity)
    except FileNotFoundError:
        return "the plan is missing"
    except Damaged as reason:
        return f"the plan {reason}"
    if hashlib.sha256(plan).hexdigest() != identity.plan_sha256:
        return "the plan does not match its SHA-256"
    try:
        read_runtime_cache(files, key)
    except Damaged as reason:
        return f"its runtime cache {reason}"
    return None
