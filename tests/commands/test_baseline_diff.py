"""`trtperf baseline diff`: what changed between revisions and directories."""

from __future__ import annotations

import subprocess

import pytest

from pytest_trtperf.baseline.store import BaselineStore
from pytest_trtperf.record.as_baseline import baseline_entry

MODULE = "tests/test_x.py"
A, B, C = (f"{MODULE}::test_{name}" for name in "abc")


@pytest.fixture
def write(make_measurement):
    """Writes an entry at a level; None removes it."""

    def write(directory, key, level, layout=None, **software):
        store = BaselineStore(directory, "nvidia-h200", "tensorrt", layout)
        if level is None:
            store.update(MODULE, {}, [key])
            return
        entry = baseline_entry(make_measurement(key, level), software, "2026-01-01T00:00:00Z")
        store.update(MODULE, {key: entry})

    return write


@pytest.fixture
def repository(tmp_path, write, monkeypatch):
    """A git repository with two entries that are committed."""
    monkeypatch.chdir(tmp_path)
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    directory = tmp_path / "package" / "perf-baselines"
    write(directory, A, 1.0, driver="580")
    write(directory, B, 1.0)
    commit(tmp_path)
    return directory


def commit(folder):
    who = ("-c", "user.name=n", "-c", "user.email=e@x", "-c", "commit.gpgsign=false")
    for words in (("init", "-q"), ("add", "."), (*who, "commit", "-qm", "m", "--no-verify")):
        subprocess.run(["git", *words], cwd=folder, check=True)


@pytest.fixture
def diff(trtperf, repository):
    return lambda *words: trtperf("baseline", "diff", *words, "--baseline-dir", repository)


def test_a_revision_without_its_prefix_is_said(diff):
    result = diff("main")
    assert result.status == 2
    assert "there is no baseline directory main; a revision is written git:REV" in result.err


def test_nothing_changed(diff):
    result = diff()
    assert (result.status, result.out) == (0, "0 added, 0 changed, 0 removed\n")


@pytest.mark.parametrize("layout", ["module", "test"])
def test_changes_since_the_last_commit(diff, repository, write, layout):
    write(repository, A, 1.1, layout, driver="590")
    write(repository, B, None, layout)
    write(repository, C, 2.0, layout)
    result = diff()
    assert (result.status, result.err) == (0, "")
    rows = [line.split() for line in result.out.splitlines() if "gpu_compute median ms" in line]
    assert [(row[0], *row[6:]) for row in rows] == [
        (A, "1", "1.1", "+10.0%", "1", "->", "1"),
        (B, "1", "-", "removed", "1", "->", "0"),
        (C, "-", "2", "added", "0", "->", "1"),
    ]
    assert f"{A} (tensorrt on nvidia-h200): driver 580 before, 590 now\n" in result.out
    assert result.out.endswith("1 added, 1 changed, 1 removed\n")


def test_between_revisions_and_other_directories(diff, repository, write, tmp_path):
    write(repository, A, 1.2)
    commit(tmp_path)
    write(repository, A, 1.5)
    write(tmp_path / "other", A, 1.2)
    assert "+20.0%" in diff("git:HEAD~1", "git:HEAD").out
    assert "+50.0%" in diff("git:HEAD~1").out
    found = diff(tmp_path / "other", "git:HEAD", "--json").json
    assert [(one["what"], one["identity"]["key"]) for one in found] == [("added", B)]


def test_only_one_hardware_class(diff, repository, write):
    write(repository, A, 1.1)
    assert diff("--hardware-class", "nvidia-l4").out == "0 added, 0 changed, 0 removed\n"


def test_what_cannot_be_had_is_said(diff, repository, tmp_path, trtperf):
    result = diff("git:no-such-branch")
    assert result.status == 2
    assert "git:no-such-branch: there is no commit 'no-such-branch' in" in result.err
    assert "there is no baseline directory" in diff(tmp_path / "absent").err
    (next(repository.rglob("*.json"))).write_text("<<<<<<< HEAD")
    commit(tmp_path)
    broken = diff("git:HEAD~1", "git:HEAD")
    assert broken.status == 2
    assert "HEAD:package/perf-baselines/nvidia-h200/tensorrt/tests/test_x.json" in broken.err


def test_outside_of_a_repository(trtperf, tmp_path, write, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    write(tmp_path / "perf-baselines", A, 1.0)
    result = trtperf("baseline", "diff", "--baseline-dir", tmp_path / "perf-baselines")
    assert result.status == 2
    assert "not a git repository" in result.err
