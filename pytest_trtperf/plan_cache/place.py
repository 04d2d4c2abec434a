"""Where the engine cache is."""

from __future__ import annotations

import os
from pathlib import Path

from pytest_trtperf.errors import CacheError


def cache_place(directory: Path | None, shared: bool) -> tuple[Path, bool]:
    """The directory, and whether it is shared: the default one never is.

    Args:
        directory: the one that the user named; None is `default_cache_dir`.

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
    # The XDG specification says to ignore a relative path.
    if configured.is_absolute():
        return configured / "trtperf"
    try:
        return Path.home() / ".cache" / "trtperf"
    except RuntimeError as error:
        raise CacheError(
            "no home directory for the engine cache; name a directory with TRTPERF_CACHE_DIR"
        ) from error
