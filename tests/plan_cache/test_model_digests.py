"""Digests of models are kept, and never of a model that is another one by now."""

from __future__ import annotations

import os
import time

import pytest

from pytest_trtperf.errors import EngineBuildError
from pytest_trtperf.onnx_file.external_data import files_digest, model_files
from pytest_trtperf.plan_cache import model_digests
from pytest_trtperf.plan_cache.model_digests import ModelDigests


@pytest.fixture
def read(monkeypatch):
    """The models that were read."""
    found = []

    def files_digest_noted(files):
        found.append([path.name for path in files])
        return files_digest(files)

    monkeypatch.setattr(model_digests, "files_digest", files_digest_noted)
    return found


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache's directory; files settle in no time."""
    monkeypatch.setattr(model_digests, "SETTLED_S", -60.0)
    directory = tmp_path / "cache"
    directory.mkdir(mode=0o700)
    return directory


def of(cache, path, files_of=model_files, backend="tensorrt"):
    return ModelDigests(cache, backend).digest(path, files_of)


def test_a_model_that_is_as_it_was_is_not_read_again(cache, external_model, read):
    digest = files_digest(model_files(external_model))
    assert [of(cache, external_model) for _ in range(3)] == [digest] * 3
    assert read == [["external.onnx", "weights.bin"]]


@pytest.mark.parametrize("name", ["external.onnx", "weights.bin"])
def test_other_bytes_of_the_same_size_and_time_are_read(cache, external_model, read, name):
    def files(onnx):
        return [onnx, onnx.with_name("weights.bin")]

    before = of(cache, external_model, files)
    path = external_model.with_name(name)
    state, data = path.stat(), bytearray(path.read_bytes())
    time.sleep(0.02)  # the next tick of the file system's clock
    data[-1] ^= 1
    with path.open("r+b") as file:
        file.write(data)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert (path.stat().st_ino, path.stat().st_size) == (state.st_ino, state.st_size)
    assert path.stat().st_mtime_ns == state.st_mtime_ns
    assert of(cache, external_model, files) != before
    assert len(read) == 2


def test_a_model_that_changed_just_now_is_not_kept(cache, fixed_model, read, monkeypatch):
    monkeypatch.setattr(model_digests, "SETTLED_S", 60.0)
    assert of(cache, fixed_model) == of(cache, fixed_model)
    assert len(read) == 2


def test_a_file_that_is_gone_is_said_as_before(cache, external_model):
    of(cache, external_model)
    external_model.with_name("weights.bin").unlink()
    with pytest.raises(EngineBuildError, match=r"weights\.bin: this file with external data"):
        of(cache, external_model)


def test_backends_that_read_other_files_have_their_own(cache, external_model):
    alone = of(cache, external_model, lambda onnx: [onnx], backend="other")
    assert of(cache, external_model) != alone


@pytest.mark.parametrize("damage", [b"", b"{", b'{"digest": "x"}', b'{"digest": "x", "files": []}'])
def test_what_is_damaged_is_made_again(cache, fixed_model, damage):
    digest = of(cache, fixed_model)
    (kept,) = (cache / model_digests.DIRECTORY).glob("*.json")
    kept.write_bytes(damage)
    assert of(cache, fixed_model) == digest


def test_nothing_is_kept_without_a_cache_or_where_others_may_write(cache, fixed_model, read):
    of(cache / "none", fixed_model)
    assert not (cache / "none").exists()
    of(cache, fixed_model)
    cache.chmod(0o777)
    of(cache, fixed_model)
    assert len(read) == 3
