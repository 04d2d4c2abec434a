"""Where tests leave what a run keeps: never with the user who runs them.

Set once, for this process and all that it starts, so that a new test need not think of it.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

OF_ALL = tempfile.gettempdir()
"""The temporary directory of all programs, which has the locks of devices."""


@pytest.fixture(scope="session", autouse=True)
def own_places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Has the home and the temporary directory, and so each cache and lock that no test names."""
    tmp_path_factory.getbasetemp()  # pytest's own stays where people look for it
    place = Path(tempfile.mkdtemp(prefix="trtperf-tests-"))
    home, temporary = place / "home", place / "tmp"
    for folder, mode in ((place, 0o755), (home, 0o755), (temporary, 0o1777)):
        folder.mkdir(exist_ok=True)
        folder.chmod(mode)  # some tests are other users
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("XDG_CACHE_HOME", raising=False)
        patch.setenv("HOME", str(home))
        patch.setenv("TMPDIR", str(temporary))
        patch.setattr(tempfile, "tempdir", str(temporary))
        yield place
    shutil.rmtree(place, ignore_errors=True)
