"""TensorRT's timing cache on disk: what its builder timed, for the next build."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_trtperf.errors import EngineBuildError, EngineCacheWarning
from pytest_trtperf.files.atomic import write_atomically
from pytest_trtperf.files.locks import exclusive
from pytest_trtperf.plan_cache.files import LOCK, TIMING, explain
from pytest_trtperf.plan_cache.trust import Damaged, open_cached


@dataclass(frozen=True)
class TimingCacheFile:
    """A timing cache in a file.

    Attributes:
        is_kept: the file is ours, and what a build timed is merged into it. A file that the user
            named is only read, so that the same build finds the same timings again.
        shared: other users may read the file and merge into it.
        is_new: there is no file yet: what this build times becomes one that the user named.
    """

    path: Path
    is_kept: bool
    shared: bool = False
    is_new: bool = False

    @classmethod
    def kept_in(
        cls, directory: Path, backend: str, version: str, device: str, *, shared: bool
    ) -> TimingCacheFile:
        """Our file in a cache directory: one for each GPU and TensorRT version."""
        name = re.sub(r"[^A-Za-z0-9.]+", "_", f"{backend} {version} {device}")
        return cls(directory / f"{name}{TIMING}", is_kept=True, shared=shared)

    def attach(self, config: Any) -> None:
        """Gives the builder configuration the content of the file.

        Raises:
            EngineBuildError: it cannot be read, or is of another TensorRT or GPU.
        """
        try:
            stored = b"" if self.is_new else self._read()
        except OSError as error:
            raise EngineBuildError(
                f"{self.path}: this timing cache cannot be read: {error.strerror}; make it "
                "readable, or build without timing_cache="
            ) from error
        if _set(config, stored):
            return
        if not self.is_kept and not self.is_new:
            raise EngineBuildError(
                f"{self.path}: this timing cache is broken, or was made with another TensorRT or "
                "GPU; make it again here, or use timing_cache=True"
            )
        # The driver may have changed since.
        if not _set(config, b""):
            raise EngineBuildError("TensorRT could not create a timing cache")

    def keep(self, config: Any) -> None:
        """Merges new timings into the file; the timings that it has stay.

        If our file cannot be written, this is an `EngineCacheWarning`: the plan is good.

        Raises:
            EngineBuildError: a new file that the user named cannot be written.
        """
        if self.is_new:
            self._write_new(config)
        if not self.is_kept:
            return
        timed = config.get_timing_cache()
        lock, mode = Path(f"{self.path}{LOCK}"), 0o666 if self.shared else 0o600
        try:
            with exclusive(lock, mode, wait=True):
                merged = config.create_timing_cache(self._read())
                if merged is None or not merged.combine(timed, False):
                    merged = timed
                write_atomically(
                    self.path, bytes(merged.serialize()), mode=0o644 if self.shared else 0o600
                )
        except OSError as error:
            warnings.warn(
                f"{self.path}: the timings of this build are not kept: {explain(error)}",
                EngineCacheWarning,
                stacklevel=3,
            )

    def _write_new(self, config: Any) -> None:
        try:
            write_atomically(self.path, bytes(config.get_timing_cache().serialize()))
        except OSError as error:
            raise EngineBuildError(
                f"{self.path}: the timing cache of this build cannot be written: {explain(error)}"
            ) from error

    def _read(self) -> bytes:
        if not self.is_kept or self.path.is_dir():
            return self.path.read_bytes()
        try:
            with open_cached(self.path, shared=self.shared) as file:
                return file.read()
        except FileNotFoundError:
            return b""
        except Damaged as reason:
            warning = f"{self.path}: {reason}; its timings are not used"
            warnings.warn(warning, EngineCacheWarning, stacklevel=3)
            return b""


def _set(config: Any, data: bytes) -> bool:
    cache = config.create_timing_cache(data)
    return cache is not None and bool(config.set_timing_cache(cache, False))
