"""What TensorRT says in a build, in a file that nobody else could have put there."""

from __future__ import annotations

import os
import stat

import pytest

from pytest_trtperf.errors import EngineBuildError
from pytest_trtperf.plan_cache.build_log import build_log
from pytest_trtperf.plan_cache.files import CacheFiles

KEY = "a" * 64


@pytest.fixture
def files(tmp_path):
    return CacheFiles(tmp_path, shared=False)


@pytest.fixture
def path(tmp_path):
    return tmp_path / f"{KEY}.log"


@pytest.mark.parametrize(("shared", "mode"), [(False, 0o600), (True, 0o644)])
def test_each_message_is_there_when_it_was_said(tmp_path, path, shared, mode):
    with build_log(CacheFiles(tmp_path, shared=shared), KEY) as log:
        assert log.path is None
        log.write("INFO: first")
        assert path.read_text() == "INFO: first\n"
        log.write("ERROR: second\nwith\ndetails \ud800")
    assert log.path == path
    assert path.read_text() == "INFO: first\nERROR: second\n  with\n  details ?\n"
    assert stat.S_IMODE(path.stat().st_mode) == mode
    log.write("INFO: said by a thread that is late")
    assert "late" not in path.read_text()


def test_a_build_that_says_nothing_leaves_no_log(files, path):
    path.write_text("of an earlier build")
    with build_log(files, KEY) as log:
        pass
    assert log.path is None
    assert not path.exists()


def test_a_link_is_replaced_and_not_followed(files, path, tmp_path):
    (tmp_path / "elsewhere").write_text("mine")
    path.symlink_to(tmp_path / "elsewhere")
    with build_log(files, KEY) as log:
        log.write("INFO: text")
    assert not path.is_symlink()
    assert (tmp_path / "elsewhere").read_text() == "mine"


def test_a_log_that_cannot_be_made_stops_no_build(files, path):
    path.mkdir()
    with build_log(files, KEY) as log:
        log.write("INFO: text")
    assert log.path is None
    assert path.is_dir()


def test_a_full_disk_stops_no_build(files, monkeypatch):
    full = os.open("/dev/full", os.O_WRONLY)
    monkeypatch.setattr(os, "open", lambda *_: full)
    with build_log(files, KEY) as log:
        log.write("INFO: text")
    assert log.path is None


def test_the_error_of_a_build_names_the_log(files, path):
    def fail(said: str) -> None:
        with build_log(files, KEY) as log:
            if said:
                log.write(said)
            raise EngineBuildError("no engine")

    with pytest.raises(EngineBuildError) as failure:
        fail("ERROR: text")
    assert str(failure.value) == f"no engine\n  the whole log: {path}"
    assert path.read_text() == "ERROR: text\n"
    with pytest.raises(EngineBuildError) as failure:
        fail("")
    assert str(failure.value) == "no engine"
