"""Removal of plans: when the cache is too large, the least recently used that nobody uses."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from pytest_trtperf.plan_cache.entries import Entry, entries
from pytest_trtperf.plan_cache.files import LOG, CacheFiles, explain, explained

_PRIVATE_LIMIT = 50 << 30


def default_limit(*, shared: bool) -> float:
    """Bytes; a shared cache has no limit: one user would remove the plans of others."""
    return math.inf if shared else _PRIVATE_LIMIT


@dataclass
class Removal:
    """What was removed, and by key why others could not be removed."""

    removed: list[Entry] = field(default_factory=list)
    kept: dict[str, str] = field(default_factory=dict)


def shrink(files: CacheFiles, limit: float) -> Removal:
    """Removes the least recently used plans until the cache holds `limit` bytes or less.

    Plans that a process uses or builds stay. If the cache stays too large, `kept` has them.

    Raises:
        CacheError: the directory cannot be read or locked.
    """
    removal = Removal()
    with explained(files.directory):
        if _total(entries(files)) <= limit:
            return removal
        with files.size_lock():
            found = entries(files)
            excess = _total(found) - limit
            for entry in found:
                if excess <= 0:
                    break
                if _remove(files, entry, removal):
                    excess -= entry.size
    if excess <= 0:
        removal.kept.clear()
    return removal


def _total(found: Iterable[Entry]) -> int:
    return sum(entry.size for entry in found)


def remove(files: CacheFiles, chosen: Sequence[Entry]) -> Removal:
    """Removes the chosen plans, except those that a process uses or builds.

    Raises:
        CacheError: the directory cannot be locked.
    """
    removal = Removal()
    if chosen:
        with explained(files.directory), files.size_lock():
            for entry in chosen:
                _remove(files, entry, removal)
    return removal


def _remove(files: CacheFiles, entry: Entry, removal: Removal) -> bool:
    try:
        removed = files.remove(entry.key)
    except OSError as error:
        removal.kept[entry.key] = explain(error)
        return False
    if removed:
        removal.removed.append(entry)
    else:
        removal.kept[entry.key] = "in use"
    return removed


def remove_leftovers(files: CacheFiles) -> list[str]:
    """Removes what killed writers and failed builds left; returns the names, without locks.

    Raises:
        CacheError: the directory cannot be read.
    """
    with explained(files.directory):
        names = [path.name for path in files.sweep()]
        for key in files.list_keys():
            with suppress(OSError):
                if files.remove_remains(key):
                    names.append(files.path(key, LOG).name)
    return names
