"""The tree of a revision: what is written of it, what is left out, and what there is none of."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from pytest_trtperf.files.git_command import GitError
from pytest_trtperf.files.git_tree import resolve_commit, top_of, write_tree

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"


def git(folder, *words, given=None):
    who = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    done = subprocess.run(
        ["git", "-C", str(folder), *who, *words], input=given, capture_output=True, check=True
    )
    return done.stdout.decode().strip()


@pytest.fixture
def repository(tmp_path):
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    return folder


def commit(folder, **files):
    for name, content in files.items():
        (folder / name).write_bytes(content)
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "m")
    return git(folder, "rev-parse", "HEAD")


def commit_tree(folder, *entries):
    """A commit of any entries, which git itself may refuse to make."""
    listed = "".join(f"{mode} {kind} {name}\t{path}\n" for mode, kind, name, path in entries)
    tree = git(folder, "mktree", "--missing", given=listed.encode())
    return git(folder, "commit-tree", "-m", "m", tree)


def blob(folder, content):
    return git(folder, "hash-object", "-w", "--stdin", given=content)


def test_the_tree_of_a_revision_is_written_as_git_has_it(repository, tmp_path):
    (repository / "deep" / "er").mkdir(parents=True)
    (repository / "deep" / "er" / "m.onnx").write_bytes(bytes(range(256)) * 9000)
    (repository / "run.sh").write_bytes(b"#!/bin/sh\n")
    (repository / "run.sh").chmod(0o755)
    first = commit(repository, **{"a b\n": b"old\r\n", "empty": b""})
    commit(repository, **{"a b\n": b"new"})
    (repository / "empty").write_bytes(b"not committed")
    assert resolve_commit(repository, "main~1") == first
    tree = write_tree(repository, first, tmp_path / "tree")
    top = tmp_path / "tree"
    assert (top / "a b\n").read_bytes() == b"old\r\n"
    assert (top / "empty").read_bytes() == b""
    assert (top / "deep" / "er" / "m.onnx").read_bytes() == bytes(range(256)) * 9000
    assert os.access(top / "run.sh", os.X_OK)
    assert not os.access(top / "empty", os.X_OK)
    assert tree.lacking == {}
    assert not (top / ".git").exists()


def test_neither_hooks_nor_filters_run(repository, tmp_path):
    (repository / ".gitattributes").write_text("* filter=evil eol=crlf\n")
    mark = tmp_path / "ran"
    first = commit(repository, a=b"a\n")
    git(repository, "config", "filter.evil.smudge", f"touch {mark}; cat")
    git(repository, "config", "core.fsmonitor", f"touch {mark}")
    for hook in ("post-checkout", "reference-transaction"):
        path = repository / ".git" / "hooks" / hook
        path.write_text(f"#!/bin/sh\ntouch {mark}\n")
        path.chmod(0o755)
    write_tree(repository, resolve_commit(repository, "HEAD"), tmp_path / "tree")
    assert (tmp_path / "tree" / "a").read_bytes() == b"a\n"
    assert not mark.exists()
    assert first


def test_variables_of_another_repository_have_no_effect(repository, tmp_path, monkeypatch):
    first = commit(repository, a=b"a")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "nowhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    assert resolve_commit(repository, "HEAD") == first
    assert top_of(repository) == repository


@pytest.mark.parametrize("revision", ["no-such", "main:a", "0" * 40, "-p", "--all", "HEAD~9"])
def test_what_is_no_commit(repository, revision):
    commit(repository, a=b"a")
    with pytest.raises(GitError, match=r"there is no commit '.*' in .*repository \("):
        resolve_commit(repository, revision)


def test_a_shallow_clone_is_named(repository, tmp_path):
    commit(repository, a=b"a")
    commit(repository, a=b"b")
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{repository}", str(clone))
    with pytest.raises(GitError, match="this clone is shallow: fetch the history"):
        resolve_commit(clone, "HEAD~1")


def test_where_there_is_no_repository(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(GitError, match="not a git repository"):
        resolve_commit(tmp_path, "HEAD")


def test_where_there_is_no_git(repository, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GitError, match="git is not installed, or not on the PATH"):
        resolve_commit(repository, "HEAD")


def test_pointers_of_lfs_are_named_until_something_made_the_file(repository, tmp_path):
    first = commit(repository, **{"m.onnx": POINTER})
    tree = write_tree(repository, first, tmp_path / "tree")
    assert tree.still_lacking() == ["m.onnx is a Git LFS pointer"]
    (tmp_path / "tree" / "m.onnx").write_bytes(b"model")
    assert tree.still_lacking() == []


def test_links_within_the_tree_are_made_and_others_are_not(repository, tmp_path):
    (tmp_path / "secret").write_bytes(b"secret")
    (repository / "folder").mkdir()
    (repository / "folder" / "back").symlink_to("../real")
    (repository / "within").symlink_to("folder/back")
    (repository / "absolute").symlink_to(tmp_path / "secret")
    (repository / "above").symlink_to("../secret")
    (repository / "folder" / "up").symlink_to("../..")
    (repository / "through").symlink_to("folder/up/secret")
    (repository / "itself").symlink_to("itself")
    first = commit(repository, real=b"real")
    tree = write_tree(repository, first, tmp_path / "tree")
    assert (tmp_path / "tree" / "within").read_bytes() == b"real"
    outside = {"absolute", "above", "folder/up", "through", "itself"}
    assert set(tree.lacking) == outside
    assert not any(os.path.lexists(tmp_path / "tree" / path) for path in outside)


def test_nothing_is_written_through_a_link(repository, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    inner = git(
        repository, "mktree",
        given=f"100644 blob {blob(repository, b'evil')}\tfile\n".encode(),
    )  # fmt: skip
    link = blob(repository, str(outside).encode())
    first = commit_tree(
        repository, ("120000", "blob", link, "folder"), ("040000", "tree", inner, "folder")
    )
    write_tree(repository, first, tmp_path / "tree")
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize("name", ["..", ".git", ".GIT"])
def test_paths_do_not_leave_the_tree(repository, tmp_path, name):
    inner = git(
        repository, "mktree",
        given=f"100644 blob {blob(repository, b'evil')}\tfile\n".encode(),
    )  # fmt: skip
    # Written as an object: mktree would refuse the name.
    raw = b"40000 " + name.encode() + b"\0" + bytes.fromhex(inner)
    tree = git(repository, "hash-object", "-t", "tree", "-w", "--literally", "--stdin", given=raw)
    first = git(repository, "commit-tree", "-m", "m", tree)
    with pytest.raises(GitError, match="a path that leads out of it"):
        write_tree(repository, first, tmp_path / "tree")
    assert not (tmp_path / "file").exists()


def test_submodules_and_missing_objects_are_named(repository, tmp_path):
    here = commit(repository, a=b"a")
    first = commit_tree(
        repository,
        ("160000", "commit", here, "module"),
        ("100644", "blob", "1" * 40, "m.onnx"),
    )
    tree = write_tree(repository, first, tmp_path / "tree")
    assert tree.still_lacking() == [
        "m.onnx is not in this partial clone", "module is a submodule"
    ]  # fmt: skip
