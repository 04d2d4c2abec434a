"""`trtperf cache` where the call is wrong or there is no cache, its help and its imports."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_trtperf.cli import main
from tests.commands.cache.cached import Run


@pytest.mark.parametrize("action", ["list", "verify", "prune", "clear"])
def test_a_cache_that_is_not_there_is_empty(run: Run, tmp_path: Path, action: str) -> None:
    absent = tmp_path / "absent"
    status, _, err = run(action, "--json", "--cache-dir", str(absent))
    assert status == 0
    assert f"there is no engine cache at {absent}" in err
    assert not absent.exists()


def test_a_file_in_the_place_of_the_cache_is_an_error(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert run("list", "--cache-dir", str(tmp_path / "file"))[0] == 2


def test_an_environment_variable_that_is_no_path_is_named(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRTPERF_CACHE_DIR", "~nobody-of-this-name/cache")
    status, _, err = run("list")
    assert status == 2
    assert "environment variable TRTPERF_CACHE_DIR: " in err
    assert "the home directory of '~nobody-of-this-name/cache'" in err


def test_an_environment_variable_that_is_no_truth_is_named(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRTPERF_SHARED_CACHE", "perhaps")
    status, _, err = run("list")
    assert status == 2
    assert "TRTPERF_SHARED_CACHE: expected true or false" in err


@pytest.mark.parametrize("words", [["--size", "many"], ["--older-than", "old"], ["--size", "-1"]])
def test_wrong_usage(run: Run, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        run("prune", *words)
    assert stop.value.code == 2
    assert "expected a" in capsys.readouterr().err


@pytest.mark.parametrize("action", ["list", "show", "verify", "prune", "clear"])
def test_help_has_an_example(action: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["cache", action, "--help"])
    assert stop.value.code == 0
    assert f"  trtperf cache {action}" in capsys.readouterr().out


def test_no_action_imports_tensorrt_or_cuda(directory: Path) -> None:
    code = (
        "import sys\n"
        "from pytest_trtperf.cli import main\n"
        "for words in (['list'], ['show', 'a'], ['verify'], ['prune'], ['clear']):\n"
        "    assert main(['cache', *words]) == 0, words\n"
        "print([name for name in sys.modules if name.startswith(('tensorrt', 'cuda', 'onnx'))])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"
