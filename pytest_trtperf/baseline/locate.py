"""Where the baselines of a test lie, and under which name its module is kept there."""

from __future__ import annotations

from pathlib import Path

DIRECTORY_NAME = "perf-baselines"


def locate(module: Path, rootdir: Path, configured: Path | None) -> tuple[Path, str]:
    """The baseline directory for a test module, and the module's posix path within it.

    Without `configured` it is the nearest `perf-baselines` above the module, so that the place
    does not move with pytest's rootdir, and else the one in `rootdir`. Modules are named
    relative to the directory's parent, or to rootdir where they lie outside of that.
    """
    directory = configured or _nearest(module.parent) or rootdir / DIRECTORY_NAME
    for base in (directory.parent, rootdir, module.parent):
        if module.is_relative_to(base):
            return directory, module.relative_to(base).as_posix()
    raise AssertionError("a module lies in its own directory")


def _nearest(start: Path) -> Path | None:
    for folder in (start, *start.parents):
        if (candidate := folder / DIRECTORY_NAME).is_dir():
            return candidate
    return None
