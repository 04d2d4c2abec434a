"""`trtperf doctor` on this machine, whatever it has."""

from __future__ import annotations

import os

import pytest

from pytest_trtperf.backend.probe import Gpu, Probe
from pytest_trtperf.backend.registry import builtin_backends
from pytest_trtperf.errors import CacheError
from pytest_trtperf.measure.device_lock import NO_GPU, device_lock
from pytest_trtperf.plan_cache.files import CacheFiles

pytest.importorskip("onnxruntime")


@pytest.fixture
def doctor(trtperf, tmp_path):
    directories = ("--cache-dir", tmp_path / "cache", "--lock-dir", tmp_path / "locks")
    return lambda *words: trtperf("doctor", *directories, *words)


def checks(result):
    return {check["name"]: check for check in result.json["checks"]}


def test_cpu_is_enough_when_it_is_asked_for(doctor, tmp_path):
    result = doctor("--backend", "onnxruntime", "--json")
    assert result.status == 0
    assert (result.json["can_run"], result.json["backend"]) == (True, "onnxruntime")
    found = checks(result)
    assert found["onnxruntime"]["state"] == found["cache directory"]["state"] == "ok"
    assert found["lock directory"]["message"] == str(tmp_path / "locks")
    assert not (tmp_path / "cache").exists()


def test_lock_directory_of_the_environment_is_read_as_pytest_reads_it(
    trtperf, tmp_path, monkeypatch
):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TRTPERF_LOCK_DIR", "~/locks")
    monkeypatch.chdir(tmp_path)
    result = trtperf("doctor", "--backend", "onnxruntime", "--cache-dir", "cache", "--json")
    assert checks(result)["lock directory"]["message"] == str(tmp_path / "home" / "locks")
    assert not (tmp_path / "~").exists()


def test_each_backend_is_reported(doctor):
    found = checks(doctor("--json"))
    assert {"driver", "tensorrt", "tensorrt-rtx", "tensorrt-lean", "onnxruntime"} <= set(found)
    assert {check["state"] for check in found.values()} <= {"ok", "advice", "missing"}
    assert all(check["message"] for check in found.values())


def test_a_gpu_that_a_release_is_not_made_for_is_warned_of(doctor, monkeypatch):
    gpu = Gpu(0, "NVIDIA H200", "GPU-1", "9.0")
    probe = Probe("tensorrt-rtx", "1.7.1", (gpu,), {}, warning="may refuse: install another")
    backend = next(one for one in builtin_backends() if one.name == "tensorrt-rtx")
    monkeypatch.setattr(backend, "probe", lambda: probe)
    found = checks(doctor("--backend", "tensorrt-rtx", "--json"))
    assert found["tensorrt-rtx on this GPU"] == {
        "name": "tensorrt-rtx on this GPU",
        "state": "advice",
        "message": "may refuse: install another",
    }


def test_table_ends_with_the_verdict(doctor):
    lines = doctor("--backend", "onnxruntime").out.splitlines()
    assert lines[-1] == "pytest --trtperf can run, with onnxruntime"
    assert {line.split()[0] for line in lines[:-1]} <= {"ok", "advice", "missing"}


def test_without_a_gpu_auto_cannot_run(doctor, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    result = doctor("--backend", "auto")
    assert result.status == 1
    assert result.out.splitlines()[-1].startswith("pytest --trtperf cannot run")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_directory_that_cannot_be_written(doctor, tmp_path):
    (tmp_path / "cache").mkdir(mode=0o500)
    result = doctor("--backend", "onnxruntime", "--json")
    assert result.status == 1
    assert checks(result)["cache directory"]["state"] == "missing"


def test_cache_that_others_may_write_to(doctor, tmp_path):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache").chmod(0o777)
    result = doctor("--backend", "onnxruntime", "--json")
    assert result.status == 1
    assert "chmod 700" in checks(result)["cache directory"]["message"]
    assert doctor("--backend", "onnxruntime", "--shared-cache").status == 0


def test_place_that_is_a_file(doctor, tmp_path):
    (tmp_path / "locks").write_text("a file")
    (tmp_path / "cache").write_text("a file")
    result = doctor("--backend", "onnxruntime", "--json")
    assert result.status == 1
    found = checks(result)
    assert found["lock directory"]["state"] == found["cache directory"]["state"] == "missing"
    assert "--trtperf-lock-dir" in found["lock directory"]["message"]


only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be two users")


@only_root
@pytest.mark.parametrize("exists", [False, True])
def test_a_cache_in_the_home_of_another_user_is_bad_as_the_cache_says(
    trtperf, tmp_path, monkeypatch, exists
):
    """So it is in a container job of GitHub: the user is root, the home that of the runner."""
    home = tmp_path / "home"
    (home / ".cache" / "trtperf" if exists else home).mkdir(parents=True)
    os.chown(home, 1001, 1001)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    result = trtperf("doctor", "--backend", "onnxruntime", "--lock-dir", tmp_path / "l", "--json")
    assert result.status == 1
    found = checks(result)["cache directory"]
    assert found["state"] == "missing"
    assert f"{home} belongs to user 1001" in found["message"]
    assert "TRTPERF_CACHE_DIR" in found["message"]
    with pytest.raises(CacheError, match=f"{home} belongs to user 1001"):
        CacheFiles(home / ".cache" / "trtperf", shared=False).prepare()


def test_who_holds_the_device_is_no_obstacle(doctor, tmp_path):
    (tmp_path / "locks").mkdir()
    with device_lock(tmp_path / "locks", NO_GPU):
        result = doctor("--backend", "onnxruntime", "--json")
    assert result.status == 0
    message = checks(result)["lock directory"]["message"]
    assert f"the device, in use by process {os.getpid()}" in message


def test_a_lock_that_cannot_be_taken_is_bad(doctor, tmp_path):
    (tmp_path / "locks").mkdir()
    (tmp_path / "locks" / f"{NO_GPU}.lock").symlink_to("elsewhere")
    result = doctor("--backend", "onnxruntime", "--json")
    assert result.status == 1
    assert "it is a link" in checks(result)["lock directory"]["message"]
