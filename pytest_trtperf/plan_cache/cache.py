"""Plans on disk: one builder per key across processes, published whole, verified before use."""

from __future__ import annotations

import math
import os
import time
import warnings
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from pytest_trtperf.engine.identity import EngineIdentity
from pytest_trtperf.errors import CacheError, EngineCacheWarning
from pytest_trtperf.files.locks import let_go, use
from pytest_trtperf.plan_cache.entries import (
    read_plan,
    read_runtime_cache,
    with_checksum,
)
from pytest_trtperf.plan_cache.files import (
    IDENTITY,
    PLAN,
    RUNTIME_CACHE,
    CacheFiles,
    explained,
)
from pytest_trtperf.plan_cache.identity import PlanIdentity, explain_build, read_identity
from pytest_trtperf.plan_cache.size import shrink
from pytest_trtperf.plan_cache.trust import Damaged

_LOOK_EVERY_S = 0.2


@dataclass(frozen=True)
class CachedPlan:
    """A plan on disk, in use until its cache is closed.

    Attributes:
        key: What the cache stores it under.
        path: The file, for programs that read plans themselves.
        data: The plan, the very bytes that were verified.
        built: True if this call built it, False if it was there.
        identity: What it is and what it was built from.
    """

    key: str
    path: Path
    data: memoryview = field(repr=False)
    built: bool
    identity: PlanIdentity


