"""A cache of three plans, a package of it, and `trtperf cache` as the console script calls it."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from pytest_trtperf.cli import main
from pytest_trtperf.engine.identity import EngineIdentity
from pytest_trtperf.plan_cache.cache import PlanCache
from pytest_trtperf.plan_cache.reference import describe
from pytest_trtperf.plan_cache.references import References
from tests.commands.cache.cached import ABOUT, MB, Run, key
from tests.commands.cache.transferred import SECRET


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache with plans a, b and c, last used three, two and one days ago."""
    directory = tmp_path / "cache"
    monkeypatch.setenv("TRTPERF_CACHE_DIR", str(directory))
    cache = PlanCache(directory)
    for letter in "abc":
        cache.get_or_build(key(letter), lambda: bytes(MB), ABOUT)
    cache.close()
    for days, letter in enumerate("cba", 1):
        for path in directory.glob(f"{letter}*"):
            used = path.stat().st_mtime - days * 86400
            os.utime(path, (used, used))
    return directory


@pytest.fixture
def run(directory: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `trtperf cache …`; gives its status, what it printed (JSON decoded) and its notes."""

    def call(*words: str) -> tuple[int, Any, str]:
        status = main(["cache", *words])
        out, err = capsys.readouterr()
        return status, json.loads(out) if "--json" in words else out, err

    return call


@pytest.fixture
def filled(directory: Path, tmp_path: Path) -> Path:
    """The cache with kernels of plan b, and a reference beside the plans."""
    PlanCache(directory).store_runtime_cache(key("b"), b"kernels")
    plan = tmp_path / "kept.plan"
    plan.write_bytes(b"plan")
    sha256 = hashlib.sha256(b"plan").hexdigest()
    one = describe(
        "tensorrt-rtx", sha256, sha256, plan=plan, given=plan, about=EngineIdentity(), options={},
        kept="2026-01-02T03:04:05Z", runtime_cache=b"its kernels",
    )  # fmt: skip
    References(directory / "references").keep(one)
    return directory


@pytest.fixture
def signed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of a key, which the variable names."""
    path = tmp_path / "cache.key"
    path.write_bytes(SECRET + b"\n")
    path.chmod(0o600)
    monkeypatch.setenv("TRTPERF_CACHE_KEY_FILE", str(path))
    return path


@pytest.fixture
def package(tmp_path: Path) -> Path:
    return tmp_path / "engines.trtperf"


@pytest.fixture
def there(tmp_path: Path) -> Path:
    """The cache of another machine."""
    return tmp_path / "there"
