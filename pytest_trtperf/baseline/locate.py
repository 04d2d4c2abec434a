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
    directory = configured or _nearest(module.parent, rootdir) or rootdir / DIRECTORY_NAME
    for base in (directory.parent, rootdir, module.parent):
        if module.is_relative_to(base):
            return directory, module.relative_to(base).as_posix()
    raise AssertionError("a module lies in its own directory")


def _nearest(start: Path, rootdir: Path) -> Path | None:
    """Looks up to the top of the repository, or to rootdir where there is none."""
    above = (start, *start.parents)
    top = next((folder for folder in above if (folder / ".git").exists()), rootdir)
    for folder in above:
        if (candidate := folder / DIRECTORY_NAME).is_dir():
            return candidate
        if folder == top:
            break
    return None
