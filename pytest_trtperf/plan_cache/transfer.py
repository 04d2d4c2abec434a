"""Engines and references of a cache -> a package, and a package -> a cache.

What is not whole or not to be trusted is not exported. An import puts an entry in its place once
all of its digests are verified. One that is killed leaves temporary files, which are removed as
those of killed builds are.
"""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import BinaryIO

from pytest_trtperf.errors import CacheError
from pytest_trtperf.files.atomic import PendingFile
from pytest_trtperf.files.digests import chunked_file_digest
from pytest_trtperf.plan_cache import reference
from pytest_trtperf.plan_cache.entries import find_problem, read_checked, read_runtime_cache
from pytest_trtperf.plan_cache.files import IDENTITY, PLAN, RUNTIME_CACHE, CacheFiles, explained
from pytest_trtperf.plan_cache.identity import MAX_BYTES, PlanIdentity, decode, read_identity
from pytest_trtperf.plan_cache.package import (
    OpenByName,
    Package,
    PackedEntry,
    PackedFile,
    digest_of,
)
from pytest_trtperf.plan_cache.references import References
from pytest_trtperf.plan_cache.trust import Damaged, open_cached

_ENGINE_FILES = (IDENTITY, RUNTIME_CACHE, PLAN)
"""In the order of publishing: a plan is never visible without the checksum that verifies it."""


def packed_engine(files: CacheFiles, key: str) -> tuple[PackedEntry, OpenByName]:
    """An engine as an entry of a package, and what opens its files.

    Raises:
        Damaged: the cache would not load it.
    """
    open_file = partial(files.open, key)
    identity, kernels = read_identity(files, key), read_runtime_cache(files, key)
    names = [name for name in _ENGINE_FILES if name != RUNTIME_CACHE or kernels is not None]
    packed = [_digested(open_file, name) for name in names]
    if (packed[-1].sha256, packed[-1].size) != (identity.plan_sha256, identity.size):
        raise Damaged("the plan does not match its SHA-256")
    return PackedEntry(kind="engine", key=key, files=packed), open_file


def packed_reference(references: References, key: str) -> tuple[PackedEntry, OpenByName]:
    """The same of a reference.

    Raises:
        Damaged: it would not be used.
    """
    problem, known = references.find_problem(key), references.read(key)
    if problem or known is None:
        raise Damaged(problem or f"has no {reference.METADATA}")
    folder = references.path(key)

    def open_file(name: str) -> BinaryIO:
        return open_cached(folder / name, shared=references.shared)

    names = [name for name in reference.file_names(known) if (folder / name).exists()]
    packed = [_digested(open_file, name) for name in names]
    return PackedEntry(kind="reference", key=key, files=packed), open_file


def _digested(open_file: OpenByName, name: str) -> PackedFile:
    try:
        with open_file(name) as file:
            return digest_of(name, file)
    except FileNotFoundError:
        raise Damaged(f"has no {name}") from None
    except OSError as error:
        raise Damaged(f"has a {name} that cannot be read: {error.strerror}") from error


def import_entry(
    package: Package, entry: PackedEntry, files: CacheFiles, references: References
) -> bool:
    """Puts the next entry of a package in its place; False if a whole one is there already.

    Raises:
        CacheError: the package is cut off, changed or odd, or the cache cannot be used.
    """
    try:
        if entry.kind == "engine":
            return _import_engine(package, entry, files)
        return _import_reference(package, entry, references)
    except Damaged as reason:
        raise CacheError(f"{package.path}: {entry.kind} {entry.key[:12]} {reason}") from reason


def _import_engine(package: Package, entry: PackedEntry, files: CacheFiles) -> bool:
    _check_engine_names([one.name for one in entry.files])
    files.prepare()
    with files.locked(entry.key), explained(files.directory):
        if find_problem(files, entry.key) is None:
            _leave_out(package, entry)
            return False
        files.sweep(entry.key)
        with ExitStack() as ends:
            pending: dict[str, PendingFile] = {}
            for one in entry.files:
                place, mode = files.path(entry.key, one.name), 0o644 if files.shared else 0o600
                pending[one.name] = PendingFile(place, mode=mode, owner=entry.key)
                ends.callback(pending[one.name].discard)
                package.take(one, pending[one.name].file)
                pending[one.name].finish(sync=True)
            _check_engine(entry, {name: file.temporary for name, file in pending.items()})
            for name in (name for name in _ENGINE_FILES if name in pending):
                pending[name].publish()
    return True


def _check_engine_names(names: list[str]) -> None:
    if len(set(names)) != len(names) or not {PLAN, IDENTITY} <= set(names) <= set(_ENGINE_FILES):
        raise Damaged(f"has other files than an engine has: {', '.join(map(repr, names))}")


def _check_engine(entry: PackedEntry, paths: dict[str, Path]) -> None:
    """Refuses what the cache would not load; the plan is not read into memory."""
    sizes = {one.name: one for one in entry.files}
    try:
        with paths[IDENTITY].open("rb") as file:
            identity = decode(file.read(MAX_BYTES), PlanIdentity)
    except ValueError as error:
        raise Damaged(f"has a broken identity: {error}") from error
    found = sizes[PLAN].size, sizes[PLAN].sha256, chunked_file_digest(paths[PLAN])
    if found != (identity.size, identity.plan_sha256, identity.checksum):
        raise Damaged("has a plan that does not match its identity")
    if RUNTIME_CACHE in paths:
        read_checked(paths[RUNTIME_CACHE], shared=True)


def _import_reference(package: Package, entry: PackedEntry, references: References) -> bool:
    names = [one.name for one in entry.files]
    for name in names:
        reference.check_name(name)
    if reference.METADATA not in names:
        raise Damaged(f"has no {reference.METADATA}")

    def fill(folder: Path) -> None:
        for one in entry.files:
            place = folder / one.name
            place.parent.mkdir(mode=references.folder_mode, parents=True, exist_ok=True)
            pending = PendingFile(place, mode=references.file_mode)
            try:
                package.take(one, pending.file)
                pending.finish(sync=True)
                pending.publish()
            finally:
                pending.discard()
        known = reference.read_reference(folder, shared=True)
        if odd := [name for name in names if name not in reference.file_names(known)]:
            raise Damaged(f"has a file that is none of a reference, {odd[0]!r}")

    if references.add(entry.key, sum(one.size for one in entry.files), fill):
        return True
    _leave_out(package, entry)
    return False


def _leave_out(package: Package, entry: PackedEntry) -> None:
    for one in entry.files:
        package.take(one, None)
