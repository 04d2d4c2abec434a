"""Locks that are shared: while somebody has one, nobody holds it alone."""

from __future__ import annotations

import pytest

from pytest_trtperf.files.locks import exclusive
from pytest_trtperf.files.shared_locks import SharedLocks


def is_free(path):
    with exclusive(path, 0o600, wait=False) as free:
        return free


@pytest.fixture
def lock(tmp_path):
    return tmp_path / "a.lock"


def test_a_shared_lock_is_not_free_until_all_let_it_go(lock):
    first, second = SharedLocks(0o640), SharedLocks(0o600)
    first.hold(lock)
    assert lock.stat().st_mode & 0o777 == 0o640
    first.hold(lock)
    second.hold(lock)
    first.let_go(lock)
    assert not is_free(lock)
    second.close()
    assert is_free(lock)
    second.let_go(lock)


def test_a_link_is_no_lock(lock, tmp_path):
    (tmp_path / "target").touch()
    lock.symlink_to(tmp_path / "target")
    SharedLocks(0o600).hold(lock)
    assert is_free(tmp_path / "target")


def test_nothing_is_held_where_nothing_can_be_made(tmp_path):
    locks = SharedLocks(0o600)
    locks.hold(tmp_path / "nowhere" / "a.lock")
    locks.close()
    assert not (tmp_path / "nowhere").exists()
