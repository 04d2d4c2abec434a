"""`trtperf cache export` and `import`: whole, signed, and nothing by halves."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pytest_trtperf.cli import main
from pytest_trtperf.plan_cache.cache import PlanCache
from pytest_trtperf.plan_cache.references import References
from tests.commands.cache.cached import ABOUT, Run, key
from tests.commands.cache.transferred import SECRET, imported, leftovers


@pytest.mark.usefixtures("signed")
def test_everything_travels(run: Run, filled: Path, package: Path, there: Path) -> None:
    status, out, err = run("export", str(package))
    assert (status, err) == (0, "")
    assert out.startswith("exported: 3 engines, 1 reference, ")
    assert out.endswith(", signed\n")
    assert package.stat().st_mode & 0o777 == 0o600
    status, out, _ = run("import", str(package), "--cache-dir", str(there))
    assert status == 0
    assert out.endswith("imported: 4, there already: 0, signature verified\n")
    engines, references = imported(there)
    assert engines == dict.fromkeys(map(key, "abc"))
    assert list(references.values()) == [None]
    for path in filled.rglob("*"):
        if path.suffix in (".plan", ".json", ".runtime"):
            copy = there / path.relative_to(filled)
            assert copy.read_bytes() == path.read_bytes()
            assert copy.stat().st_mode & 0o777 == 0o600
    assert PlanCache(there).load_runtime_cache(key("b")) == b"kernels"
    plan = PlanCache(there).get_or_build(key("a"), lambda: pytest.fail("built"), ABOUT)
    assert not plan.built


@pytest.mark.usefixtures("signed")
def test_what_is_there_stays_and_what_is_damaged_is_replaced(
    run: Run, filled: Path, package: Path, there: Path
) -> None:
    run("export", str(package))
    assert run("import", str(package), "--cache-dir", str(there))[0] == 0
    before = (there / f"{key('a')}.plan").stat().st_ino
    (there / f"{key('b')}.plan").write_bytes(b"damaged")
    status, out, _ = run("import", str(package), "--cache-dir", str(there), "--json")
    assert (status, out["imported"], len(out["there_already"])) == (0, [key("b")], 3)
    assert (there / f"{key('a')}.plan").stat().st_ino == before
    assert set(imported(there)[0].values()) == {None}


@pytest.mark.usefixtures("signed", "filled")
def test_some_may_be_chosen(run: Run, package: Path) -> None:
    assert run("export", str(package), "aaa", "--json")[1]["engines"] == [key("a")]
    status, _, err = run("export", str(package), "zz")
    assert (status, "zz: no such engine or reference" in err) == (2, True)


@pytest.mark.usefixtures("signed")
def test_what_the_cache_would_not_load_is_left_out(run: Run, filled: Path, package: Path) -> None:
    (filled / f"{key('a')}.plan").write_bytes(b"x")
    (filled / f"{key('b')}.plan").chmod(0o666)
    (filled / f"{key('c')}.plan").unlink()
    (reference,) = References(filled / "references").entries()
    (filled / "references" / reference.key / "engine.plan").write_bytes(b"x")
    status, out, _ = run("export", str(package), "--json")
    assert (status, out["engines"], out["references"]) == (1, [], [])
    assert out["left_out"] == {
        key("a"): "the plan does not match its SHA-256",
        key("b"): "can be written by other users",
        key("c"): "has no .plan",
        reference.key: "the reference has a plan that does not match its SHA-256",
    }


def test_a_cache_without_anything_is_not_exported(run: Run, package: Path, tmp_path: Path) -> None:
    package.write_bytes(b"of yesterday")
    for empty in (tmp_path / "gone", tmp_path):
        status, out, err = run("export", str(package), "--cache-dir", str(empty))
        assert (status, out) == (2, "")
        assert f"error: {empty} has no engine and no reference, so there is nothing to e" in err
    assert package.read_bytes() == b"of yesterday"


def test_a_cache_that_others_may_write_to_is_not_exported(
    run: Run, directory: Path, package: Path
) -> None:
    directory.chmod(0o777)
    status, _, err = run("export", str(package))
    assert (status, package.exists()) == (2, False)
    assert "other users may write to this engine cache" in err


class TestSignature:
    @pytest.mark.usefixtures("filled")
    def test_unsigned_is_refused_unless_it_is_trusted(
        self, run: Run, package: Path, there: Path
    ) -> None:
        status, out, err = run("export", str(package))
        assert (status, out.endswith(", NOT SIGNED\n")) == (0, True)
        assert "the file is not signed" in err
        status, _, err = run("import", str(package), "--cache-dir", str(there))
        assert status == 2
        assert "it is not signed, and plans are code" in err
        assert imported(there) == ({}, {})
        words = ("import", str(package), "--cache-dir", str(there), "--trust-unsigned")
        status, out, _ = run(*words)
        assert (status, out.endswith(", SIGNATURE NOT VERIFIED\n")) == (0, True)
        assert len(imported(there)[0]) == 3

    @pytest.mark.usefixtures("filled")
    def test_a_signature_needs_its_key(
        self, run: Run, signed: Path, package: Path, there: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run("export", str(package))
        words = ("import", str(package), "--cache-dir", str(there))
        monkeypatch.delenv("TRTPERF_CACHE_KEY_FILE")
        assert "there is no key to verify it" in run(*words)[2]
        signed.write_bytes(SECRET[::-1])
        for more in ((), ("--trust-unsigned",)):
            status, _, err = run(*words, "--key-file", str(signed), *more)
            assert (status, "its signature is not by this key" in err) == (2, True)
        assert imported(there) == ({}, {})
        signed.write_bytes(SECRET)
        assert run(*words, "--key-file", str(signed))[0] == 0

    @pytest.mark.parametrize(
        ("content", "mode", "words"),
        [
            (SECRET, 0o640, "run chmod 600 on it"),
            (SECRET, 0o602, "run chmod 600 on it"),
            (b"short\n", 0o600, "a key has 32 bytes or more"),
            (None, 0, "this key cannot be read: No such file"),
        ],
    )
    def test_a_key_is_secret_and_long(
        self, run: Run, signed: Path, package: Path, content: bytes, mode: int, words: str
    ) -> None:
        signed.unlink()
        if content is not None:
            signed.write_bytes(content)
            signed.chmod(mode)
        status, _, err = run("export", str(package))
        assert (status, package.exists(), words in err) == (2, False, True)

    @pytest.mark.usefixtures("signed", "directory")
    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
    @given(place=st.integers(0, 1500), mask=st.integers(1, 255))
    @example(place=15, mask=0x29)  # a tab in place of a blank
    @example(place=21, mask=0x80)  # no ASCII in the signature
    def test_no_changed_byte_is_taken(
        self, tmp_path: Path, place: int, mask: int, capsys: pytest.CaptureFixture[str]
    ) -> None:
        small, there = tmp_path / "small", tmp_path / "there-small"
        package = tmp_path / "small.trtperf"
        if not package.exists():
            PlanCache(small).get_or_build(key("a"), lambda: b"plan", ABOUT)
            assert main(["cache", "export", str(package), "--cache-dir", str(small)]) == 0
        data = bytearray(package.read_bytes())
        data[place % len(data)] ^= mask
        changed = tmp_path / "changed.trtperf"
        changed.write_bytes(data)
        assert main(["cache", "import", str(changed), "--cache-dir", str(there)]) == 2
        assert capsys.readouterr().err.startswith("trtperf: error: ")
        assert imported(there)[0] == {}
        assert leftovers(there) == []


@pytest.mark.usefixtures("signed", "filled")
def test_a_cache_that_others_may_write_to_takes_nothing(
    run: Run, package: Path, there: Path
) -> None:
    run("export", str(package))
    there.mkdir()
    there.chmod(0o777)
    assert run("import", str(package), "--cache-dir", str(there))[0] == 2
    assert list(there.iterdir()) == []
    status = run("import", str(package), "--cache-dir", str(there), "--shared-cache")[0]
    assert (status, len(list(there.glob("*.plan")))) == (0, 3)


_KILLED_IN_A_COPY = """
import os, sys
from pytest_trtperf.cli import main
from pytest_trtperf.plan_cache.package import Package
take, taken = Package.take, []
def killed(self, one, target):
    taken.append(one)
    take(self, one, target)
    if len(taken) == int(sys.argv[1]):
        os._exit(9)
