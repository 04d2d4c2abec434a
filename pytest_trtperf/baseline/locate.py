"""The baseline directory of a test module, and the module's name in it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pytest_trtperf.errors import BaselineError

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


def refuse_namesakes(
    module: Path, names: Mapping[Path, str], rootdir: Path, configured: Path | None
) -> None:
    """Refuses a module that would share its baselines or its tests' node ids with another one.

    Below rootdir that cannot be: outside of it both have only the file's name, or less.

    Args:
        names: what node ids call each module that measures, this one among them.

    Raises:
        BaselineError: naming the modules.
    """
    if module.is_relative_to(rootdir):
        return
    remedy = f"it lies outside of rootdir {rootdir}: name a --rootdir above all tests"
    if not names[module]:
        raise BaselineError(f"{module} has no name in the ids of its tests, since {remedy}")
    place = locate(module, rootdir, configured)
    for other in {*names, rootdir / place[1]} - {module}:
        is_namesake = names.get(other) == names[module]
        if is_namesake or (other.is_file() and locate(other, rootdir, configured) == place):
            raise BaselineError(f"{module} would share the baselines of {other}, since {remedy}")


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
