"""What a second user plants in a cache: plans, sidecars, kernels, timings and references."""

from __future__ import annotations

import os

import pytest

from pytest_trtperf.errors import EngineCacheWarning
from pytest_trtperf.plan_cache.timing_cache import TimingCacheFile
from tests.models import TIMED_CONFIG

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be two users")

KEY = "a" * 64
OWNER, STRANGER = 65533, 65534

# argv: directory, user, shared or private; the code of a test comes after this.
PRELUDE = f"""
import os, sys, hashlib, warnings
from pathlib import Path
from pytest_trtperf.engine.identity import EngineIdentity
from pytest_trtperf.engine.options import checked_options
from pytest_trtperf.errors import CacheError
from pytest_trtperf.plan_cache.cache import PlanCache
from pytest_trtperf.plan_cache.reference import describe
from pytest_trtperf.plan_cache.references import References
from pytest_trtperf.plan_cache.timing_cache import TimingCacheFile
from pytest_trtperf.plan_cache.trust import Damaged

warnings.showwarning = lambda message, category, *_: print("warning:", message)
directory, user, shared = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "shared"
os.setgid(user)
os.setuid(user)
os.umask(0o022)
cache = PlanCache(directory, shared=shared)
references = References(directory / "references", shared=shared)
timings = TimingCacheFile.kept_in(directory, "tensorrt", "10.16", "L4", shared=shared)
{TIMED_CONFIG}
class Reading(Config):
    def create_timing_cache(self, data):
        print("timings:", bytes(data))
        return self
    def set_timing_cache(self, *_):
        return True

def kept():
    path = directory.parent / f"own-{{user}}.plan"
    path.write_bytes(b"planted")
    sha256 = hashlib.sha256(b"planted").hexdigest()
    return describe(
        "fake", sha256, sha256, plan=path, given=path, about=EngineIdentity(),
        options=checked_options({{}}), kept="now", runtime_cache=b"planted kernels",
    )

def plant():
    cache.get_or_build("{KEY}", lambda: b"planted", EngineIdentity())
    cache.store_runtime_cache("{KEY}", b"planted kernels")
    timings.keep(Config())
    references.keep(kept())

def attempt(name, load):
    try:
        print(f"{{name}}:", load())
    except (CacheError, Damaged) as error:
        print(f"{{name}} refused:", error)

def load():
    attempt("kernels", lambda: cache.load_runtime_cache("{KEY}"))
    attempt("plan", lambda: bytes(
        cache.get_or_build("{KEY}", lambda: b"ours", EngineIdentity()).data
    ))
    timings.attach(Reading())
    attempt("reference", lambda: references.open(kept().reference.key).plan)
"""


@pytest.fixture
def place(open_folder):
    """A cache in which everybody can write files."""
    cache = open_folder / "cache"
    cache.mkdir()
    cache.chmod(0o1777)
    return cache


@pytest.fixture
def as_user(start, place):
    """Runs code as one of the users; returns the lines that it printed."""

    def run(user: int, code: str, *, shared: bool) -> list[str]:
        child = start(PRELUDE + code, place, user, "shared" if shared else "private")
        output, errors = child.communicate(timeout=60)
        assert child.returncode == 0, errors
        return str(output).splitlines()

    return run


def close(place):
    """Its owner closes the cache, with what the stranger left in it."""
    references = place / "references"
    for folder in (place, references):
        folder.chmod(0o700)
        os.chown(folder, OWNER, OWNER)


def test_nothing_is_loaded_from_a_cache_that_is_open_to_others(as_user, place):
    as_user(STRANGER, "plant()", shared=True)
    os.chown(place, OWNER, OWNER)
    lines = as_user(OWNER, "load()", shared=False)
    refused = [line.partition(" refused:")[0] for line in lines if " refused:" in line]
    assert refused == ["kernels", "plan", "reference"]
    assert not any("planted" in line for line in lines)


def test_nothing_that_a_stranger_left_is_loaded_from_a_private_cache(as_user, place):
    as_user(STRANGER, "plant()", shared=True)
    close(place)
    lines = as_user(OWNER, "load()", shared=False)
    assert "kernels: None" in lines
    assert "plan: b'ours'" in lines
    assert "timings: b''" in lines
    (reference,) = (line for line in lines if line.startswith("reference"))
    assert "refused:" in reference
    assert sum(f"belongs to user {STRANGER}" in line for line in lines) == 4
    assert not any("b'planted" in line for line in lines)


def test_a_shared_cache_gives_out_what_others_planted(as_user):
    as_user(STRANGER, "plant()", shared=True)
    assert as_user(OWNER, "load()", shared=True) == [
        "kernels: b'planted kernels'",
        "plan: b'planted'",
        "timings: b'timed'",
        "reference: b'planted'",
    ]


def test_damage_is_noticed_in_a_shared_cache(as_user, place):
    as_user(STRANGER, "plant()", shared=True)
    for path in (*place.rglob("*.plan"), *place.rglob("*.runtime")):
        path.write_bytes(path.read_bytes()[:-1] + b"X")
    lines = as_user(STRANGER, "load()", shared=True)
    assert "kernels: None" in lines
    assert "plan: b'ours'" in lines
    (reference,) = (line for line in lines if line.startswith("reference"))
    assert "refused:" in reference


def test_a_pipe_in_the_place_of_timings_makes_nobody_wait(tmp_path):
    timings = TimingCacheFile.kept_in(tmp_path, "tensorrt", "10.16", "L4", shared=False)
    os.mkfifo(timings.path)

    class Config:
        def create_timing_cache(self, data):
            return data

        def set_timing_cache(self, data, _):
            return data == b""

    with pytest.warns(EngineCacheWarning, match="is not a regular file"):
        timings.attach(Config())
