"""The limit of the cache's size: what goes first, and what stays because it is in use."""

from __future__ import annotations

import fcntl
import os

import pytest

from pytest_trtperf.engine.identity import EngineIdentity
from pytest_trtperf.plan_cache.build_log import build_log
from pytest_trtperf.plan_cache.cache import PlanCache
from pytest_trtperf.plan_cache.entries import entries
from pytest_trtperf.plan_cache.files import CacheFiles
from pytest_trtperf.plan_cache.size import default_limit, remove_leftovers, shrink

MB = 1_000_000
# Three plans with what lies beside them, and no fourth.
LIMIT = 3.5 * MB

USE = """
import sys, time
from pathlib import Path
from pytest_trtperf.engine.identity import EngineIdentity
from pytest_trtperf.plan_cache.cache import PlanCache
cache = PlanCache(Path(sys.argv[1]))
print("asking", flush=True)
print(cache.get_or_build("a" * 64, lambda: b"child" * 200_000, EngineIdentity()).built, flush=True)
time.sleep(600)
"""


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "cache"


def named(name: str) -> str:
    """The key of a plan that is called by one letter."""
    return name * 64


def build(directory, *names: str, limit: float = LIMIT) -> None:
    """As so many runs, one after the other, each in a later hour."""
    for name in names:
        cache = PlanCache(directory, limit=limit)
        cache.get_or_build(named(name), lambda: bytes(MB), EngineIdentity())
        cache.close()
        make_older(directory)


def make_older(directory, hours: float = 1) -> None:
    """Time goes by: every plan was used so much longer ago."""
    for path in directory.iterdir():
        used = path.lstat().st_mtime - 3600 * hours
        os.utime(path, (used, used), follow_symlinks=False)


def write_log(directory, name: str) -> None:
    with build_log(files_of(directory), named(name)) as log:
        log.write("INFO: text")


def keys(directory) -> list[str]:
    return sorted(path.stem[0] for path in directory.glob("*.plan"))


def files_of(directory) -> CacheFiles:
    return CacheFiles(directory, shared=False)


def test_the_least_recently_used_goes_with_all_its_files(directory):
    build(directory, "a", "b", "c")
    PlanCache(directory).store_runtime_cache(named("a"), b"runtime cache")
    write_log(directory, "a")
    build(directory, "d")
    assert keys(directory) == ["b", "c", "d"]
    assert [path.name for path in directory.glob("a*")] == [f"{named('a')}.lock"]


def test_a_plan_that_was_found_counts_as_used(directory):
    build(directory, "a", "b", "c", "a", "d")
    assert keys(directory) == ["a", "c", "d"]


def test_without_a_limit_everything_stays(directory):
    build(directory, *"abcdef", limit=default_limit(shared=True))
    assert keys(directory) == list("abcdef")


def test_a_plan_larger_than_the_limit_goes_with_the_next_build(directory):
    build(directory, "a", limit=100)
    assert keys(directory) == ["a"]
    build(directory, "b", limit=100)
    assert keys(directory) == ["b"]


def test_a_plan_in_use_by_this_process_stays(directory):
    using = PlanCache(directory, limit=LIMIT)
    using.get_or_build(named("a"), lambda: bytes(MB), EngineIdentity())
    make_older(directory)
    build(directory, "b", "c", "d")
    assert keys(directory) == ["a", "c", "d"]
    using.close()
    make_older(directory)
    build(directory, "e")
    assert keys(directory) == ["c", "d", "e"]


@pytest.mark.parametrize("found", [False, True], ids=["it built it", "it found it"])
def test_a_plan_in_use_by_another_process_stays_until_that_ends(directory, start, found):
    if found:
        build(directory, "a")
    child = start(USE, directory)
    assert [child.stdout.readline() for _ in range(2)] == ["asking\n", f"{not found}\n"]
    make_older(directory, hours=9)
    build(directory, "b", "c", "d")
    assert keys(directory) == ["a", "c", "d"]
    assert shrink(files_of(directory), 1.5 * MB).kept == {}, "reported although the rest made room"
    assert keys(directory) == ["a"]
    assert shrink(files_of(directory), 0).kept == {named("a"): "in use"}
    child.kill()
    child.wait(timeout=60)
    assert shrink(files_of(directory), 0).kept == {}
    assert keys(directory) == []


def test_a_plan_that_is_being_built_stays(directory):
    build(directory, "a")
    files = files_of(directory)
    with files.locked(named("a")):
        assert shrink(files, 0).kept == {named("a"): "in use"}
    assert keys(directory) == ["a"]


