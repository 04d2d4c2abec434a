"""Plans on disk: one builder per key across processes, published whole, verified before use."""

from __future__ import annotations

import math
import os
import time
import warnings
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from pytest_trtperf.errors import CacheError, EngineCacheWarning
from pytest_trtperf.files.locks import let_go, use
from pytest_trtperf.plan_cache.build_log import BuildLog, build_log
from pytest_trtperf.plan_cache.entries import (
    Damaged,
    explain_build,
    open_plan,
    read_identity,
    read_plan,
    read_runtime,
    with_checksum,
)
from pytest_trtperf.plan_cache.files import (
    IDENTITY,
    PLAN,
    RUNTIME,
    CacheFiles,
    explained,
)
from pytest_trtperf.plan_cache.identity import Identity, encode_json
from pytest_trtperf.plan_cache.size import shrink
from pytest_trtperf.plan_cache.trust import check_directory

_LOOK_EVERY_S = 0.2


def cache_place(directory: Path | None, shared: bool) -> tuple[Path, bool]:
    """Where the cache is, and whether it is shared: only one that was named can be.

    Raises:
        CacheError: see `default_cache_dir`.
    """
    return (default_cache_dir(), False) if directory is None else (directory, shared)


def default_cache_dir() -> Path:
    """``$XDG_CACHE_HOME/trtperf``, else ``~/.cache/trtperf``.

    Raises:
        CacheError: there is no home directory.
    """
    configured = Path(os.environ.get("XDG_CACHE_HOME", ""))
    # The XDG specification tells readers to ignore a relative path.
    if configured.is_absolute():
        return configured / "trtperf"
    try:
        return Path.home() / ".cache" / "trtperf"
    except RuntimeError as error:
        raise CacheError(
            "no home directory for the engine cache; name a directory with TRTPERF_CACHE_DIR"
        ) from error


@dataclass(frozen=True)
class CachedPlan:
    """A plan on disk, in use until its cache is closed.

    Attributes:
        key: What it was asked for by.
        path: The file, for programs that read plans themselves.
        data: The plan, the same bytes that the checksum was taken of.
        built: Whether this call built it, rather than found it.
        identity: What it is and what it was built from.
    """

    key: str
    path: Path
    data: memoryview = field(repr=False)
    built: bool
    identity: Identity


