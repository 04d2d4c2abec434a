"""What a machine is called, and which commit counts."""

from __future__ import annotations

import socket

from pytest_trtperf.backend.probe import Probe
from pytest_trtperf.files.git_state import CheckedOut
from pytest_trtperf.options.declared import Settings
from pytest_trtperf.run import origin
from pytest_trtperf.run.origin import host_name, machine_digest, origin_of
from pytest_trtperf.run.target import Target

HERE = CheckedOut("c0ffee", "2026-01-02T03:04:05Z", "main", dirty=True)


def test_a_machine_is_what_the_option_says_else_its_gpu(probe):
    assert host_name(Settings(host="lab3"), Target(probe)) == "lab3"
    assert host_name(Settings(), Target(probe, 1)) == "GPU-1"


def test_without_a_gpu_it_is_the_same_digest_each_time(monkeypatch, tmp_path):
    monkeypatch.setattr(origin, "MACHINE_IDS", [tmp_path / "none", tmp_path / "id"])
    (tmp_path / "id").write_text("0123456789abcdef\n")
    on_cpu = Target(Probe("onnxruntime", "1"))
    name = host_name(Settings(), on_cpu)
    assert name == host_name(Settings(), on_cpu)
    assert name is not None
    assert name.startswith("machine-")
    assert "0123456789abcdef" not in name
    assert socket.gethostname() not in name


def test_machines_differ_and_one_without_an_id_has_no_name(tmp_path):
    files = [tmp_path / name for name in ("a", "b", "c", "d")]
    for path, content in zip(files, ("1", "2", "", "uninitialized"), strict=True):
        path.write_text(content)
    assert machine_digest(files[:1]) != machine_digest(files[1:])
    assert machine_digest(files[2:]) is None
    files[0].write_bytes(b"\xff")
    assert machine_digest(files[:1]) is None


def test_a_service_knows_better_than_git(monkeypatch, tmp_path):
    monkeypatch.setattr(origin, "checked_out", lambda folder: HERE)
    alone = origin_of(tmp_path, {})
    assert (alone.commit, alone.branch, alone.ci) == ("c0ffee", "main", None)
    assert (alone.commit_time, alone.dirty) == ("2026-01-02T03:04:05Z", True)
    of_job = {"GITLAB_CI": "true", "CI_COMMIT_BRANCH": "next", "CI_COMMIT_SHA": "beef"}
    there = origin_of(tmp_path, of_job)
    assert (there.commit, there.branch, there.commit_time) == ("beef", "next", None)
    assert there.ci is not None