class PlanCache:
    """A directory of plans, private to this user unless ``shared``.

    Args:
        directory: Made on first use, for this user alone (0700) unless ``shared`` (0755).
        shared: Accept a directory that others own or may write to; its plans are loaded as they
            are, so everyone who may write there is trusted. It may be read-only if it has the plan.
        limit: Bytes; after a build the least recently used plans go until the rest fits.

    Attributes:
        files: Those in the directory.
    """

    def __init__(self, directory: Path, shared: bool = False, limit: float = math.inf) -> None:
        self.directory = Path(directory)
        self.shared = shared
        self.limit = limit
        self.files = CacheFiles(self.directory, shared=shared)
        self._in_use: dict[str, BinaryIO] = {}
        self._process = os.getpid()
        weakref.finalize(self, _close_all, self._in_use, self._process)

    def get_or_build(
        self,
        key: str,
        build: Callable[[], bytes],
        about: EngineIdentity,
        *,
        host: str | None = None,
        spent_s: float = 0.0,
    ) -> CachedPlan:
        """The plan of a key; if it is not there, exactly one process builds it.

        A plan that is truncated, changed, unreadable or not to be trusted is built again with an
        `EngineCacheWarning`. If ``build`` raises, no plan stays, and its log does.

        Args:
            key: A SHA-256, hexadecimal.
            build: Returns the bytes of the plan.
            about: what it is built from and for, which is kept beside it.
            host: where that happens, likewise.
            spent_s: seconds that the build took before this call.

        Raises:
            CacheError: the directory cannot be used: permissions, space, owner.
            ValueError: ``key`` is no SHA-256.
        """
        self.files.path(key, PLAN)
        self.files.prepare()
        # Looked for without the lock first: a read-only cache has no place for one.
        if found := self._find(key, wait=False):
            return found
        with ExitStack() as held:
            try:
                held.enter_context(self.files.locked(key))
                if found := self._find(key, wait=True):
                    return found
                why = explain_build(self.files, about)
                self.files.make_way(key)
            except CacheError as error:
                reason = f"The engine has to be built: {explain_build(self.files, about)}"
                raise CacheError(f"{error}. {reason}") from error.__cause__
            self.files.sweep(key)
            started = time.perf_counter() - spent_s
            plan = self._publish(key, build(), started, about, why, host)
        self._shrink()
        return plan

    def wait_for_builder(self, key: str, report: Callable[[float | None], None]) -> float:
        """Waits while another process builds the plan; returns the seconds waited.

        Args:
            report: called with the seconds of the wait while it lasts, and with None at its end.

        Raises:
            CacheError: the directory cannot be used.
        """
        self.files.prepare()
        begun = time.monotonic()
        waited = 0.0
        plan = self.files.path(key, PLAN)
        # Not plan.exists(), which raises where the directory may not be read.
        while not os.path.exists(plan) and self.files.is_being_built(key):  # noqa: PTH110
            waited = time.monotonic() - begun
            report(waited)
            time.sleep(_LOOK_EVERY_S)
        if waited:
            report(None)
        return waited

    def close(self) -> None:
        """Lets other processes remove the plans that this object has handed out."""
        _close_all(self._in_use, self._process)

    def store_layers(
        self, key: str, layers: Sequence[Mapping[str, Any]], bindings: Sequence[str]
    ) -> None:
        """Adds the engine inspector's entries, and names of inputs and outputs, to an identity.

        Raises:
            CacheError: the directory cannot be written.
        """
        self.files.prepare()
        with self.files.locked(key), suppress(Damaged):
            known = read_identity(self.files, key)
            identity = msgspec.structs.replace(
                known, layers=[dict(layer) for layer in layers], bindings=list(bindings)
            )
            self.files.replace(key, {IDENTITY: identity.encode()})

    def runtime_cache_path(self, key: str) -> Path:
        """Where the runtime cache of a plan is: beside it."""
        return self.files.path(key, RUNTIME_CACHE)

    def load_runtime_cache(self, key: str) -> bytes | None:
        """What `store_runtime_cache` wrote, or None; a damaged one gives a warning.

        Raises:
            CacheError: the directory cannot be used.
        """
        self.files.prepare()
        try:
            return read_runtime_cache(self.files, key)
        except Damaged as reason:
            warning = f"{self.runtime_cache_path(key)}: {reason}; it is compiled again"
            warnings.warn(warning, EngineCacheWarning, stacklevel=2)
            return None

    def store_runtime_cache(self, key: str, data: bytes) -> None:
        """Replaces the runtime cache of a plan.

        Raises:
            CacheError: the directory cannot be written.
        """
        self.files.path(key, RUNTIME_CACHE)
        self.files.prepare()
        with self.files.locked(key):
            self.files.replace(key, {RUNTIME_CACHE: with_checksum(data)})

    def _find(self, key: str, *, wait: bool) -> CachedPlan | None:
        """The plan, or None if there is none that is whole.

        Args:
            wait: the caller holds the lock: wait until nobody removes the plan, warn of damage.
        """
        try:
            return self._open(key, wait=wait)
        except FileNotFoundError:
            return None
        except Damaged as reason:
            if wait:
                warning = f"{self.files.path(key, PLAN)}: {reason}; the engine is built again"
                warnings.warn(warning, EngineCacheWarning, stacklevel=3)
            return None

    def _open(self, key: str, *, wait: bool) -> CachedPlan | None:
        file = self.files.open(key, PLAN)
        try:
            if not use(self.files.path(key, PLAN), file.fileno(), wait=wait):
                file.close()
                return None
            identity = read_identity(self.files, key)
            plan = read_plan(file, identity)
        except BaseException:
            file.close()
            raise
        self._keep(key, file)
        self.files.touch(key)
        path = self.files.path(key, PLAN)
        return CachedPlan(key, path, plan, built=False, identity=identity)

    def _publish(
        self,
        key: str,
        plan: bytes,
        started: float,
        about: EngineIdentity,
        why: str,
        host: str | None,
    ) -> CachedPlan:
        """Writes a plan whose build began at this moment of `time.perf_counter`."""
        identity = PlanIdentity.of_plan(plan, time.perf_counter() - started, about, why, host)
        # In this order: a plan is never visible without the checksum that verifies it.
        self.files.replace(key, {IDENTITY: identity.encode(), PLAN: plan})
        path = self.files.path(key, PLAN)
        with explained(self.directory):
            file = path.open("rb")
            use(path, file.fileno(), wait=True)
        self._keep(key, file)
        return CachedPlan(key, path, memoryview(plan), built=True, identity=identity)

    def _shrink(self) -> None:
        if self.limit == math.inf:
            return
        try:
            shrink(self.files, self.limit)
        except CacheError as error:
            warnings.warn(
                f"the cache stays above its limit: {error}", EngineCacheWarning, stacklevel=3
            )

    def _keep(self, key: str, file: BinaryIO) -> None:
        """Holds a plan open, which holds its lock, until `close`."""
        previous, self._in_use[key] = self._in_use.get(key), file
        if previous is not None:
            _close(previous, self._process)


def _close_all(files: dict[str, BinaryIO], process: int) -> None:
    while files:
        _close(files.popitem()[1], process)


def _close(file: BinaryIO, process: int) -> None:
    # A forked process has the same lock, and must not end it.
    if os.getpid() == process:
        let_go(file.fileno())
    file.close()
