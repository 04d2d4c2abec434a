"""A shared cache of two users, in a directory where nobody replaces the files of others."""

from __future__ import annotations

import os
import stat
import time

import pytest

from pytest_trtperf.plan_cache.entries import entries
from pytest_trtperf.plan_cache.files import CacheFiles
from tests.models import TIMED_CONFIG

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be two users")

KEY = "a" * 64
ONE, OTHER = 65533, 65534

# argv: directory, user; the code of a test comes after this.
PRELUDE = f"""
import os, sys, warnings
from pathlib import Path
from pytest_trtperf.plan_cache.cache import PlanCache
from pytest_trtperf.plan_cache.timing_cache import TimingCacheFile
from pytest_trtperf.engine.identity import EngineIdentity
from pytest_trtperf.errors import CacheError

warnings.showwarning = lambda message, category, *_: print(f"{{category.__name__}}: {{message}}")
directory = Path(sys.argv[1])
cache = PlanCache(directory, shared=True)
os.setgid(int(sys.argv[2]))
os.setuid(int(sys.argv[2]))

def build():
    print("building")
    return b"a plan"

def get():
    try:
        print("built:", cache.get_or_build("{KEY}", build, EngineIdentity()).built)
    except CacheError as error:
        print("CacheError:", error)

{TIMED_CONFIG}
def keep():
    TimingCacheFile.kept_in(directory, "tensorrt", "10.16", "L4", shared=True).keep(Config())
"""


@pytest.fixture
def directory(open_folder):
    return open_folder


@pytest.fixture
def as_user(start, directory):
    """Runs code as one of the users; returns what it printed."""

    def run(user: int, code: str) -> str:
        child = start(PRELUDE + code, directory, user)
        output, errors = child.communicate(timeout=60)
        assert child.returncode == 0, errors
        return str(output)

    return run


@pytest.mark.parametrize("suffix", [".plan", ".json"])
def test_what_cannot_be_replaced_is_reported_before_the_build(directory, as_user, suffix):
    assert as_user(ONE, "get()") == "building\nbuilt: True\n"
    damaged = directory / (KEY + suffix)
    damaged.write_bytes(b"damaged")
    if suffix == ".json":
        (directory / f"{KEY}.plan").unlink()
    output = as_user(OTHER, "get()")
    assert f"not permitted: Operation not permitted ({damaged})" in output
    assert "building" not in output
    assert as_user(ONE, "get()").endswith("building\nbuilt: True\n")


def test_what_another_user_loads_counts_as_used(directory, as_user):
    as_user(ONE, "get()")
    for path in directory.iterdir():
        os.utime(path, (0, 0))
    before = time.time() - 1
    assert as_user(OTHER, "get()") == "built: False\n"
    (entry,) = entries(CacheFiles(directory, shared=True))
    assert entry.used >= before


def test_timings_that_cannot_be_kept_are_a_warning_with_a_next_step(directory, as_user):
    assert as_user(ONE, "keep()") == ""
    (timings,) = directory.glob("*.timing")
    assert stat.S_IMODE(timings.stat().st_mode) == 0o644
    output = as_user(OTHER, "keep()")
    assert output.startswith(
        f"EngineCacheWarning: {timings}: the timings of this build are not kept: "
    )
    assert "Operation not permitted" in output
    assert "TRTPERF_CACHE_DIR" in output
    assert list(directory.glob(".*.tmp")) == []
