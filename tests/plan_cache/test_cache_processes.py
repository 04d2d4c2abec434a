"""The cache between processes: racing, killed, without room and without permission."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from pytest_trtperf.engine.identity import EngineIdentity
from pytest_trtperf.plan_cache.cache import PlanCache

KEY = "a" * 64
PLAN = b"plan" * 1000

# argv: directory, key, whether the cache is shared; the code of a test comes after this.
PRELUDE = """
import os, sys, time
from pathlib import Path
from pytest_trtperf.plan_cache.cache import PlanCache
from pytest_trtperf.engine.identity import EngineIdentity
from pytest_trtperf.errors import CacheError

cache, key = PlanCache(Path(sys.argv[1]), shared=sys.argv[3:] == ["shared"]), sys.argv[2]
plan = b"plan" * 1000

def say(word):
    print(word, flush=True)

def get(build=lambda: plan):
    try:
        found = cache.get_or_build(key, build, EngineIdentity())
    except CacheError as error:
        say(f"CacheError: {error}")
    else:
        say(f"{found.built} {found.identity.plan_sha256} {found.data == plan}")
"""

# Root may do anything, so permissions are tested as somebody else.
ORDINARY_USER = PRELUDE + "if os.geteuid() == 0:\n    os.setuid(65534)\n"


def finish(child) -> str:
    output, errors = child.communicate(timeout=120)
    assert child.returncode == 0, errors
    return str(output)


def temporary(cache: PlanCache, key: str) -> list[str]:
    return [path.name for path in cache.directory.glob(f".{key}.*.tmp")]


def test_processes_that_race_for_a_key_build_once(tmp_path, start):
    code = PRELUDE + (
        "def build():\n"
        "    with open('builds', 'a') as log:\n"
        "        log.write('x')\n"
        "    say('building')\n"
        "    while not Path('go').exists():\n"
        "        time.sleep(0.01)\n"
        "    return plan\n"
        "say('ready')\n"
        "get(build)\n"
    )
    children = [start(code, tmp_path / "cache", KEY, cwd=tmp_path) for _ in range(8)]
    for child in children:
        assert child.stdout.readline() == "ready\n"
    wait_for((tmp_path / "builds").exists)
    (tmp_path / "go").touch()
    outcomes = [finish(child).split() for child in children]
    assert (tmp_path / "builds").read_text() == "x"
    assert sorted(outcome[-3] for outcome in outcomes) == ["False"] * 7 + ["True"]
    assert {outcome[-1] for outcome in outcomes} == {"True"}
    assert len({outcome[-2] for outcome in outcomes}) == 1


def wait_for(condition) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)


HANG_IN_WRITE = PRELUDE + (
    "def hang(*arguments):\n    say('writing')\n    time.sleep(600)\nos.fsync = hang\nget()\n"
)
HANG_BETWEEN_RENAMES = PRELUDE + (
    "replace, calls = os.replace, []\n"
    "def hang_on_the_second(*arguments):\n"
    "    if calls:\n"
    "        say('writing')\n"
    "        time.sleep(600)\n"
    "    calls.append(arguments)\n"
    "    replace(*arguments)\n"
    "os.replace = hang_on_the_second\n"
    "get()\n"
)


@pytest.mark.parametrize("code", [HANG_IN_WRITE, HANG_BETWEEN_RENAMES])
def test_a_writer_that_is_killed_leaves_nothing_that_counts(tmp_path, start, code):
    cache = PlanCache(tmp_path / "cache")
    child = start(code, cache.directory, KEY)
    assert child.stdout.readline() == "writing\n"
    child.send_signal(signal.SIGKILL)
    child.wait(timeout=60)
    assert temporary(cache, KEY)
    assert not (cache.directory / f"{KEY}.plan").exists()

    plan = cache.get_or_build(KEY, lambda: PLAN, EngineIdentity())
    assert plan.built
    assert plan.data == PLAN
    assert temporary(cache, KEY) == []


def test_what_a_killed_writer_left_goes_with_the_build_of_another_key(tmp_path, start):
    cache = PlanCache(tmp_path / "cache")
    child = start(HANG_IN_WRITE, cache.directory, "0" * 64)
    assert child.stdout.readline() == "writing\n"

    cache.get_or_build("1" * 64, lambda: PLAN, EngineIdentity())
    assert temporary(cache, "0" * 64), "a living writer lost its file"

    child.send_signal(signal.SIGKILL)
    child.wait(timeout=60)
    cache.get_or_build("2" * 64, lambda: PLAN, EngineIdentity())
    assert temporary(cache, "0" * 64) == []


def test_a_builder_that_is_killed_lets_the_next_one_build(tmp_path, start):
    code = PRELUDE + "get(lambda: say('building') or time.sleep(600))\n"
    child = start(code, tmp_path / "cache", KEY)
    assert child.stdout.readline() == "building\n"
    waiting = start(PRELUDE + "get()\n", tmp_path / "cache", KEY)
    child.send_signal(signal.SIGKILL)
    assert finish(waiting).startswith("True ")


def test_a_file_size_limit_is_explained_and_leaves_nothing(tmp_path, start):
    code = PRELUDE + (
        "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))\nget()\n"
    )
    output = finish(start(code, tmp_path / "cache", KEY))
    assert output.startswith(f"CacheError: engine cache {tmp_path / 'cache'}: no room to write")
    assert "TRTPERF_CACHE_DIR" in output
    assert {path.suffix for path in (tmp_path / "cache").iterdir()} <= {".lock"}


def test_a_full_disk_is_explained_and_leaves_nothing(tmp_path, start):
    mount = 'mount -t tmpfs -o size=64k none "$0" && exec "$@"'
    small_disk = ("unshare", "-Urm", "sh", "-c", mount, str(tmp_path))
    if not shutil.which("unshare") or subprocess.run([*small_disk, "true"], check=False).returncode:
        pytest.skip("this user cannot mount a small disk")
    code = PRELUDE + "plan *= 100\nget()\nsay(os.listdir(sys.argv[1]))\nplan = b'small'\nget()\n"
    complaint, left, retried = finish(
        start(code, tmp_path / "cache", KEY, before=small_disk)
    ).splitlines()
    assert "no room to write: No space left on device" in complaint
    assert left in ("[]", f"['{KEY}.lock']")
    assert retried.startswith("True ")


@pytest.fixture
def common():
    """A directory that other users may enter; pytest keeps its own to the user who runs it."""
    directory = Path(tempfile.mkdtemp(prefix="trtperf-"))
    yield directory
    for path in (directory, directory / "cache"):
        if path.exists():
            path.chmod(0o700)
    shutil.rmtree(directory)


def test_a_place_that_cannot_be_written_is_explained(common, start):
    common.chmod(0o555)
    output = finish(start(ORDINARY_USER + "get()\n", common / "cache", KEY))
    assert output.startswith(f"CacheError: engine cache {common / 'cache'}: not permitted: Perm")
    assert "TRTPERF_CACHE_DIR" in output


def test_a_shared_cache_that_is_read_only_serves_what_it_has(common, start):
    cache = PlanCache(common / "cache", shared=True)
    cache.get_or_build(KEY, lambda: PLAN, EngineIdentity())
    cache.directory.chmod(0o555)
    common.chmod(0o755)
    found = start(ORDINARY_USER + "get()\n", cache.directory, KEY, "shared")
    assert finish(found).startswith("False ")


def test_a_miss_in_a_read_only_cache_shows_how_the_nearest_engine_differs(common, start):
    cache = PlanCache(common / "cache", shared=True)
    about = EngineIdentity(model="m", device="NVIDIA L4 8.9")
    cache.get_or_build(KEY, lambda: PLAN, about)
    cache.directory.chmod(0o555)
    common.chmod(0o755)
    code = ORDINARY_USER + (
        "def ask(key, model='m', **about):\n"
        "    try:\n"
        "        about = EngineIdentity(model=model, **about)\n"
        "        cache.get_or_build(key, lambda: plan, about)\n"
        "    except CacheError as error:\n"
        "        say(error)\n"
        "ask('b' * 64, device='NVIDIA H200 9.0')\n"
        "ask('b' * 64, model='other')\n"
        "ask(key, device='NVIDIA L4 8.9')\n"
    )
    (cache.directory / f"{KEY}.plan").write_bytes(b"damaged")
    child = start(code, cache.directory, KEY, "shared")
    other_device, other_model, damaged = finish(child).splitlines()
    refusal = f"engine cache {cache.directory}: not permitted: Permission denied"
    for line in (other_device, other_model, damaged):
        assert line.startswith(refusal)
    assert other_device.endswith(
        ". The engine has to be built: the nearest in the cache differs in device (NVIDIA L4 8.9)"
    )
    assert other_model.endswith("has to be built: no engine of this model was cached")
    assert "has to be built: the engine in the cache is damaged" in damaged


def test_a_plan_that_cannot_be_read_is_built_again(common, start):
    common.chmod(0o1777)
    code = ORDINARY_USER + (
        "import warnings\n"
        "get()\n"
        "os.chmod(cache.directory / (key + '.plan'), 0)\n"
        "with warnings.catch_warnings(record=True) as caught:\n"
        "    warnings.simplefilter('always')\n"
        "    get()\n"
        "say(caught[0].message)\n"
    )
    first, again, warning = finish(start(code, common / "cache", KEY)).splitlines()
    assert first.startswith("True ")
    assert again.startswith("True ")
    assert f"{KEY}.plan: cannot be read: Permission denied" in warning


def test_random_kills_while_publishing_do_no_harm():
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.cache.cache_kill", "--rounds=40"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "temporary files left" in done.stdout, "no kill came while something was written"