Package.take = killed
main(["cache", "import", *sys.argv[2:]])
"""


@pytest.mark.usefixtures("signed", "filled")
@pytest.mark.parametrize("files", range(1, 11))
def test_a_killed_import_leaves_no_half_entry(
    run: Run, package: Path, there: Path, files: int
) -> None:
    run("export", str(package))
    command = [sys.executable, "-c", _KILLED_IN_A_COPY, str(files), str(package)]
    done = subprocess.run([*command, "--cache-dir", str(there)], check=False, timeout=60)
    assert done.returncode == 9
    engines, references = imported(there)
    assert set(engines.values()) | set(references.values()) <= {None}
    assert len(leftovers(there)) >= 1
    run("prune", "--cache-dir", str(there))
    assert leftovers(there) == []
    assert run("import", str(package), "--cache-dir", str(there))[0] == 0
    assert len(imported(there)[0]) == 3


@pytest.mark.usefixtures("signed")
def test_a_large_plan_is_streamed(tmp_path: Path, directory: Path, package: Path) -> None:
    """Both commands, within less memory than the plan has."""
    size = 300 << 20
    PlanCache(directory).get_or_build(key("d"), lambda: bytes(size), ABOUT)
    code = (
        "import re, sys; from pytest_trtperf.cli import main; status = main(sys.argv[1:]); "
        # ru_maxrss would be that of the process that started this one, if it had more.
        "peak = re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read()); "
        "print(int(peak[1]) << 10, file=sys.stderr); sys.exit(status)"
    )
    for words in (
        ("export", str(package), "dddd"),
        ("import", str(package), "--cache-dir", str(tmp_path / "there")),
    ):
        done = subprocess.run(
            [sys.executable, "-c", code, "cache", *words],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert int(done.stderr.split()[-1]) < size
