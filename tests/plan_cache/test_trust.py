"""Who may have written what the cache loads: directories, links, files."""

from __future__ import annotations

import os
import stat

import pytest

from pytest_trtperf.engine.identity import EngineIdentity
from pytest_trtperf.errors import CacheError, EngineCacheWarning
from pytest_trtperf.plan_cache.cache import PlanCache

KEY = "a" * 64
PLAN = b"a plan of some length"
STRANGER = 65534
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")


@pytest.fixture
def cache(tmp_path):
    (tmp_path / "above").mkdir(mode=0o700)
    cache = PlanCache(tmp_path / "above" / "cache")
    cache.get_or_build(KEY, lambda: PLAN, EngineIdentity())
    return cache


def find(cache: PlanCache) -> memoryview:
    def never() -> bytes:
        raise AssertionError("built although the plan was there")

    return cache.get_or_build(KEY, never, EngineIdentity()).data


def refused(cache: PlanCache, complaint: str) -> None:
    """It is refused, unless the user said that others may write there."""
    with pytest.raises(CacheError, match=complaint) as failure:
        find(cache)
    assert "TRTPERF_SHARED_CACHE=1" in str(failure.value)
    assert find(PlanCache(cache.directory, shared=True)) == PLAN


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o722])
def test_a_directory_that_others_may_write_is_refused(cache, mode):
    cache.directory.chmod(mode)
    refused(cache, r"other users may write .*chmod 700")


@needs_root
def test_a_directory_of_another_user_is_refused(cache):
    os.chown(cache.directory, STRANGER, STRANGER)
    refused(cache, f"belongs to user {STRANGER}")


def test_a_directory_above_that_others_may_write_is_refused(cache):
    cache.directory.parent.chmod(0o707)
    refused(cache, "could be replaced by others: other users may write to .*above")


@needs_root
def test_a_directory_above_of_another_user_is_refused(cache):
    os.chown(cache.directory.parent, STRANGER, STRANGER)
    refused(cache, rf"could be replaced by others: .*above belongs to user {STRANGER}")


def test_a_directory_above_like_tmp_is_accepted(cache):
    cache.directory.parent.chmod(0o1777)
    assert find(cache) == PLAN


@needs_root
def test_a_group_with_the_number_of_its_user_is_that_user(cache):
    cache.directory.parent.chmod(0o770)
    assert find(cache) == PLAN
    os.chown(cache.directory.parent, 0, STRANGER)
    refused(cache, "other users may write to .*above")


def test_a_link_to_the_directory_is_judged_by_where_it_lies(cache, tmp_path):
    (tmp_path / "links").mkdir(mode=0o700)
    (tmp_path / "links" / "second").symlink_to(cache.directory)
    (tmp_path / "link").symlink_to(tmp_path / "links" / "second")
    linked = PlanCache(tmp_path / "link")
    assert find(linked) == PLAN
    (tmp_path / "links").chmod(0o707)
    refused(linked, "other users may write to .*links")


@needs_root
def test_a_link_of_another_user_is_refused(cache, tmp_path):
    (tmp_path / "link").symlink_to(cache.directory)
    os.chown(tmp_path / "link", STRANGER, STRANGER, follow_symlinks=False)
    refused(PlanCache(tmp_path / "link"), f"link belongs to user {STRANGER}")


def built_again(cache: PlanCache, complaint: str) -> None:
    with pytest.warns(EngineCacheWarning, match=complaint):
        plan = cache.get_or_build(KEY, lambda: b"new", EngineIdentity())
    assert plan.data == plan.path.read_bytes() == b"new"
    assert stat.S_IMODE(plan.path.stat().st_mode) == 0o600


@pytest.mark.parametrize("name", [f"{KEY}.plan", f"{KEY}.json"])
def test_a_file_that_others_may_write_is_not_loaded(cache, name):
    (cache.directory / name).chmod(0o620)
    built_again(cache, "can be written by other users")


@needs_root
@pytest.mark.parametrize("name", [f"{KEY}.plan", f"{KEY}.json"])
def test_a_file_of_another_user_is_not_loaded(cache, name):
    os.chown(cache.directory / name, STRANGER, STRANGER)
    built_again(cache, f"belongs to user {STRANGER}")


@pytest.mark.parametrize("name", [f"{KEY}.plan", f"{KEY}.json"])
def test_a_link_is_not_loaded(cache, name, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    (cache.directory / name).rename(elsewhere)
    (cache.directory / name).symlink_to(elsewhere)
    before = elsewhere.read_bytes()
    built_again(cache, "is a link")
    assert elsewhere.read_bytes() == before
    assert not (cache.directory / name).is_symlink()


def test_a_pipe_in_the_place_of_a_plan_makes_nobody_wait(cache):
    (cache.directory / f"{KEY}.plan").unlink()
    os.mkfifo(cache.directory / f"{KEY}.plan")
    built_again(cache, "is not a regular file")


def test_runtime_cache_that_others_may_write_is_not_loaded(cache):
    cache.store_runtime_cache(KEY, b"runtime cache")
    cache.runtime_cache_path(KEY).chmod(0o606)
    with pytest.warns(EngineCacheWarning, match="can be written by other users"):
        assert cache.load_runtime_cache(KEY) is None
