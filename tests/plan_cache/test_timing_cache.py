"""TensorRT for RTX times nothing, but creates and merges timing caches all the same."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import stat
from dataclasses import replace

import pytest

from pytest_trtperf.backend.tensorrt.build import build_plan
from pytest_trtperf.engine.spec import EngineSpec
from pytest_trtperf.errors import EngineBuildError, EngineCacheWarning
from pytest_trtperf.files.locks import exclusive
from pytest_trtperf.plan_cache.files import CacheFiles
from pytest_trtperf.plan_cache.timing_cache import TimingCacheFile
from tests.models import TIMED_CONFIG

trt = pytest.importorskip("tensorrt_rtx")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def config():
    builder = trt.Builder(trt.Logger(trt.Logger.INTERNAL_ERROR))
    yield builder.create_builder_config()
    del builder


def test_what_was_timed_is_kept_and_found_again(config, tmp_path):
    kept = TimingCacheFile(tmp_path / "gpu.timing", is_kept=True)
    kept.attach(config)
    kept.keep(config)
    first = kept.path.read_bytes()
    assert first
    kept.attach(config)
    kept.keep(config)
    assert kept.path.read_bytes() == first
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix == ".tmp") == []


def test_a_named_file_is_never_written(config, tmp_path):
    path = tmp_path / "ours.timing"
    TimingCacheFile(path, is_kept=True).attach(config)
    TimingCacheFile(path, is_kept=True).keep(config)
    before = path.stat()
    named = TimingCacheFile(path, is_kept=False)
    named.attach(config)
    named.keep(config)
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == (before.st_mtime_ns, before.st_ino)


def test_a_new_file_is_made_and_read_from_then_on(config, tmp_path):
    path = tmp_path / "folder" / "new.timing"
    new = TimingCacheFile(path, is_kept=False, is_new=True)
    new.attach(config)
    new.keep(config)
    assert path.read_bytes()
    assert [one.name for one in path.parent.iterdir()] == ["new.timing"]
    TimingCacheFile(path, is_kept=False).attach(config)


def test_a_new_file_that_cannot_be_written_is_an_error(config, tmp_path):
    (tmp_path / "file").touch()
    new = TimingCacheFile(tmp_path / "file" / "new.timing", is_kept=False, is_new=True)
    new.attach(config)
    with pytest.raises(
        EngineBuildError, match=r"new\.timing: the timing cache of this build cannot"
    ):
        new.keep(config)


def test_a_file_that_is_not_there_is_named(config, tmp_path):
    with pytest.raises(EngineBuildError, match=r"absent\.timing: .* cannot be read: No such file"):
        TimingCacheFile(tmp_path / "absent.timing", is_kept=False).attach(config)
    with pytest.raises(EngineBuildError, match=r"cannot be read: Is a directory; .* without"):
        TimingCacheFile(tmp_path, is_kept=True).attach(config)


def test_a_place_that_cannot_be_written_is_named(config, tmp_path):
    kept = TimingCacheFile(tmp_path / "gone" / "gpu.timing", is_kept=True)
    kept.attach(config)
    with pytest.warns(EngineCacheWarning, match=r"gpu\.timing: the timings of .* are not kept"):
        kept.keep(config)


def test_a_file_that_cannot_be_read_again_is_reported(config, tmp_path):
    kept = TimingCacheFile(tmp_path / "gpu.timing", is_kept=True)
    kept.attach(config)
    kept.path.mkdir()
    with pytest.warns(EngineCacheWarning, match="not kept: Is a directory"):
        kept.keep(config)


def test_what_is_kept_is_private(config, tmp_path):
    kept = TimingCacheFile(tmp_path / "gpu.timing", is_kept=True)
    kept.attach(config)
    kept.keep(config)
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}
    kept = replace(kept, shared=True)
    kept.keep(config)
    modes = {path.suffix: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {".timing": 0o644, ".lock": 0o666}


def test_a_file_system_without_locks_is_reported(config, tmp_path, monkeypatch):
    def flock(*_):
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    kept = TimingCacheFile(tmp_path / "gpu.timing", is_kept=True)
    kept.attach(config)
    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.warns(EngineCacheWarning, match=r"not kept: .* no locks .*TRTPERF_CACHE_DIR"):
        kept.keep(config)


class Merging:
    """A configuration, and timing caches as its builder makes them."""

    def __init__(self, timed: bytes, *, fits: bool) -> None:
        self.timed, self.fits = timed, fits
        self.content = timed

    def get_timing_cache(self) -> Merging:
        return Merging(self.timed, fits=True)

    def create_timing_cache(self, data: bytes) -> Merging:
        return Merging(data, fits=self.fits)

    def combine(self, other: Merging, ignore_mismatch: bool) -> bool:
        assert not ignore_mismatch
        self.content += other.content if self.fits else b""
        return self.fits

    def serialize(self) -> bytes:
        return self.content


def test_what_was_timed_joins_what_is_there_unless_that_is_of_another_gpu(tmp_path):
    kept = TimingCacheFile(tmp_path / "gpu.timing", is_kept=True)
    for timed in (b"one ", b"two "):
        kept.keep(Merging(timed, fits=True))
    assert kept.path.read_bytes() == b"one two "
    kept.keep(Merging(b"new", fits=False))
    assert kept.path.read_bytes() == b"new"


def test_a_build_keeps_what_it_timed(fixed_model, tmp_path):
    kept = TimingCacheFile(tmp_path / "gpu.timing", is_kept=True)
    assert build_plan(EngineSpec(fixed_model), "tensorrt-rtx", kept)
    assert kept.path.read_bytes()


def test_a_build_that_fails_keeps_nothing(fixed_model, tmp_path):
    kept = TimingCacheFile(tmp_path / "gpu.timing", is_kept=True)

    def interrupt(_: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        build_plan(EngineSpec(fixed_model), "tensorrt-rtx", kept, interrupt)
    assert not kept.path.exists()


def test_a_build_begins_with_what_is_there(fixed_model, tmp_path):
    absent = TimingCacheFile(tmp_path / "absent.timing", is_kept=False)
    with pytest.raises(EngineBuildError, match=r"absent\.timing"):
        build_plan(EngineSpec(fixed_model), "tensorrt-rtx", absent)


KILLED_WHILE_WRITING = f"""
import os, signal, sys
from pathlib import Path
from pytest_trtperf.plan_cache.timing_cache import TimingCacheFile

