from __future__ import annotations

import hashlib
import json
import os
import stat
import threading
import warnings
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_trtperf.engine.cache import EngineCacheWarning, PlanCache, default_cache_dir
from pytest_trtperf.errors import CacheError, EngineLoadError

PLAN = b"a plan of some length"


@pytest.fixture
def cache(tmp_path):
    return PlanCache(tmp_path / "deep" / "cache")


@pytest.fixture
def filled(cache):
    cache.get_or_build("key", lambda: PLAN, {"onnx": "m.onnx"})
    return cache


def never() -> bytes:
    raise AssertionError("built although the plan was there")


def names(cache: PlanCache) -> set[str]:
    return {path.name for path in cache.directory.iterdir() if path.suffix != ".lock"}


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_first_call_builds_and_the_next_finds(cache):
    first = cache.get_or_build("key", lambda: PLAN, {})
    again = cache.get_or_build("key", never, {})
    assert first.built
    assert first.build_s is not None
    assert first.build_s >= 0
    assert (again.built, again.build_s) == (False, None)
    assert first.sha256 == again.sha256 == hashlib.sha256(PLAN).hexdigest()
    assert first.read() == again.read() == again.path.read_bytes() == PLAN


def test_keys_do_not_share_plans(filled):
    assert filled.get_or_build("other", lambda: b"other", {}).read() == b"other"
    assert filled.get_or_build("key", never, {}).read() == PLAN


def test_the_sidecar_says_what_the_plan_is(filled):
    sidecar = json.loads((filled.directory / "key.json").read_text())
    assert sidecar["about"] == {"onnx": "m.onnx"}
    assert sidecar["size"] == len(PLAN)
    assert sidecar["sha256"] == hashlib.sha256(PLAN).hexdigest()
    assert sidecar["created"].endswith("+00:00")


def test_what_is_no_json_is_refused_before_the_build(cache):
    with pytest.raises((TypeError, ValueError)):
        cache.get_or_build("key", never, {"number": float("nan")})
    with pytest.raises(TypeError):
        cache.get_or_build("key", never, {"path": Path()})


@pytest.mark.parametrize("key", ["", "../key", "a/b", ".key", "a.b", "k" * 201, "k\n"])
def test_a_key_cannot_leave_the_directory(cache, key):
    with pytest.raises(ValueError, match="is no cache key"):
        cache.get_or_build(key, never, {})


def test_everything_is_private(filled):
    filled.store_runtime_cache("key", b"kernels")
    assert mode(filled.directory) == 0o700
    assert {mode(path) for path in filled.directory.iterdir()} == {0o600}


def flip(content: bytes) -> bytes:
    return bytes([content[0] ^ 1]) + content[1:]


@pytest.mark.parametrize(
    ("name", "damage", "reason"),
    [
        ("key.plan", lambda plan: plan[:-1], "has 20 bytes instead of 21"),
        ("key.plan", lambda _: b"", "has 0 bytes instead of 21"),
        ("key.plan", flip, "does not match its checksum"),
        ("key.json", lambda text: text[:-5], r"has a broken key\.json"),
        ("key.json", lambda _: b"\xff", r"has a broken key\.json"),
        ("key.json", lambda _: b"[]", r"has a broken key\.json"),
        ("key.json", lambda _: b'{"sha256": 1, "size": 2}', r"has a broken key\.json"),
        ("key.json", lambda _: b"[" * 100_000, r"has a broken key\.json"),
    ],
)
def test_a_damaged_plan_is_built_again_with_a_warning(filled, name, damage, reason):
    path = filled.directory / name
    path.write_bytes(damage(path.read_bytes()))
    with pytest.warns(EngineCacheWarning, match=rf"key\.plan: {reason}"):
        plan = filled.get_or_build("key", lambda: b"new", {})
    assert (plan.built, plan.read()) == (True, b"new")
    assert filled.get_or_build("key", never, {}).read() == b"new"


def test_a_plan_without_its_checksum_is_not_trusted(filled):
    (filled.directory / "key.json").unlink()
    with pytest.warns(EngineCacheWarning, match=r"has no key\.json with its checksum"):
        assert filled.get_or_build("key", lambda: b"new", {}).built


def test_a_plan_somebody_deleted_is_built_without_a_word(filled):
    (filled.directory / "key.plan").unlink()
    assert filled.get_or_build("key", lambda: b"new", {}).read() == b"new"


def test_a_directory_in_the_place_of_a_plan_is_an_error(filled):
    (filled.directory / "key.plan").unlink()
    (filled.directory / "key.plan").mkdir()
    with (
        pytest.warns(EngineCacheWarning, match="cannot be read"),
        pytest.raises(CacheError, match="--trtperf-cache-dir"),
    ):
        filled.get_or_build("key", lambda: PLAN, {})
    assert names(filled) <= {"key.plan", "key.json"}


