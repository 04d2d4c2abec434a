"""Locks between processes and threads, and what happens to them when their file goes."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from pathlib import Path

import pytest

from pytest_trtperf.files.locks import exclusive, unused, use

HOLD = """
import sys, time
from pathlib import Path
from pytest_trtperf.files.locks import exclusive
with exclusive(Path(sys.argv[1]), 0o600, wait=True):
    print("held", flush=True)
    time.sleep(600)
"""

HOLD_AND_FORK = """
import os, sys, time
from pathlib import Path
from pytest_trtperf.files.locks import exclusive
read, write = os.pipe()
with exclusive(Path(sys.argv[1]), 0o600, wait=True):
    if not os.fork():
        os.close(write)
        os.read(read, 1)  # until the other one ends
        os._exit(0)
print("let go", flush=True)
time.sleep(600)
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "lock"


def is_free(path) -> bool:
    with exclusive(path, 0o600, wait=False) as got:
        return bool(got)


def test_one_holds_it_at_a_time(path):
    with exclusive(path, 0o600, wait=False) as got:
        assert got
        assert not is_free(path)
    assert is_free(path)


def test_an_error_in_the_block_lets_go(path):
    with pytest.raises(RuntimeError), exclusive(path, 0o600, wait=True):
        raise RuntimeError
    assert is_free(path)


def test_a_killed_process_lets_go(path, start):
    child = start(HOLD, path)
    assert child.stdout.readline() == "held\n"
    assert not is_free(path)
    child.kill()
    child.wait(timeout=60)
    assert is_free(path)


def test_a_process_that_was_forked_meanwhile_does_not_keep_it(path, start):
    child = start(HOLD_AND_FORK, path)
    assert child.stdout.readline() == "let go\n"
    assert is_free(path)


def rename_as_nfs_does(path: Path) -> None:
    """An NFS client does not remove a file that it has open: it hides it."""
    path.rename(path.with_name(".nfs0001"))


removals = pytest.mark.parametrize("remove", [Path.unlink, rename_as_nfs_does])


@removals
def test_who_waited_for_a_file_that_was_removed_locks_the_one_that_is_there(
    path, monkeypatch, remove
):
    """Otherwise two would hold the lock: of the removed file, and of the one made anew."""
    really_lock = fcntl.flock

    def wait_for_a_holder_that_removes_it(handle, operation):
        monkeypatch.undo()
        remove(path)
        really_lock(handle, operation)

    monkeypatch.setattr(fcntl, "flock", wait_for_a_holder_that_removes_it)
    with exclusive(path, 0o600, wait=True) as got:
        assert got
        assert not is_free(path)


@pytest.mark.parametrize("mode", [0o600, 0o666])
def test_the_file_has_the_mode_whatever_the_umask(path, mode):
    before = os.umask(0o077)
    try:
        with exclusive(path, mode, wait=True):
            assert stat.S_IMODE(path.stat().st_mode) == mode
    finally:
        os.umask(before)


def test_the_file_of_another_user_is_locked_in_a_sticky_directory(path, monkeypatch):
    """Where fs.protected_regular is on, the kernel refuses O_CREAT for a file that is there."""
    really_open = os.open

    def protected(place, flags, *mode):
        if flags & os.O_CREAT and not flags & os.O_EXCL and os.path.lexists(place):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(place))
        return really_open(place, flags, *mode)

    assert is_free(path)
    monkeypatch.setattr(os, "open", protected)
    assert is_free(path)


def test_who_makes_the_file_at_the_same_time_is_no_error(path, monkeypatch):
    really_open = os.open

    def late(place, flags, *mode):
        if flags & os.O_CREAT:
            monkeypatch.undo()
            path.touch()
        return really_open(place, flags, *mode)

    monkeypatch.setattr(os, "open", late)
    assert is_free(path)


def test_a_link_in_the_place_of_the_lock_is_not_followed(path, tmp_path):
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"), exclusive(path, 0o600, wait=True):
        pass
    assert not (tmp_path / "elsewhere").exists()


def test_what_is_used_is_not_unused(path):
    path.write_text("")
    with path.open() as one, path.open() as two:
        assert use(path, one.fileno(), wait=False)
        assert use(path, two.fileno(), wait=False)
        with unused(path) as free:
            assert not free
    with unused(path) as free:
        assert free
        with path.open() as late:
            assert not use(path, late.fileno(), wait=False)


@removals
def test_what_was_removed_meanwhile_is_not_used(path, remove):
    path.write_text("")
    with path.open() as file:
        remove(path)
        assert not use(path, file.fileno(), wait=True)
    with unused(path) as free:
        assert free


def test_a_link_is_used_by_its_target_and_can_be_removed(path, tmp_path):
    (tmp_path / "elsewhere").write_text("")
    path.symlink_to(tmp_path / "elsewhere")
    with path.open() as file:
        assert use(path, file.fileno(), wait=False)
        with unused(path) as free:
            assert free
