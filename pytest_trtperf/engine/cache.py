"""Plans on disk: one builder per key across processes, published whole, verified before use."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import stat
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from pytest_trtperf.errors import CacheError, EngineLoadError

_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NO_PERMISSION = (errno.EACCES, errno.EPERM, errno.EROFS)
_OTHER_DIRECTORY = "name another directory with --trtperf-cache-dir"
_CHUNK_BYTES = 1 << 20
_SHA256_BYTES = 32
_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


class EngineCacheWarning(UserWarning):
    """A file in the engine cache was damaged and is made again."""


class _Damaged(Exception):
    """A cached file is not what was written; the text says why."""


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
        raise CacheError(f"no home directory for the engine cache; {_OTHER_DIRECTORY}") from error


@dataclass(frozen=True)
class CachedPlan:
    """A plan on disk.

    Attributes:
        key: What it was asked for by.
        path: The file, for programs that read plans themselves.
        sha256: Of the plan, hexadecimal.
        built: Whether this call built it, rather than found it.
        build_s: How long that took, in seconds.
    """

    key: str
    path: Path
    sha256: str
    built: bool
    build_s: float | None

    def read(self) -> bytes:
        """The bytes of the plan, the same that the checksum was taken of.

        Raises:
            EngineLoadError: the file was changed, removed or made unreadable since.
        """
        try:
            plan = self.path.read_bytes()
        except OSError as error:
            raise EngineLoadError(f"{self.path}: cannot be read: {error.strerror}") from error
        if hashlib.sha256(plan).hexdigest() != self.sha256:
            raise EngineLoadError(f"{self.path}: the plan changed after it was verified; run again")
        return plan


class PlanCache:
    """A directory of plans, private to this user unless ``shared``.

    Args:
        directory: Made on first use, for this user alone (0700) unless ``shared`` (0755).
        shared: Accept a directory that others own or may write to; its plans are loaded as they
            are, so everyone who may write there is trusted. It may be read-only if it has the plan.
    """

    def __init__(self, directory: Path, shared: bool = False) -> None:
        self.directory = Path(directory)
        self.shared = shared

    def get_or_build(
        self, key: str, build: Callable[[], bytes], about: Mapping[str, Any]
    ) -> CachedPlan:
        """The plan of a key, built by exactly one process when it is not there yet.

        A plan that is truncated, changed or unreadable is built again with an
        `EngineCacheWarning`. What ``build`` raises passes through, and nothing is left behind.

        Args:
            key: Hexadecimal digest, or another name of letters, digits, ``-`` and ``_``.
            build: Returns the bytes of the plan.
            about: JSON values to keep beside the plan, for people.

        Raises:
            CacheError: the directory cannot be used: permissions, space, owner.
            ValueError: ``key`` cannot be a file name.
        """
        plan_path = self._path(key, ".plan")
        about_text = json.dumps(dict(about), sort_keys=True, allow_nan=False)
        self._prepare()
        # Without the lock first: a read-only cache has no place for one.
        with suppress(_Damaged):
            if found := self._find(key):
                return found
        with self._locked(key):
            if found := self._find_or_warn(key):
                return found
            self._sweep(key)
            started = time.perf_counter()
            plan = build()
            build_s = time.perf_counter() - started
            sha256 = self._publish(key, plan, about_text)
        return CachedPlan(key, plan_path, sha256, built=True, build_s=build_s)

    def runtime_cache_path(self, key: str) -> Path:
        """Where the kernels that TensorRT for RTX compiled for a plan are kept: beside it."""
        return self._path(key, ".runtime")

    def load_runtime_cache(self, key: str) -> bytes | None:
        """What `store_runtime_cache` wrote, or None; damage is reported by a warning.

        Raises:
            CacheError: the directory cannot be used.
        """
        self._prepare()
        path = self.runtime_cache_path(key)
        try:
            stored = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            _warn(path, f"cannot be read: {error.strerror}", "it is compiled again")
            return None
        data = stored[_SHA256_BYTES:]
        if hashlib.sha256(data).digest() != stored[:_SHA256_BYTES]:
            _warn(path, "does not match its checksum", "it is compiled again")
            return None
        return data

    def store_runtime_cache(self, key: str, data: bytes) -> None:
        """Replaces the runtime cache of a plan.

        Raises:
            CacheError: the directory cannot be written.
        """
        path = self.runtime_cache_path(key)
        self._prepare()
        with self._locked(key), self._explained():
            self._replace_all({path: hashlib.sha256(data).digest() + data}, key)

    def _path(self, key: str, suffix: str) -> Path:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,199}", key):
            raise ValueError(f"{key!r} is no cache key: use letters, digits, '-' and '_'")
        return self.directory / f"{key}{suffix}"

    def _prepare(self) -> None:
        with self._explained():
            mode = 0o755 if self.shared else 0o700
            self.directory.mkdir(mode=mode, parents=True, exist_ok=True)
            status = self.directory.stat()
        if self.shared or not hasattr(os, "geteuid"):
            return
        if status.st_uid != os.geteuid():
            raise CacheError(
                f"{self.directory}: this engine cache belongs to user {status.st_uid}, whose plans "
                f"would be trusted; {_OTHER_DIRECTORY}"
            )
        if status.st_mode & _WRITABLE_BY_OTHERS:
            raise CacheError(
                f"{self.directory}: other users may write to this engine cache, whose plans "
                f"would be trusted; run chmod 700 on it, or {_OTHER_DIRECTORY}"
            )

    def _find(self, key: str) -> CachedPlan | None:
        """The plan if it is there and whole; raises _Damaged if it is there and is not."""
        path = self._path(key, ".plan")
        try:
            with path.open("rb") as file:
                sha256, size = _read_sidecar(self._path(key, ".json"))
                actual_size = os.fstat(file.fileno()).st_size
                if actual_size != size:
                    raise _Damaged(f"has {actual_size} bytes instead of {size}")
                if _hash_stream(file) != sha256:
                    raise _Damaged("does not match its checksum")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _Damaged(f"cannot be read: {error.strerror}") from error
        return CachedPlan(key, path, sha256, built=False, build_s=None)

    def _find_or_warn(self, key: str) -> CachedPlan | None:
        try:
            return self._find(key)
        except _Damaged as reason:
            _warn(self._path(key, ".plan"), str(reason), "the engine is built again")
            return None

    def _publish(self, key: str, plan: bytes, about_text: str) -> str:
        sha256 = hashlib.sha256(plan).hexdigest()
        sidecar = {
            "about": json.loads(about_text),
            "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "sha256": sha256,
            "size": len(plan),
        }
        text = json.dumps(sidecar, sort_keys=True, indent=2) + "\n"
        with self._explained():
            # In this order: a plan is never visible without the checksum to judge it by.
            self._replace_all(
                {self._path(key, ".json"): text.encode(), self._path(key, ".plan"): plan}, key
            )
        return sha256

    def _replace_all(self, contents: Mapping[Path, bytes], key: str) -> None:
        """Writes all files under temporary names, then renames them in order."""
        written: dict[Path, str] = {}
        try:
            for path, content in contents.items():
                handle, written[path] = tempfile.mkstemp(".tmp", f".{key}.", self.directory)
                self._write(handle, content)
            for path, temporary in written.items():
                os.replace(temporary, path)
            _sync_directory(self.directory)
        finally:
            for temporary in written.values():
                with suppress(FileNotFoundError):
                    os.unlink(temporary)

    def _write(self, handle: int, content: bytes) -> None:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            if self.shared:
                os.chmod(file.name, 0o644)
            os.fsync(file.fileno())

    def _sweep(self, key: str) -> None:
        """Removes what killed writers left: of this key, and of any that nobody is writing."""
        with self._explained():
            for path in self.directory.glob(".*.tmp"):
                owner = path.name.split(".")[1]
                if owner == key:
                    path.unlink(missing_ok=True)
                    continue
                with suppress(Timeout, OSError, ValueError), self._lock(owner).acquire(timeout=0):
                    path.unlink(missing_ok=True)

    def _lock(self, key: str) -> FileLock:
        return FileLock(self._path(key, ".lock"), mode=0o666 if self.shared else 0o600)

    @contextmanager
    def _locked(self, key: str) -> Iterator[None]:
        lock = self._lock(key)
        with self._explained():
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turns what the operating system refuses into words about the directory."""
        try:
            yield
        except (OSError, NotImplementedError) as error:
            raise CacheError(f"engine cache {self.directory}: {_explain(error)}") from error


