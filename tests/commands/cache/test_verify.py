"""`trtperf cache verify`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pytest_trtperf.plan_cache.cache import PlanCache
from pytest_trtperf.plan_cache.files import CacheFiles
from tests.commands.cache.cached import MB, Run, key


def test_verify_finds_nothing_wrong(run: Run) -> None:
    assert run("verify")[:2] == (0, "engines verified: 3, bad: 0\n")


def test_verify_names_what_is_bad(run: Run, directory: Path) -> None:
    PlanCache(directory).store_runtime_cache(key("b"), b"runtime cache")
    (directory / f"{key('a')}.plan").write_bytes(bytes(MB - 1) + b"x")
    (directory / f"{key('b')}.runtime").write_bytes(b"damaged")
    (directory / f"{key('c')}.json").chmod(0o666)
    status, out, _ = run("verify", "--json")
    assert status == 1
    assert out["verified"] == 3
    assert out["bad"] == {
        key("a"): "the plan does not match its checksum",
        key("b"): "its runtime cache does not match its checksum",
        key("c"): f"the plan has a {key('c')}.json that can be written by other users",
    }
    assert run("verify", "--shared-cache", "c")[0] == 0


def test_the_users_own_cache_is_never_shared(
    run: Run, directory: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As for pytest, which would build what is bad again."""
    monkeypatch.delenv("TRTPERF_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    directory.rename(tmp_path / "trtperf")
    monkeypatch.setenv("TRTPERF_SHARED_CACHE", "1")
    assert run("verify")[0] == 0
    (tmp_path / "trtperf" / f"{key('a')}.plan").chmod(0o666)
    assert run("verify")[1].startswith(f"{key('a')}: the plan can be written by other users")


def test_verify_compares_the_sha_256_too(run: Run, directory: Path) -> None:
    path = directory / f"{key('a')}.json"
    identity = json.loads(path.read_text())
    path.write_text(json.dumps({**identity, "sha256": "0" * 64}))
    bad = {key("a"): "the plan does not match its SHA-256"}
    assert run("verify", "--json")[:2] == (1, {"verified": 3, "bad": bad})


def test_a_plan_that_is_being_published_is_not_bad(run: Run, directory: Path) -> None:
    (directory / f"{key('a')}.plan").write_bytes(b"of another identity")
    with CacheFiles(directory, shared=False).locked(key("a")):
        assert run("verify", "a")[0] == 0
    assert run("verify", "a")[0] == 1


def test_verify_refuses_a_directory_that_others_may_write(run: Run, directory: Path) -> None:
    directory.chmod(0o777)
    status, _, err = run("verify")
    assert status == 2
    assert "other users may write to this engine cache" in err
