"""What the tests of `trtperf cache export` and `import` sign with, and find afterwards."""

from __future__ import annotations

from pathlib import Path

from pytest_trtperf.plan_cache.entries import entries, find_problem
from pytest_trtperf.plan_cache.files import CacheFiles
from pytest_trtperf.plan_cache.references import References

SECRET = b"0123456789abcdef0123456789abcdef"


def imported(there: Path) -> tuple[dict[str, str | None], dict[str, str | None]]:
    """Engines and references of the other cache, each with what is wrong with it."""
    files, references = CacheFiles(there, shared=False), References(there / "references")
    return (
        {one.key: find_problem(files, one.key) for one in entries(files)},
        {one.key: references.find_problem(one.key) for one in references.entries()},
    )


def leftovers(there: Path) -> list[str]:
    return [str(path) for path in there.rglob(".*.tmp")]
