"""What an engine cache holds, read from its files without a GPU and without TensorRT."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pytest_trtperf.errors import CacheError
from pytest_trtperf.files.digests import read_and_digest
from pytest_trtperf.plan_cache.files import PLAN, RUNTIME_CACHE, CacheFiles
from pytest_trtperf.plan_cache.identity import PlanIdentity, read_identity
from pytest_trtperf.plan_cache.trust import Damaged, open_cached

_SHA256_BYTES = 32


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
    return read_checked(files.path(key, RUNTIME_CACHE), shared=files.shared)


def read_checked(path: Path, *, shared: bool) -> bytes | None:
    """What `with_checksum` made the bytes of a file from, None if there is no file.

    Raises:
        Damaged: it is not what was written, or not to be trusted.
    """
    try:
        with open_cached(path, shared=shared) as file:
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


def chosen_key(wanted: str, keys: Collection[str], what: str) -> str:
    """The one key that is the wanted one, or begins with it; `what` says of what keys they are.

    Raises:
        CacheError: it matches none, or several.
    """
    fitting = [wanted] if wanted in keys else [key for key in keys if key.startswith(wanted)]
    if len(fitting) != 1:
        several = f"several keys begin with it: {', '.join(fitting)}"
        raise CacheError(
            f"{wanted}: {several if fitting else f'no such {what}'}; see trtperf cache list"
        )
    return fitting[0]
