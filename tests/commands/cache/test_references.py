"""`trtperf cache` and the references beside the plans."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest

from pytest_trtperf.engine.identity import EngineIdentity
from pytest_trtperf.plan_cache.reference import describe
from pytest_trtperf.plan_cache.references import References
from tests.commands.cache.cached import Run, key, plans


@pytest.fixture
def kept(directory: Path, tmp_path: Path) -> list[str]:
    """References of two plans in the cache, last used 1 and 70 days ago, the older one first."""
    references, keys = References(directory / "references"), []
    for name, days in (("older", 70), ("newer", 1)):
        path = tmp_path / f"{name}.plan"
        path.write_bytes(name.encode())
        sha256 = hashlib.sha256(name.encode()).hexdigest()
        one = describe(
            "tensorrt-rtx", sha256, sha256, plan=path, given=path, about=EngineIdentity(),
            options={}, kept="2026-01-02T03:04:05Z",
        )  # fmt: skip
        references.keep(one)
        keys.append(one.reference.key)
        used = time.time() - days * 86400
        for place in (references.path(keys[-1]) / "reference.json", f"{keys[-1]}.lock"):
            os.utime(references.directory / place, (used, used))
    return keys


def left(directory: Path) -> list[str]:
    return [entry.key for entry in References(directory / "references").entries()]


def test_list_shows_references_after_the_engines(run: Run, kept: list[str]) -> None:
    lines = run("list")[1].splitlines()
    assert lines[5].split() == [
        "reference", "model", "engine", "built", "by", "for", "size", "last", "used"
    ]  # fmt: skip
    assert [line[:12] for line in lines[6:8]] == [one[:12] for one in kept]
    assert "older.plan" in lines[6]
    assert "tensorrt-rtx" in lines[6]
    assert lines[8].startswith("references in ")


def test_list_as_json_has_them(run: Run, kept: list[str], directory: Path) -> None:
    found = run("list", "--json")[1]["references"]
    assert [one["key"] for one in found] == kept
    assert found[0]["reference"]["name"] == "older.plan"
    assert found[0]["path"] == str(directory / "references" / kept[0])


def test_list_shows_a_damaged_one(run: Run, kept: list[str], directory: Path) -> None:
    (directory / "references" / kept[0] / "reference.json").write_text("{")
    (row,) = [row for row in run("list")[1].splitlines() if row.startswith(kept[0][:12])]
    assert row.split()[1:4] == ["?", "?", "?"]
    found = run("list", "--json")[1]["references"]
    assert [one["reference"] for one in found if one["key"] == kept[0]] == [None]


def test_verify_takes_references_as_well(run: Run, kept: list[str], directory: Path) -> None:
    assert run("verify")[:2] == (0, "engines verified: 3, references: 2, bad: 0\n")
    (directory / "references" / kept[1] / "engine.plan").write_bytes(b"x")
    status, out, _ = run("verify", "--json")
    assert (status, out["verified"]) == (1, 5)
    assert out["bad"] == {kept[1]: "the reference has a plan that does not match its SHA-256"}


def test_prune_keeps_references_for_60_days(run: Run, kept: list[str], directory: Path) -> None:
    assert run("prune", "--size", "0")[0] == 0
    assert left(directory) == kept
    status, out, _ = run("prune", "--older-than", "1h")
    assert status == 0
    assert f"removed reference {kept[0]}\n" in out
    assert left(directory) == [kept[1]]


def test_prune_removes_what_a_killed_writer_left(
    run: Run, kept: list[str], directory: Path
) -> None:
    half = directory / "references" / f".{key('d')}.0123.tmp"
    half.mkdir()
    assert run("prune", "--json")[1]["leftovers"] == [half.name]


def test_prune_removes_what_killed_runs_left_of_revisions(run: Run, directory: Path) -> None:
    (directory / "revisions" / "0123" / "tree").mkdir(parents=True)
    assert run("prune", "--json")[1]["leftovers"] == ["0123"]
    assert list((directory / "revisions").iterdir()) == []


def test_clear_leaves_references_unless_asked(run: Run, kept: list[str], directory: Path) -> None:
    status, _, err = run("clear")
    assert status == 0
    assert "2 references stay; --references removes them as well" in err
    assert (plans(directory), left(directory)) == ("", kept)
    user = References(directory / "references")
    user.open(kept[0])
    status, out, _ = run("clear", "--references")
    assert status == 1
    assert f"kept {kept[0]}: in use\n" in out
    user.close()
    status, out, _ = run("clear", "--references", "--json")
    assert (status, out["references"], left(directory)) == (0, [kept[0]], [])
