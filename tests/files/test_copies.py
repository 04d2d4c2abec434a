"""Copies stay as they are when a file is rewritten in place."""

from __future__ import annotations

import errno
import fcntl

import pytest

from pytest_trtperf.files.copies import copy_file


@pytest.mark.parametrize("can_clone", [True, False])
def test_a_copy_is_a_file_of_its_own(tmp_path, monkeypatch, can_clone):
    asked = []

    def ioctl(target, request, source):
        asked.append(request)
        if not can_clone:
            raise OSError(errno.EOPNOTSUPP, "not supported")

    monkeypatch.setattr(fcntl, "ioctl", ioctl)
    source, target = tmp_path / "m.onnx", tmp_path / "copy.onnx"
    source.write_bytes(b"model")
    copy_file(source, target, 0o640)
    assert asked == [0x40049409]
    assert target.stat().st_mode & 0o777 == 0o640
    assert target.stat().st_ino != source.stat().st_ino
    assert target.read_bytes() == (b"" if can_clone else b"model")


def test_rewriting_a_file_in_place_leaves_its_copy(tmp_path):
    source, target = tmp_path / "m.onnx", tmp_path / "copy.onnx"
    source.write_bytes(b"model")
    copy_file(source, target, 0o600)
    with source.open("r+b") as file:
        file.write(b"other")
    assert target.read_bytes() == b"model"


def test_what_a_link_leads_to_is_copied_and_nothing_is_overwritten(tmp_path):
    source, target = tmp_path / "m.onnx", tmp_path / "copy.onnx"
    source.write_bytes(b"model")
    (tmp_path / "link").symlink_to(source)
    copy_file(tmp_path / "link", target, 0o600)
    assert target.read_bytes() == b"model"
    assert not target.is_symlink()
    with pytest.raises(FileExistsError):
        copy_file(source, target, 0o600)