def _explain(error: OSError | NotImplementedError) -> str:
    if not isinstance(error, OSError):
        return f"its file system has no locks ({error}); {_OTHER_DIRECTORY}"
    said = f"{error.strerror or error}" + (f" ({error.filename})" if error.filename else "")
    if error.errno in _NO_SPACE:
        return f"no room to write: {said}; free some space, or {_OTHER_DIRECTORY}"
    if error.errno in _NO_PERMISSION:
        return f"not permitted: {said}; make it writable, or {_OTHER_DIRECTORY}"
    return f"{said}; {_OTHER_DIRECTORY}"


def _read_sidecar(path: Path) -> tuple[str, int]:
    try:
        sidecar = json.loads(path.read_bytes())
        sha256, size = sidecar["sha256"], sidecar["size"]
    except FileNotFoundError:
        raise _Damaged(f"has no {path.name} with its checksum") from None
    except (ValueError, TypeError, KeyError, RecursionError):
        raise _Damaged(f"has a broken {path.name}") from None
    if not isinstance(sha256, str) or not isinstance(size, int):
        raise _Damaged(f"has a broken {path.name}")
    return sha256, size


def _hash_stream(file: Any) -> str:
    digest = hashlib.sha256()
    while chunk := file.read(_CHUNK_BYTES):
        digest.update(chunk)
    return digest.hexdigest()


def _sync_directory(directory: Path) -> None:
    if os.name == "nt":
        return
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _warn(path: Path, reason: str, consequence: str) -> None:
    warnings.warn(f"{path}: {reason}; {consequence}", EngineCacheWarning, stacklevel=4)
