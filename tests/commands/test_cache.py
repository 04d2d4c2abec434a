"""`trtperf cache`, called as the console script calls it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pytest_trtperf.cli import main
from pytest_trtperf.engine.identity import EngineIdentity
from pytest_trtperf.plan_cache.cache import PlanCache
from pytest_trtperf.plan_cache.files import CacheFiles

Run = Callable[..., tuple[int, Any, str]]
MB = 1_000_000
ABOUT = EngineIdentity(
    onnx="resnet50.onnx", backend="tensorrt-rtx", backend_version="1.0", device="NVIDIA H200 9.0"
)


def key(letter: str) -> str:
    return letter * 64


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


def plans(directory: Path) -> str:
    return "".join(sorted(path.name[0] for path in directory.glob("*.plan")))


def test_list_tells_each_engine_and_why_it_is_not_for_this_machine(run: Run) -> None:
    status, out, _ = run("list")
    assert status == 0
    header, *rows, total = out.splitlines()
    assert header.split() == ["key", "model", "built", "by", "for", "size", "last", "used", "here"]
    assert [row[:12] for row in rows] == [letter * 12 for letter in "abc"]
    assert "resnet50.onnx  tensorrt-rtx 1.0  NVIDIA H200 9.0" in rows[0]
    assert "no: " in rows[0]
    assert total.startswith("engines in ")


def test_list_as_json(run: Run, directory: Path) -> None:
    status, out, _ = run("list", "--json")
    assert status == 0
    assert out["directory"] == str(directory)
    first = out["engines"][0]
    assert first["key"] == key("a")
    assert first["path"] == str(directory / f"{key('a')}.plan")
    assert first["identity"]["about"] == msgspec.to_builtins(ABOUT)
    assert first["here"] is False
    assert first["why"]


def test_show_takes_the_beginning_of_a_key(run: Run, directory: Path) -> None:
    PlanCache(directory).store_layers(key("b"), [{"Name": "conv", "TacticName": "sm90_conv"}])
    status, out, _ = run("show", "bb")
    assert status == 0
    assert f"key: {key('b')}\n" in out
    assert "device: NVIDIA H200 9.0\n" in out
    assert "layers: 1\n  conv: sm90_conv\n" in out
    assert "layers: not known" in run("show", "c")[1]
    assert run("show", "b", "--json")[1]["identity"]["layers"][0]["Name"] == "conv"


def test_names_do_not_command_the_terminal(run: Run, directory: Path) -> None:
    about = msgspec.structs.replace(ABOUT, onnx="\x1b[2Jgone.onnx")
    PlanCache(directory).get_or_build(key("d"), lambda: b"plan", about)
    for words in (["list"], ["show", "d"]):
        out = run(*words)[1]
        assert "[2Jgone.onnx" in out
        assert "\x1b" not in out


def test_show_of_an_unknown_key_is_an_error(run: Run) -> None:
    status, out, err = run("show", "f")
    assert (status, out) == (2, "")
    assert err == "trtperf: error: f: no such engine; see trtperf cache list\n"


def test_show_of_several_keys_names_them(run: Run, directory: Path) -> None:
    other = "a" * 63 + "b"
    PlanCache(directory).get_or_build(other, lambda: b"plan", EngineIdentity())
    status, _, err = run("show", "aaa")
    assert status == 2
    assert key("a") in err
    assert other in err
    assert run("show", key("a"))[0] == 0


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


def test_what_is_in_use_stays_and_is_told(run: Run, directory: Path) -> None:
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
    with PlanCache(directory).build_log(key("d")) as log:
        log.write("ERROR: text")
    assert len(run("list", "--json")[1]["engines"]) == 3
    assert run("verify")[0] == 0
    assert run("prune", "--json")[1]["leftovers"] == [f"{key('d')}.log"]


AS_ORDINARY_USER = """
import os, sys
from pytest_trtperf.cli import main
main(["cache", "list", *sys.argv[-2:]])  # imports what an ordinary user may not be able to read
if os.geteuid() == 0:
    os.setuid(65534)
sys.exit(main(["cache", *sys.argv[1:]]))
"""


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


def test_clear_leaves_what_is_not_the_caches(run: Run, directory: Path) -> None:
    for name in ("model.plan", "package.json", "notes.txt", f"{key('A')}.plan"):
        (directory / name).write_text("mine")
    assert run("clear", "--json")[1]["removed"] == [key(letter) for letter in "abc"]
    left = {path.name for path in directory.iterdir()} - {".size.lock"}
    assert left == {"model.plan", "package.json", "notes.txt", f"{key('A')}.plan"}


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
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TRTPERF_CACHE_DIR", "~nobody-of-this-name/cache")
    with pytest.raises(SystemExit, match="2"):
        run("list")
    assert "the home directory of '~nobody-of-this-name/cache'" in capsys.readouterr().err


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
