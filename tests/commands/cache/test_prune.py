"""`trtperf cache prune` and `clear`."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from pytest_trtperf.engine.identity import EngineIdentity
from pytest_trtperf.plan_cache import model_digests
from pytest_trtperf.plan_cache.build_log import build_log
from pytest_trtperf.plan_cache.cache import PlanCache
from pytest_trtperf.plan_cache.files import CacheFiles
from tests.commands.cache.cached import ABOUT, Run, key, plans

AS_ORDINARY_USER = """
import os, sys
from pytest_trtperf.cli import main
main(["cache", "list", *sys.argv[-2:]])  # imports what an ordinary user may not be able to read
if os.geteuid() == 0:
    os.setuid(65534)
sys.exit(main(["cache", *sys.argv[1:]]))
"""


@pytest.mark.parametrize(
    ("options", "left"),
    [
        ([], "abc"),
        (["--size", "2.5MB"], "bc"),
        (["--size", "0"], ""),
        (["--older-than", "36h"], "c"),
        (["--older-than", "30d", "--size", "1GiB"], "abc"),
    ],
)
def test_prune(run: Run, directory: Path, options: list[str], left: str) -> None:
    (directory / f".{key('d')}.x.tmp").write_bytes(b"half")
    status, out, _ = run("prune", "--json", *options)
    assert status == 0
    assert plans(directory) == left
    assert out["removed"] == [key(letter) for letter in "abc" if letter not in left]
    assert out["leftovers"] == [f".{key('d')}.x.tmp"]
    assert out["kept"] == {}


def test_what_is_in_use_stays_and_is_named(run: Run, directory: Path) -> None:
    cache = PlanCache(directory)
    cache.get_or_build(key("a"), lambda: b"", EngineIdentity())
    status, out, _ = run("clear")
    assert status == 1
    assert f"kept {key('a')}: in use\n" in out
    assert plans(directory) == "a"
    assert run("prune", "--size", "0")[0] == 1
    cache.close()
    assert run("clear")[0] == 0
    assert plans(directory) == ""


def test_the_log_of_a_failed_build_is_no_engine(run: Run, directory: Path) -> None:
    with build_log(CacheFiles(directory, shared=False), key("d")) as log:
        log.write("ERROR: text")
    assert len(run("list", "--json")[1]["engines"]) == 3
    assert run("verify")[0] == 0
    assert run("prune", "--json")[1]["leftovers"] == [f"{key('d')}.log"]


def test_what_a_read_only_cache_refuses_is_explained() -> None:
    # pytest's own directories are closed to others, and root may do anything.
    with tempfile.TemporaryDirectory(prefix="trtperf-") as place:
        directory = Path(place) / "cache"
        PlanCache(directory, shared=True).get_or_build(key("a"), lambda: b"plan", ABOUT)
        directory.chmod(0o555)
        Path(place).chmod(0o755)
        refusal = f"trtperf: error: engine cache {directory}: not permitted: Permission denied"
        for words in (["clear"], ["prune", "--size=0"], ["prune", "--older-than=0s"]):
            done = as_ordinary_user(*words, directory=directory)
            assert done.returncode == 2, done.stderr
            assert done.stderr.startswith(refusal)
            assert "TRTPERF_CACHE_DIR" in done.stderr
        # Where others work in it they have made the lock that could not be made above.
        (directory / ".size.lock").touch()
        (directory / ".size.lock").chmod(0o666)
        done = as_ordinary_user("clear", directory=directory)
        assert done.returncode == 1, done.stderr
        assert f"kept {key('a')}: not permitted: Permission denied" in done.stdout
        assert "Errno" not in done.stdout
        directory.chmod(0o755)


def as_ordinary_user(*words: str, directory: Path) -> subprocess.CompletedProcess[str]:
    """`trtperf cache …` on a shared cache."""
    return subprocess.run(
        [
            *(sys.executable, "-c", AS_ORDINARY_USER, *words),
            *("--shared-cache", f"--cache-dir={directory}"),
        ],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )


def test_advice_names_what_the_command_obeys(
    run: Run, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory.chmod(0o777)
    _, _, err = run("verify")
    assert "TRTPERF_SHARED_CACHE=1" in err
    assert "--trtperf" not in err
    monkeypatch.setenv("TRTPERF_SHARED_CACHE", "1")
    assert run("verify")[0] == 0


def test_clear_removes_the_digests_of_models_and_prune_leaves_them(
    run: Run, directory: Path, tmp_path: Path
) -> None:
    model = tmp_path / "m.onnx"
    model.write_bytes(b"model")
    kept = directory / model_digests.DIRECTORY
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model_digests, "SETTLED_S", -60.0)
        model_digests.ModelDigests(directory, "tensorrt").digest(model, lambda onnx: [onnx])
    run("prune")
    assert [path.suffix for path in kept.iterdir()] == [".json"]
    assert run("clear", "--json")[1]["leftovers"] == [model_digests.DIRECTORY]
    assert not kept.exists()
    assert run("clear", "--json")[1]["leftovers"] == []


def test_prune_removes_the_digests_of_models_that_are_gone_or_others(
    run: Run, directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_digests, "SETTLED_S", -60.0)
    monkeypatch.chdir(tmp_path)
    digests = model_digests.ModelDigests(directory, "tensorrt")
    for name in ("gone", "other", "same"):
        Path(name).write_bytes(b"model")
        digests.digest(Path(name), lambda onnx: [onnx])
    Path("gone").unlink()
    Path("other").write_bytes(b"another model")
    monkeypatch.chdir("/")
    removed = run("prune", "--json")[1]["leftovers"]
    assert len(removed) == 2
    (left,) = (directory / model_digests.DIRECTORY).iterdir()
    assert str(tmp_path / "same") in left.read_text()
    assert run("prune", "--json")[1]["leftovers"] == []


def test_clear_leaves_what_is_not_the_caches(run: Run, directory: Path) -> None:
    for name in ("model.plan", "package.json", "notes.txt", f"{key('A')}.plan"):
        (directory / name).write_text("mine")
    assert run("clear", "--json")[1]["removed"] == [key(letter) for letter in "abc"]
    left = {path.name for path in directory.iterdir()} - {".size.lock"}
    assert left == {"model.plan", "package.json", "notes.txt", f"{key('A')}.plan"}
