"""The baseline directory of a test module, and the module's name in it."""

from __future__ import annotations

from pathlib import Path

DIRECTORY_NAME = "perf-baselines"


def locate(module: Path, rootdir: Path, configured: Path | None) -> tuple[Path, str]:
    """The baseline directory for a test module, and the module's posix path within it.

    The directory is `configured`, else the nearest `perf-baselines` above the module, which does
    not depend on pytest's rootdir, else the one in `rootdir`. One without any baseline counts only
    where there is no other: it must not hide the one above it. The path is relative to the
    directory's parent; for a module outside of that, to rootdir, else to its own directory.
    """
    directory = configured or nearest(module.parent, rootdir) or rootdir / DIRECTORY_NAME
    for base in (directory.parent, rootdir, module.parent):
        if module.is_relative_to(base):
            return directory, module.relative_to(base).as_posix()
    raise AssertionError("a module lies in its own directory")


def nearest(start: Path, rootdir: Path) -> Path | None:
    """The nearest baseline directory that is in a folder or above it.

    It is looked for as far as the top of the repository; without one, as far as rootdir.
    """
    above = (start, *start.parents)
    top = next((folder for folder in above if (folder / ".git").exists()), rootdir)
    empty = None
    for folder in above:
        if (candidate := folder / DIRECTORY_NAME).is_dir():
            if next(candidate.rglob("*.json"), None):
                return candidate
            empty = empty or candidate
        if folder == top:
            break
    return empty
