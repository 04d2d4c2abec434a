from __future__ import annotations

import errno
import fcntl
import hashlib
import itertools
import json
import os
import stat
import threading
import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_trtperf.engine.identity import EngineIdentity
from pytest_trtperf.errors import CacheError, EngineCacheWarning
from pytest_trtperf.plan_cache.cache import PlanCache
from pytest_trtperf.plan_cache.files import CacheFiles
from pytest_trtperf.plan_cache.identity import PlanIdentity, decode
from pytest_trtperf.plan_cache.place import default_cache_dir
from pytest_trtperf.plan_cache.size import shrink

KEY, OTHER = "a" * 64, "b" * 64
PLAN = b"a plan of some length"


@pytest.fixture
def cache(tmp_path):
    return PlanCache(tmp_path / "deep" / "cache")


@pytest.fixture
def filled(cache):
    cache.get_or_build(KEY, lambda: PLAN, EngineIdentity(onnx="m.onnx"))
    return cache


def never() -> bytes:
    raise AssertionError("built although the plan was there")


def names(cache: PlanCache) -> set[str]:
    return {path.name for path in cache.directory.iterdir() if path.suffix != ".lock"}


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_first_call_builds_and_the_next_finds(cache):
    first = cache.get_or_build(KEY, lambda: PLAN, EngineIdentity())
    again = cache.get_or_build(KEY, never, EngineIdentity())
    assert (first.built, again.built) == (True, False)
    assert first.identity == again.identity
    assert first.data == again.data == again.path.read_bytes() == PLAN


def test_keys_do_not_share_plans(filled):
    assert filled.get_or_build(OTHER, lambda: b"other", EngineIdentity()).data == b"other"
    assert filled.get_or_build(KEY, never, EngineIdentity()).data == PLAN


def test_the_identity_lies_beside_the_plan(filled):
    content = (filled.directory / f"{KEY}.json").read_bytes()
    identity = json.loads(content)
    assert identity["about"]["onnx"] == "m.onnx"
    assert identity["size"] == len(PLAN)
    assert identity["sha256"] == hashlib.sha256(PLAN).hexdigest()
    assert identity["created"].endswith("+00:00")
    assert identity["build_s"] >= 0
    assert identity["layers"] is None
    assert filled.get_or_build(KEY, never, EngineIdentity()).identity == decode(
        content, PlanIdentity
    )


def test_the_identity_says_why_no_cached_plan_would_do(cache):
    keys = (f"{number:064x}" for number in itertools.count())

    def why(**about: Any) -> object:
        about = {"model": "m", "device": "H200", "backend_version": "1.4"} | about
        plan = cache.get_or_build(next(keys), lambda: PLAN, EngineIdentity(**about))
        return plan.identity.why

    assert why() == "no engine of this model was cached"
    assert why(model="other") == "no engine of this model was cached"
    other = why(device="L4", backend_version="1.3")
    assert other == "the nearest in the cache differs in backend_version (1.4), device (H200)"
    assert why(device="L4") == "the nearest in the cache differs in device (H200)"
    nearest = "the nearest in the cache differs in"
    assert why(options={"tf32": False}) == f"{nearest} options (tf32 not given, here false)"
    shapes = why(profiles=[{"x": [[1], [2], [8]]}])
    assert shapes == f"{nearest} profiles (x not given, here [[1], [2], [8]])"
    overridden = why(environment={"NVIDIA_TF32_OVERRIDE": "0"})
    assert overridden == f"{nearest} environment (NVIDIA_TF32_OVERRIDE not given, here 0)"
    for path in cache.directory.glob("*.plan"):
        path.unlink()
    assert "the engine in the cache is damaged" in str(why())


def test_why_a_build_is_needed_is_known_without_the_layers_of_other_engines(filled, monkeypatch):
    """They are most of an identity; a build beside a hundred engines is to cost no seconds."""
    path = filled.directory / f"{KEY}.json"
    identity = json.loads(path.read_text())
    path.write_text(json.dumps({**identity, "layers": ["of a strange kind"]}))
    other = filled.get_or_build(OTHER, lambda: PLAN, EngineIdentity(device="L4"))
    assert other.identity.why == "the nearest in the cache differs in device (not given)"


def test_layers_join_the_identity(filled):
    filled.store_layers(KEY, [{"Name": "conv", "TacticValue": "0x1"}], ["x", "y"])
    found = filled.get_or_build(KEY, never, EngineIdentity())
    assert found.identity.layers == [{"Name": "conv", "TacticValue": "0x1"}]
    assert found.identity.bindings == ["x", "y"]
    assert found.data == PLAN
    filled.store_layers(OTHER, [], [])
    assert names(filled) == {f"{KEY}.plan", f"{KEY}.json"}