@given(content=st.binary(min_size=1, max_size=300), data=st.data())
def test_no_changed_plan_is_ever_returned(tmp_path_factory, content, data):
    cache = PlanCache(tmp_path_factory.mktemp("any") / "cache")
    path = cache.get_or_build("key", lambda: content, {}).path
    changed = data.draw(st.binary(max_size=300).filter(lambda other: other != content))
    path.write_bytes(changed)
    with pytest.warns(EngineCacheWarning):
        assert cache.get_or_build("key", lambda: content, {}).read() == content


def test_a_plan_that_changes_after_it_was_found_is_not_read(filled):
    plan = filled.get_or_build("key", never, {})
    plan.path.write_bytes(flip(PLAN))
    with pytest.raises(EngineLoadError, match=r"key\.plan: the plan changed"):
        plan.read()
    plan.path.unlink()
    with pytest.raises(EngineLoadError, match=r"key\.plan: cannot be read"):
        plan.read()


@pytest.mark.parametrize("stop", [KeyboardInterrupt, RuntimeError, OSError])
def test_a_build_that_stops_leaves_nothing_and_no_lock(cache, stop):
    def build() -> bytes:
        raise stop("in the build")

    with pytest.raises(stop, match="in the build"):
        cache.get_or_build("key", build, {})
    assert names(cache) == set()
    assert cache.get_or_build("key", lambda: PLAN, {}).built


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_ctrl_c_while_writing_leaves_no_half_plan(cache, monkeypatch, call):
    def interrupt(*_arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, call, interrupt)
        with pytest.raises(KeyboardInterrupt):
            cache.get_or_build("key", lambda: PLAN, {})
    assert names(cache) == set()
    assert cache.get_or_build("key", lambda: PLAN, {}).read() == PLAN


def test_threads_that_want_one_plan_build_it_once(cache):
    builds: list[int] = []
    ready = threading.Barrier(4)

    def build() -> bytes:
        builds.append(1)
        return PLAN

    def want() -> None:
        ready.wait()
        cache.get_or_build("key", build, {})

    threads = [threading.Thread(target=want) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert builds == [1]


def test_a_directory_that_others_may_write_is_refused(filled):
    filled.directory.chmod(0o770)
    with pytest.raises(CacheError, match=r"other users may write .*chmod 700"):
        filled.get_or_build("key", never, {})
    assert PlanCache(filled.directory, shared=True).get_or_build("key", never, {}).read() == PLAN


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_a_directory_of_another_user_is_refused(filled):
    os.chown(filled.directory, 65534, 65534)
    with pytest.raises(CacheError, match="belongs to user 65534"):
        filled.get_or_build("key", never, {})
    assert PlanCache(filled.directory, shared=True).get_or_build("key", never, {}).read() == PLAN


def test_a_shared_cache_can_be_read_by_others(tmp_path):
    cache = PlanCache(tmp_path / "shared", shared=True)
    cache.get_or_build("key", lambda: PLAN, {})
    assert mode(cache.directory / "key.plan") == mode(cache.directory / "key.json") == 0o644


def test_a_file_in_the_place_of_the_directory_is_an_error(tmp_path):
    (tmp_path / "cache").write_text("not a directory")
    with pytest.raises(CacheError, match=r"cache: .*--trtperf-cache-dir"):
        PlanCache(tmp_path / "cache").get_or_build("key", never, {})


def test_the_runtime_cache_lies_beside_the_plan(filled):
    assert filled.load_runtime_cache("key") is None
    filled.store_runtime_cache("key", b"kernels")
    assert filled.load_runtime_cache("key") == b"kernels"
    filled.store_runtime_cache("key", b"")
    assert filled.load_runtime_cache("key") == b""
    assert filled.runtime_cache_path("key").parent == filled.directory
    assert names(filled) == {"key.plan", "key.json", "key.runtime"}


@pytest.mark.parametrize("damage", [flip, lambda stored: stored[:-1], lambda _: b""])
def test_a_damaged_runtime_cache_is_not_loaded(filled, damage):
    filled.store_runtime_cache("key", b"kernels")
    path = filled.runtime_cache_path("key")
    path.write_bytes(damage(path.read_bytes()))
    with pytest.warns(EngineCacheWarning, match=r"key\.runtime: does not match its checksum"):
        assert filled.load_runtime_cache("key") is None


def test_nothing_warns_when_nothing_is_wrong(cache):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cache.get_or_build("key", lambda: PLAN, {})
        cache.get_or_build("key", never, {})


@pytest.mark.parametrize("configured", ["", "relative/path"])
def test_the_default_is_in_the_home_directory(monkeypatch, tmp_path, configured):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", configured)
    assert default_cache_dir() == tmp_path / ".cache" / "trtperf"


def test_the_default_follows_xdg(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache_dir() == tmp_path / "trtperf"
