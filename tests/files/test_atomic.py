from __future__ import annotations

import errno
import os
import stat

import pytest

from pytest_trtperf.files.atomic import PendingFile, leftovers, write_atomically, write_in_order


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def names(directory):
    return sorted(path.name for path in directory.iterdir())


def test_a_file_replaces_the_last_one_and_its_directory_is_made(tmp_path):
    path = tmp_path / "deep" / "file.json"
    for data in (b"one", b"another"):
        write_atomically(path, data)
        assert path.read_bytes() == data
    assert names(path.parent) == ["file.json"]


@pytest.mark.parametrize(("asked", "got"), [(0o600, 0o600), (0o644, 0o644), (None, 0o640)])
def test_permission_bits_are_those_asked_for_or_the_umasks(tmp_path, asked, got):
    before = os.umask(0o027)
    try:
        write_atomically(tmp_path / "file", b"", mode=asked)
    finally:
        os.umask(before)
    assert mode(tmp_path / "file") == got


def test_files_appear_in_order_once_all_are_on_the_disk(tmp_path, monkeypatch):
    events = []
    fsync, replace = os.fsync, os.replace

    def logged_fsync(handle):
        events.append("sync")
        fsync(handle)

    def logged_replace(old, new):
        events.append(new.name)
        replace(old, new)

    monkeypatch.setattr(os, "fsync", logged_fsync)
    monkeypatch.setattr(os, "replace", logged_replace)
    contents = {tmp_path / "second": b"2", tmp_path / "first": b"1"}
    write_in_order(contents, mode=0o600, sync=True)
    assert events == ["sync", "sync", "second", "first", "sync"]


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_what_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, failing):
    (tmp_path / "file").write_bytes(b"old")

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, failing, fail)
    with pytest.raises(OSError, match="full"):
        write_atomically(tmp_path / "file", b"new", sync=True)
    assert names(tmp_path) == ["file"]
    assert (tmp_path / "file").read_bytes() == b"old"


@pytest.mark.parametrize("name", ["plain.json", "test_[x].json", "é" * 120 + ".json"])
def test_leftovers_are_those_of_one_path(tmp_path, name):
    path, other = tmp_path / name, tmp_path / "other.json"
    pending = PendingFile(path)
    PendingFile(other).file.close()
    (left,) = leftovers(path)
    assert left.name.startswith(f".{name[:60]}")
    pending.discard()
    assert list(leftovers(path)) == []
    assert len(list(leftovers(other))) == 1


def test_a_temporary_name_begins_with_its_owner(tmp_path):
    pending = PendingFile(tmp_path / "key.plan", owner="key")
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(".key.")
    assert left.name.endswith(".tmp")
    assert left.name.count(".") == 3
    pending.finish()
    pending.publish()
    pending.discard()
    assert names(tmp_path) == ["key.plan"]


def test_what_killed_writers_left_is_removed_by_the_next_one(tmp_path):
    path = tmp_path / "t.npz"
    stale, fresh = tmp_path / ".t.npz.00000000.tmp", tmp_path / ".t.npz.11111111.tmp"
    other = tmp_path / ".u.npz.00000000.tmp"
    for one in (stale, fresh, other):
        one.write_bytes(b"half")
    for one in (stale, other):
        os.utime(one, (0, 0))
    writer = PendingFile(path)
    (being_written,) = {*leftovers(path)} - {stale, fresh}
    os.utime(being_written, (0, 0))
    write_atomically(path, b"whole")
    assert {*tmp_path.iterdir()} == {path, fresh, other, being_written}
    writer.discard()


@pytest.mark.parametrize("name", ["日" * 80 + ".json", "日" * 84, "x" * 255])
def test_a_name_as_long_as_a_file_system_takes(tmp_path, name):
    write_atomically(tmp_path / name, b"whole")
    assert [one.name for one in tmp_path.iterdir()] == [name]


def test_an_error_of_writing_names_the_file(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left on device") as caught:
        write_atomically(tmp_path / "a.json", b"whole", sync=True)
    assert caught.value.filename == str(tmp_path / "a.json")
    assert list(tmp_path.iterdir()) == []
