"""What is checked out, and what git cannot say."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from pytest_trtperf.files import git_state
from pytest_trtperf.files.git_state import CheckedOut, checked_out

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")


def git(folder, *words):
    who = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    done = subprocess.run(
        ["git", "-C", str(folder), *who, *words], capture_output=True, check=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2026-01-02T03:04:05+0200")
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    (folder / "model.onnx").write_text("a")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "a")
    return folder


def test_commit_time_and_branch_are_known(repository):
    found = checked_out(repository)
    assert found.commit == git(repository, "rev-parse", "HEAD")
    assert found.commit_time == "2026-01-02T01:04:05Z"
    assert (found.branch, found.dirty) == ("main", False)


def test_signatures_are_not_shown(repository, tmp_path):
    program = tmp_path / "gpg"
    program.write_text("#!/bin/sh\necho good signature of a b c >&2\n")
    program.chmod(0o755)
    signed = "\n".join(
        [*git(repository, "cat-file", "commit", "HEAD").split("\n")[:3],
         "gpgsig -----BEGIN PGP SIGNATURE-----", " ", " a", " -----END PGP SIGNATURE-----",
         "", "a", ""]
    )  # fmt: skip
    (tmp_path / "commit").write_text(signed)
    commit = git(repository, "hash-object", "-t", "commit", "-w", str(tmp_path / "commit"))
    git(repository, "update-ref", "HEAD", commit)
    git(repository, "config", "log.showSignature", "true")
    git(repository, "config", "gpg.program", str(program))
    assert "good signature" in git(repository, "show", "--no-patch", "--format=%H %ct")
    found = checked_out(repository)
    assert (found.commit, found.commit_time) == (commit, "2026-01-02T01:04:05Z")


def test_an_answer_that_does_not_fit_is_none(repository, monkeypatch):
    monkeypatch.setattr(git_state, "run_git", lambda *_words, **_: b"one two three")
    assert checked_out(repository) == CheckedOut()


def test_changed_files_count_and_new_ones_do_not(repository):
    (repository / "new").touch()
    assert checked_out(repository).dirty is False
    (repository / "model.onnx").write_text("b")
    assert checked_out(repository).dirty is True


def test_a_commit_by_itself_has_no_branch(repository):
    git(repository, "checkout", "-q", "--detach")
    found = checked_out(repository)
    assert found.branch is None
    assert found.commit is not None


def test_programs_of_the_repository_do_not_run(repository, tmp_path):
    ran = tmp_path / "ran"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {ran}\n")
    program.chmod(0o755)
    git(repository, "config", "core.fsmonitor", str(program))
    shutil.copy(program, repository / ".git" / "hooks" / "post-index-change")
    (repository / "model.onnx").write_text("b")
    assert checked_out(repository).dirty is True
    assert not ran.exists()


def test_without_a_repository_or_git_nothing_is_known(repository, tmp_path, monkeypatch):
    assert checked_out(tmp_path) == CheckedOut()
    git(repository, "update-ref", "-d", "HEAD")
    assert checked_out(repository) == CheckedOut()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert checked_out(repository) == CheckedOut()