def test_a_plan_that_is_asked_for_while_it_goes_is_built_again(directory, start):
    build(directory, "a")
    files = files_of(directory)
    with files.locked(named("a")):
        plan = (directory / f"{named('a')}.plan").open("r+b")
        fcntl.flock(plan, fcntl.LOCK_EX)
        child = start(USE, directory)
        assert child.stdout.readline() == "asking\n"
        (directory / f"{named('a')}.plan").unlink()
        (directory / f"{named('a')}.json").unlink()
        plan.close()
    assert child.stdout.readline() == "True\n"
    assert (directory / f"{named('a')}.plan").read_bytes() == b"child" * 200_000


def test_leftovers_are_removed_and_nothing_else(directory):
    build(directory, "a", "b")
    files = files_of(directory)
    files.remove(named("b"))
    (directory / f".{named('b')}.xyz.tmp").write_bytes(b"half")
    (directory / "notes.txt").write_text("mine")
    assert remove_leftovers(files) == [f".{named('b')}.xyz.tmp"]
    left = {path.name for path in directory.iterdir()}
    assert left == {"notes.txt", *(named("a") + suffix for suffix in (".plan", ".json", ".lock"))}


def test_looking_for_leftovers_is_no_use_of_a_plan(directory):
    build(directory, "a")
    make_older(directory)
    files = files_of(directory)
    files.path(named("a"), ".lock").unlink()
    used = files.used(named("a"))
    remove_leftovers(files)
    assert files.used(named("a")) == used


def test_a_log_counts_with_its_plan_and_alone_is_a_leftover(directory):
    build(directory, "a")
    files = files_of(directory)
    (before,) = entries(files)
    write_log(directory, "a")
    write_log(directory, "b")
    (after,) = entries(files)
    assert after.size == before.size + len("INFO: text\n")
    with files.locked(named("b")):
        assert remove_leftovers(files) == [], "a build lost its log"
    assert remove_leftovers(files) == [f"{named('b')}.log"]
    assert (directory / f"{named('a')}.log").exists()
    assert shrink(files, 0).removed == [after]
    assert list(directory.glob("*.log")) == []


def test_what_is_damaged_counts_and_goes_in_its_turn(directory):
    build(directory, "a", "b", "c")
    (directory / f"{named('a')}.json").write_text("{")
    os.utime(directory / f"{named('a')}.json", (0, 0))
    assert [entry.key[0] for entry in entries(files_of(directory))] == ["a", "b", "c"]
    build(directory, "d")
    assert keys(directory) == ["b", "c", "d"]


def test_what_a_forked_process_has_open_is_not_in_use_after_close(directory):
    using = PlanCache(directory)
    using.get_or_build(named("a"), lambda: bytes(MB), EngineIdentity())
    read, write = os.pipe()
    child = os.fork()
    if not child:
        using.close()  # ends no lock of the process that it was forked from
        os._exit(0)
    os.waitpid(child, 0)
    assert shrink(files_of(directory), 0).kept == {named("a"): "in use"}
    child = os.fork()
    if not child:
        os.close(write)
        os.read(read, 1)  # until the other one has looked
        os._exit(0)
    os.close(read)
    using.close()
    removal = shrink(files_of(directory), 0)
    os.close(write)
    os.waitpid(child, 0)
    assert removal.kept == {}
    assert keys(directory) == []


def test_what_is_no_plan_goes_too(directory, tmp_path):
    build(directory, "a", "b", "c")
    (tmp_path / "elsewhere").write_text("mine")
    link, loop, plan = (directory / f"{named(name)}.plan" for name in "abc")
    for path in (link, loop, plan):
        path.unlink()
    link.symlink_to(tmp_path / "elsewhere")
    loop.symlink_to(loop)
    plan.mkdir()
    kept = shrink(files_of(directory), 0).kept
    assert (tmp_path / "elsewhere").read_text() == "mine"
    assert keys(directory) == ["c"]
    assert kept.keys() == {named("c")}
    assert f"Is a directory ({plan}); remove it" in kept[named("c")]


def test_a_removal_that_stops_leaves_no_plan_without_its_checksum(directory):
    build(directory, "a")
    identity = directory / f"{named('a')}.json"
    identity.unlink()
    identity.mkdir()
    assert "Is a directory" in shrink(files_of(directory), 0).kept[named("a")]
    assert keys(directory) == []


def test_nothing_is_opened_to_find_what_goes(directory, monkeypatch):
    build(directory, "a", "b")
    monkeypatch.setattr("pytest_trtperf.plan_cache.files.open_cached", None)
    assert [entry.key[0] for entry in shrink(files_of(directory), 0).removed] == ["a", "b"]