@pytest.mark.parametrize(("value", "error"), [(float("nan"), ValueError), (Path(), TypeError)])
def test_what_is_no_json_has_no_key_to_build_it_by(cache, value, error):
    about = EngineIdentity(options={"name": value})
    with pytest.raises(error):
        cache.get_or_build(about.key, never, about)


@pytest.mark.parametrize(
    "key", ["", "../" + KEY, "a/b", "." + KEY, KEY + ".b", KEY[1:], KEY + "\n", KEY.upper()]
)
def test_a_key_cannot_leave_the_directory(cache, key):
    with pytest.raises(ValueError, match="is no cache key"):
        cache.get_or_build(key, never, EngineIdentity())


def test_everything_is_private(filled):
    filled.store_runtime_cache(KEY, b"runtime cache")
    assert mode(filled.directory) == 0o700
    assert {mode(path) for path in filled.directory.iterdir()} == {0o600}


def flip(content: bytes) -> bytes:
    return bytes([content[0] ^ 1]) + content[1:]


@pytest.mark.parametrize(
    ("suffix", "damage", "reason"),
    [
        (".plan", lambda plan: plan[:-1], "has 20 bytes instead of 21"),
        (".plan", lambda _: b"", "has 0 bytes instead of 21"),
        (".plan", flip, "does not match its checksum"),
        (".json", lambda text: text[:-5], r"has a broken a+\.json"),
        (".json", lambda _: b"\xff", r"has a broken a+\.json"),
        (".json", lambda _: b"[]", r"has a broken a+\.json"),
        (".json", lambda _: b'{"sha256": 1, "size": 2}', r"has a broken a+\.json"),
        (".json", lambda _: b"[" * 100_000, r"has a broken a+\.json"),
        (".json", lambda text: text.replace(b"plan/1", b"plan/0"), r"has a broken a+\.json"),
    ],
)
def test_a_damaged_plan_is_built_again_with_a_warning(filled, suffix, damage, reason):
    path = filled.directory / (KEY + suffix)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.warns(EngineCacheWarning, match=rf"a\.plan: {reason}"):
        plan = filled.get_or_build(KEY, lambda: b"new", EngineIdentity())
    assert (plan.built, plan.data) == (True, b"new")
    assert filled.get_or_build(KEY, never, EngineIdentity()).data == b"new"


def test_a_plan_without_its_checksum_is_not_trusted(filled):
    (filled.directory / f"{KEY}.json").unlink()
    with pytest.warns(EngineCacheWarning, match=r"has no a+\.json with its checksum"):
        assert filled.get_or_build(KEY, lambda: b"new", EngineIdentity()).built


def test_a_plan_somebody_deleted_is_built_without_a_word(filled):
    (filled.directory / f"{KEY}.plan").unlink()
    assert filled.get_or_build(KEY, lambda: b"new", EngineIdentity()).data == b"new"


@pytest.mark.parametrize("suffix", [".plan", ".json"])
def test_a_directory_in_the_place_of_a_file_is_an_error_before_the_build(filled, suffix):
    path = filled.directory / (KEY + suffix)
    path.unlink()
    path.mkdir()
    with (
        pytest.warns(EngineCacheWarning, match=r"is not a regular file"),
        pytest.raises(CacheError, match=rf"Is a directory .*{suffix}\); remove it, or name"),
    ):
        filled.get_or_build(KEY, never, EngineIdentity())


def test_why_a_damaged_plan_was_built_again_is_known(filled):
    (filled.directory / f"{KEY}.plan").write_bytes(b"damaged")
    with pytest.warns(EngineCacheWarning):
        plan = filled.get_or_build(KEY, lambda: PLAN, EngineIdentity(onnx="m.onnx"))
    assert plan.identity.why.startswith("the engine in the cache is damaged")


def test_a_limit_that_cannot_be_held_costs_no_plan(tmp_path):
    cache = PlanCache(tmp_path / "cache", limit=1)
    (cache.directory / ".size.lock").mkdir(parents=True)
    cache.directory.chmod(0o700)
    with pytest.warns(EngineCacheWarning, match=r"stays above its limit: .*size\.lock") as caught:
        plan = cache.get_or_build(KEY, lambda: PLAN, EngineIdentity())
    assert caught[0].filename == __file__
    assert plan.data == plan.path.read_bytes() == PLAN


@settings(max_examples=40)
@given(content=st.binary(min_size=1, max_size=300), data=st.data())
def test_no_changed_plan_is_ever_returned(tmp_path_factory, content, data):
    cache = PlanCache(tmp_path_factory.mktemp("any") / "cache")
    path = cache.get_or_build(KEY, lambda: content, EngineIdentity()).path
    changed = data.draw(st.binary(max_size=300).filter(lambda other: other != content))
    path.write_bytes(changed)
    with pytest.warns(EngineCacheWarning):
        assert cache.get_or_build(KEY, lambda: content, EngineIdentity()).data == content