class PlanCache:
    """A directory of plans, private to this user unless ``shared``.

    Args:
        directory: Made on first use, for this user alone (0700) unless ``shared`` (0755).
        shared: Accept a directory that others own or may write to; its plans are loaded as they
            are, so everyone who may write there is trusted. It may be read-only if it has the plan.
        limit: Bytes; after a build the least recently used plans go until the rest fits.
    """

    def __init__(self, directory: Path, shared: bool = False, limit: float = math.inf) -> None:
        self.directory = Path(directory)
        self.shared = shared
        self.limit = limit
        self._files = CacheFiles(self.directory, shared=shared)
        self._in_use: dict[str, BinaryIO] = {}
        self._process = os.getpid()
        weakref.finalize(self, _close_all, self._in_use, self._process)

    def get_or_build(
        self, key: str, build: Callable[[], bytes], about: Mapping[str, Any]
    ) -> CachedPlan:
        """The plan of a key, built by exactly one process when it is not there yet.

        A plan that is truncated, changed, unreadable or not to be trusted is built again with an
        `EngineCacheWarning`. What ``build`` raises passes through, and no plan is left behind;
        its log is.

        Args:
            key: A SHA-256, hexadecimal.
            build: Returns the bytes of the plan.
            about: JSON values to keep in its identity.

        Raises:
            CacheError: the directory cannot be used: permissions, space, owner.
            ValueError: ``key`` is no SHA-256.
        """
        self._files.path(key, PLAN)
        encode_json(dict(about))
        self._prepare()
        # Without the lock first: a read-only cache has no place for one.
        with suppress(Damaged):
            if found := self._find(key, wait=False):
                return found
        with ExitStack() as held:
            with self._refusal_explained(about):
                held.enter_context(self._files.locked(key))
                if found := self._find_or_warn(key):
                    return found
                why = self._why(about)
                self._files.make_way(key)
            self._files.sweep(key)
            plan = self._build(key, build, about, why)
        self._shrink()
        return plan

    def wait_for_builder(self, key: str, tell: Callable[[float | None], None]) -> float:
        """Waits while another process builds a plan that is not there; returns for how long.

        Args:
            tell: called with the seconds of the wait while it lasts, and with None at its end.

        Raises:
            CacheError: the directory cannot be used.
        """
        self._prepare()
        begun = time.monotonic()
        waited = 0.0
        plan = self._files.path(key, PLAN)
        # Not plan.exists(), which raises where the directory may not be read.
        while not os.path.exists(plan) and self._is_being_built(key):  # noqa: PTH110
            waited = time.monotonic() - begun
            tell(waited)
            time.sleep(_LOOK_EVERY_S)
        if waited:
            tell(None)
        return waited

    def _is_being_built(self, key: str) -> bool:
        try:
            with self._files.locked_now(key) as is_free:
                return not is_free
        except OSError:  # there is no such directory, or nothing can be built in it
            return False

    def close(self) -> None:
        """Lets other processes remove the plans that this object has handed out."""
        _close_all(self._in_use, self._process)

    def build_log(self, key: str) -> AbstractContextManager[BuildLog]:
        """The log of the build of a key, to be opened by what `get_or_build` calls."""
        return build_log(self._files, key)

    def store_layers(self, key: str, layers: Sequence[Mapping[str, Any]]) -> None:
        """Adds the engine inspector's entries to the identity of a plan.

        Raises:
            CacheError: the directory cannot be written.
        """
        self._prepare()
        with self._files.locked(key), suppress(Damaged):
            known = read_identity(self._files, key)
            identity = msgspec.structs.replace(known, layers=[dict(layer) for layer in layers])
            self._files.replace(key, {IDENTITY: identity.encode()})

    def runtime_cache_path(self, key: str) -> Path:
        """Where the kernels that TensorRT for RTX compiled for a plan are kept: beside it."""
        return self._files.path(key, RUNTIME)

    def load_runtime_cache(self, key: str) -> bytes | None:
        """What `store_runtime_cache` wrote, or None; damage is reported by a warning.

        Raises:
            CacheError: the directory cannot be used.
        """
        self._prepare()
        try:
            return read_runtime(self._files, key)
        except Damaged as reason:
            _warn(self.runtime_cache_path(key), str(reason), "it is compiled again")
            return None

    def store_runtime_cache(self, key: str, data: bytes) -> None:
        """Replaces the runtime cache of a plan.

        Raises:
            CacheError: the directory cannot be written.
        """
        self._files.path(key, RUNTIME)
        self._prepare()
        with self._files.locked(key):
            self._files.replace(key, {RUNTIME: with_checksum(data)})

    def _prepare(self) -> None:
        with explained(self.directory):
            self._files.make_directory()
            if not self.shared:
                check_directory(self.directory)

    def _find(self, key: str, *, wait: bool) -> CachedPlan | None:
        """The plan if it is there and whole; raises Damaged if it is there and is not."""
        try:
            file = open_plan(self._files, key)
        except FileNotFoundError:
            return None
        try:
            if not use(self._files.path(key, PLAN), file.fileno(), wait=wait):
                file.close()
                return None
            identity = read_identity(self._files, key)
            plan = read_plan(file, identity)
        except BaseException:
            file.close()
            raise
        self._keep(key, file)
        self._files.touch(key)
        path = self._files.path(key, PLAN)
        return CachedPlan(key, path, plan, built=False, identity=identity)

    def _find_or_warn(self, key: str) -> CachedPlan | None:
        try:
            return self._find(key, wait=True)
        except Damaged as reason:
            _warn(self._files.path(key, PLAN), str(reason), "the engine is built again")
            return None

    def _build(
        self, key: str, build: Callable[[], bytes], about: Mapping[str, Any], why: str
    ) -> CachedPlan:
        started = time.perf_counter()
        plan = build()
        identity = Identity.of_plan(plan, time.perf_counter() - started, about, why)
        # In this order: a plan is never visible without the checksum to judge it by.
        self._files.replace(key, {IDENTITY: identity.encode(), PLAN: plan})
        path = self._files.path(key, PLAN)
        with explained(self.directory):
            file = path.open("rb")
            use(path, file.fileno(), wait=True)
        self._keep(key, file)
        return CachedPlan(key, path, memoryview(plan), built=True, identity=identity)

    def _shrink(self) -> None:
        if self.limit == math.inf:
            return
        try:
            shrink(self._files, self.limit)
        except CacheError as error:
            warnings.warn(
                f"the cache stays above its limit: {error}", EngineCacheWarning, stacklevel=3
            )

    @contextmanager
    def _refusal_explained(self, about: Mapping[str, Any]) -> Iterator[None]:
        """Where nothing can be built, the next question is why anything has to be."""
        try:
            yield
        except CacheError as error:
            reason = f"The engine has to be built: {self._why(about)}"
            raise CacheError(f"{error}. {reason}") from error.__cause__

    def _why(self, about: Mapping[str, Any]) -> str:
        """Why a plan has to be built."""
        try:
            return explain_build(self._files, about)
        except OSError as error:
            return f"the cache cannot be read ({error.strerror})"

    def _keep(self, key: str, file: BinaryIO) -> None:
        """Holds a plan open, which holds its lock, until `close`."""
        previous, self._in_use[key] = self._in_use.get(key), file
        if previous is not None:
            _close(previous, self._process)


def _close_all(files: dict[str, BinaryIO], process: int) -> None:
    while files:
        _close(files.popitem()[1], process)


def _close(file: BinaryIO, process: int) -> None:
    # A process that was forked meanwhile has the same lock, and is not to end it.
    if os.getpid() == process:
        let_go(file.fileno())
    file.close()


def _warn(path: Path, reason: str, consequence: str) -> None:
    warnings.warn(f"{path}: {reason}; {consequence}", EngineCacheWarning, stacklevel=4)
