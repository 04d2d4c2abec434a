"""What `trtperf cache` shows of references and does to them; they lie beside the plans."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from pytest_trtperf.commands.printed import total_size
from pytest_trtperf.plan_cache.files import CacheFiles
from pytest_trtperf.plan_cache.reference import Reference
from pytest_trtperf.plan_cache.references import (
    DIRECTORY,
    LEAST_AGE_S,
    ReferenceEntry,
    References,
)
from pytest_trtperf.report.tables import aligned
from pytest_trtperf.utc import utc_text

_SHORT_KEY = 12
_COLUMNS = ("reference", "model", "engine", "built by", "for", "size", "last used")


def references_of(files: CacheFiles) -> References:
    """Those of a cache."""
    return References(files.directory / DIRECTORY, shared=files.shared)


def listed(references: References) -> list[str]:
    """A table of all references and a line with their number; nothing where there are none."""
    found = references.entries()
    if not found:
        return []
    rows = [_row(references.read(one.key), one) for one in found]
    size = total_size(entry.size for entry in found)
    return [
        *aligned([_COLUMNS, *rows], left=range(len(_COLUMNS))),
        f"references in {references.directory}: {len(found)}, {size}",
    ]


def _row(known: Reference | None, entry: ReferenceEntry) -> tuple[str, ...]:
    one = known or Reference(backend="?", engine="?", plan_sha256="?", name="?")
    built_by = f"{one.backend} {one.about.backend_version}".strip()
    is_for = one.about.device or ("cpu" if one.about.model else "?")
    return (
        entry.key[:_SHORT_KEY], one.name, one.engine[:_SHORT_KEY], built_by, is_for,
        total_size([entry.size]), utc_text(entry.used),
    )  # fmt: skip


def summaries(references: References) -> list[dict[str, Any]]:
    """All references as JSON has them."""
    return [
        {
            "key": entry.key,
            "path": str(references.path(entry.key)),
            "size": entry.size,
            "last_used": utc_text(entry.used),
            "reference": msgspec.to_builtins(references.read(entry.key)),
        }
        for entry in references.entries()
    ]


def verify(references: References) -> tuple[int, dict[str, str]]:
    """How many there are, and by key why one would not be used.

    Raises:
        CacheError: the directory is not to be trusted.
    """
    found = references.entries()
    if found:
        references.check_trusted()
    problems = {one.key: references.find_problem(one.key) for one in found}
    return len(found), {key: problem for key, problem in problems.items() if problem}


def remove_old(references: References, age_s: float) -> list[ReferenceEntry]:
    """Removes what was not used for so long, and for 60 days at least; returns it."""
    return references.remove_unused(max(age_s, LEAST_AGE_S))


def remove_all(references: References) -> tuple[list[ReferenceEntry], dict[str, str]]:
    """Removes all that nobody uses; returns it, and by key why others were kept."""
    found = references.entries()
    removed = references.remove_unused(-math.inf)
    gone = {entry.key for entry in removed}
    return removed, {entry.key: "in use" for entry in found if entry.key not in gone}