def test_a_plan_that_changes_after_it_was_found_is_still_what_was_verified(filled):
    plan = filled.get_or_build(KEY, never, EngineIdentity())
    plan.path.write_bytes(flip(PLAN))
    assert plan.data == PLAN


@pytest.mark.parametrize("stop", [KeyboardInterrupt, RuntimeError, OSError])
def test_a_build_that_stops_leaves_nothing_and_no_lock(cache, stop):
    def build() -> bytes:
        raise stop("in the build")

    with pytest.raises(stop, match="in the build"):
        cache.get_or_build(KEY, build, EngineIdentity())
    assert names(cache) == set()
    assert cache.get_or_build(KEY, lambda: PLAN, EngineIdentity()).built


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_ctrl_c_while_writing_leaves_no_half_plan(cache, monkeypatch, call):
    def interrupt(*_arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, call, interrupt)
        with pytest.raises(KeyboardInterrupt):
            cache.get_or_build(KEY, lambda: PLAN, EngineIdentity())
    assert names(cache) == set()
    assert cache.get_or_build(KEY, lambda: PLAN, EngineIdentity()).data == PLAN


def test_threads_that_want_one_plan_build_it_once(cache):
    builds: list[int] = []
    ready = threading.Barrier(4)

    def build() -> bytes:
        builds.append(1)
        return PLAN

    def want() -> None:
        ready.wait()
        cache.get_or_build(KEY, build, EngineIdentity())

    threads = [threading.Thread(target=want) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert builds == [1]


def test_a_shared_cache_can_be_read_by_others(tmp_path):
    cache = PlanCache(tmp_path / "shared", shared=True)
    cache.get_or_build(KEY, lambda: PLAN, EngineIdentity())
    assert mode(cache.directory / f"{KEY}.plan") == mode(cache.directory / f"{KEY}.json") == 0o644


def test_a_file_in_the_place_of_the_directory_is_an_error(tmp_path):
    (tmp_path / "cache").write_text("not a directory")
    with pytest.raises(CacheError, match=r"cache: .*TRTPERF_CACHE_DIR"):
        PlanCache(tmp_path / "cache").get_or_build(KEY, never, EngineIdentity())


def test_the_runtime_cache_lies_beside_the_plan(filled):
    assert filled.load_runtime_cache(KEY) is None
    filled.store_runtime_cache(KEY, b"runtime cache")
    assert filled.load_runtime_cache(KEY) == b"runtime cache"
    filled.store_runtime_cache(KEY, b"")
    assert filled.load_runtime_cache(KEY) == b""
    assert filled.runtime_cache_path(KEY).parent == filled.directory
    assert names(filled) == {f"{KEY}.plan", f"{KEY}.json", f"{KEY}.runtime"}


@pytest.mark.parametrize("damage", [flip, lambda stored: stored[:-1], lambda _: b""])
def test_a_damaged_runtime_cache_is_not_loaded(filled, damage):
    filled.store_runtime_cache(KEY, b"runtime cache")
    path = filled.runtime_cache_path(KEY)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.warns(EngineCacheWarning, match=r"a\.runtime: does not match its checksum"):
        assert filled.load_runtime_cache(KEY) is None


@pytest.mark.parametrize("error", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_without_locks_what_is_there_is_given_and_nothing_is_built(filled, monkeypatch, error):
    def refuse(*_arguments: object) -> None:
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(fcntl, "flock", refuse)
    assert filled.get_or_build(KEY, never, EngineIdentity()).data == PLAN
    with pytest.raises(CacheError, match=r"its file system has no locks .*TRTPERF_CACHE_DIR"):
        filled.get_or_build(OTHER, never, EngineIdentity())
    with pytest.raises(CacheError, match="has no locks"):
        shrink(CacheFiles(filled.directory, shared=False), 0)
    for store in (
        lambda: filled.store_layers(KEY, [], []),
        lambda: filled.store_runtime_cache(KEY, b"runtime cache"),
    ):
        with pytest.raises(CacheError, match="has no locks"):
            store()
    assert json.loads((filled.directory / f"{KEY}.json").read_text())["layers"] is None
    assert names(filled) == {f"{KEY}.plan", f"{KEY}.json"}


def test_nothing_warns_when_nothing_is_wrong(cache):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cache.get_or_build(KEY, lambda: PLAN, EngineIdentity())
        cache.get_or_build(KEY, never, EngineIdentity())


@pytest.mark.parametrize("configured", ["", "relative/path"])
def test_the_default_is_in_the_home_directory(monkeypatch, tmp_path, configured):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", configured)
    assert default_cache_dir() == tmp_path / ".cache" / "trtperf"


def test_the_default_follows_xdg(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache_dir() == tmp_path / "trtperf"
