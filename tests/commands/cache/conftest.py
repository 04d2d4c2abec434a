"""A cache of three plans, and `trtperf cache` on it as the console script calls it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from pytest_trtperf.cli import main
from pytest_trtperf.plan_cache.cache import PlanCache
from tests.commands.cache.cached import ABOUT, MB, Run, key


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