{TIMED_CONFIG}
os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
directory, gpu = Path(sys.argv[1]), "NVIDIA L4 8.9"
TimingCacheFile.kept_in(directory, "tensorrt", "10.13.2", gpu, shared=True).keep(Config())
"""


def test_what_a_killed_writer_left_is_swept_unless_another_one_writes(start, tmp_path):
    assert start(KILLED_WHILE_WRITING, tmp_path).wait(timeout=60) == -signal.SIGKILL
    (left,) = tmp_path.glob(".*.tmp")
    (lock,) = tmp_path.glob("*.timing.lock")
    (tmp_path / ".somebody.else.tmp").touch()
    files = CacheFiles(tmp_path, shared=False)
    with exclusive(lock, 0o666, wait=False):
        assert files.sweep() == []
    assert files.sweep() == [left]
    assert [path.name for path in tmp_path.glob(".*.tmp")] == [".somebody.else.tmp"]


class Refusing:
    """A configuration to which the content of the file is of another GPU."""

    def __init__(self, refused: bytes) -> None:
        self._refused = refused
        self.taken: bytes | None = None

    def create_timing_cache(self, data: bytes) -> bytes:
        return data

    def set_timing_cache(self, data: bytes, ignore_mismatch: bool) -> bool:
        assert not ignore_mismatch
        if data == self._refused:
            return False
        self.taken = data
        return True


def test_timings_of_another_gpu_are_dropped_if_they_are_ours_and_refused_if_named(tmp_path):
    path = tmp_path / "gpu.timing"
    path.write_bytes(b"of another GPU")
    config = Refusing(b"of another GPU")
    TimingCacheFile(path, is_kept=True).attach(config)
    assert config.taken == b""
    with pytest.raises(EngineBuildError, match="made with another TensorRT or GPU"):
        TimingCacheFile(path, is_kept=False).attach(config)
