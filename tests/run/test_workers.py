"""What the controller gives its workers and learns from them, without processes."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_trtperf.backend.registry import builtin_backends
from pytest_trtperf.options.declared import Settings
from pytest_trtperf.run import workers
from pytest_trtperf.run.hosts import HERE, Host
from pytest_trtperf.run.pytest_options import WORKER_INPUT
from pytest_trtperf.run.selection import Selection
from pytest_trtperf.run.workers import Worker, WorkerAssignment, _worker_run
from tests.run.fakes import fake


def node(number, **output):
    spec = fake(via=None, ssh=None, ssh_config=None, vagrant_ssh=None, socket=None, python=None)
    gateway = fake(id=f"gw{number}", spec=spec)
    return fake(gateway=gateway, workerinput={}, workeroutput=output)


@pytest.fixture
def run(begin):
    return begin()


@pytest.fixture
def assignment(run, probe):
    return WorkerAssignment(run, Host(probe, [gpu.name for gpu in probe.gpus]))


def test_each_worker_is_given_a_gpu_and_what_it_cannot_find_out(assignment, run, monkeypatch):
    monkeypatch.setenv("TRTPERF_TOLERANCE", "0.1")
    monkeypatch.setenv("OTHER", "stays here")
    nodes = [node(0), node(1)]
    for one in nodes:
        assignment.pytest_configure_node(one)
    first, second = (one.workerinput[WORKER_INPUT] for one in nodes)
    assert (first["ordinal"], second["ordinal"]) == (0, 1)
    assert first["rootdir"] == str(run.rootdir)
    assert first["environment"]["TRTPERF_TOLERANCE"] == "0.1"
    assert "OTHER" not in first["environment"]


def test_the_gpus_of_all_workers_are_those_of_the_run(assignment, run):
    for number in range(3):
        assignment.pytest_configure_node(node(number))
    assert [gpu.uuid for gpu in run.gpus.values()] == ["GPU-0", "GPU-1"]


@pytest.mark.parametrize(("is_elsewhere", "name"), [(False, "lab1"), (True, "GPU-0")])
def test_a_worker_of_another_host_has_a_name_of_its_own(
    assignment, run, tmp_path, monkeypatch, is_elsewhere, name
):
    monkeypatch.setenv("TRTPERF_HOST", "lab1")
    monkeypatch.setattr(workers, "place", lambda spec: "lab2" if is_elsewhere else HERE)
    assignment._hosts["lab2"] = assignment._first
    one = node(0)
    assignment.pytest_configure_node(one)
    given = one.workerinput[WORKER_INPUT]
    assert ("TRTPERF_HOST" in given["environment"]) is not is_elsewhere
    hook = fake(pytest_trtperf_backends=lambda config: [builtin_backends()])
    there = fake(rootpath=tmp_path / "copy", hook=hook)
    own = _worker_run(there, run.settings, given)
    assert own.host == (name if is_elsewhere else None)


def test_a_worker_starts_from_what_it_was_given(assignment, run, tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7")
    one = node(0)
    for worker in (node(1), one):
        assignment.pytest_configure_node(worker)
    hook = fake(pytest_trtperf_backends=lambda config: [builtin_backends()])
    there = fake(rootpath=tmp_path / "copy", hook=hook)
    own = _worker_run(there, run.settings, one.workerinput[WORKER_INPUT])
    assert own.target.uuid == "GPU-1"
    assert own.target.probe == run.target.probe
    assert own.at_home(tmp_path / "copy" / "test_x.py") == tmp_path / "test_x.py"
    assert own.against is None
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "7"


def test_the_gpu_of_a_worker_that_went_down_is_free_again(assignment):
    nodes = [node(0), node(1), node(2)]
    for one in nodes[:2]:
        assignment.pytest_configure_node(one)
    assignment.pytest_testnodedown(nodes[1])
    assignment.pytest_configure_node(nodes[2])
    assert nodes[2].workerinput[WORKER_INPUT]["ordinal"] == 1


def test_what_a_worker_deselected_reaches_the_controller(assignment, begin, run, tmp_path):
    one = node(0)
    there = begin()
    Selection(there).pytest_deselected([fake(path=tmp_path / "test_x.py")])
    Worker(fake(workeroutput=one.workeroutput), there).pytest_sessionfinish()
    assignment.pytest_testnodedown(one)
    assert run.deselected == {str(tmp_path / "test_x.py")}
    assert not run.selective


def test_after_a_crash_nothing_counts_as_stale(assignment, run):
    crashed = node(0)
    crashed.workeroutput = None
    assignment.pytest_testnodedown(crashed)
    assert run.selective


def test_tests_are_known_from_the_workers(assignment, run, tmp_path):
    assignment.pytest_xdist_node_collection_finished(node(0), ["test_x.py::test_a@group"])
    assert run.collected == {str(tmp_path / "test_x.py"): {"test_x.py::test_a@group"}}


def test_another_directory_on_another_host_is_refused(assignment, tmp_path):
    elsewhere = node(0)
    elsewhere.gateway.spec.ssh = "b"
    (tmp_path / "test_x.py").touch()
    assignment.pytest_xdist_node_collection_finished(elsewhere, ["test_x.py::test_a"])
    with pytest.raises(pytest.UsageError, match=r"it found test_y\.py, which is not in"):
        assignment.pytest_xdist_node_collection_finished(elsewhere, ["test_y.py::test_a"])


def test_each_host_is_asked_once_and_its_gpus_are_its_own(assignment, probe, monkeypatch):
    asked = []

    def host_of(gateway, backends):
        asked.append((gateway.id, backends))
        return Host(probe, [gpu.name for gpu in probe.gpus])

    monkeypatch.setattr(workers, "host_of", host_of)
    nodes = [node(number) for number in range(4)]
    for one in nodes[1:3]:
        one.gateway.spec.ssh = "b"
    for one in nodes:
        assignment.pytest_configure_node(one)
    assert [one.workerinput[WORKER_INPUT]["ordinal"] for one in nodes] == [0, 0, 1, 1]
    assert asked == [("gw1", Settings().backend)]


def test_a_worker_with_another_device_is_refused_and_named(assignment, probe, monkeypatch):
    other = Host(replace(probe, version="11.0"), [gpu.name for gpu in probe.gpus])
    monkeypatch.setattr(workers, "host_of", lambda gateway, backends: other)
    one = node(0)
    one.gateway.spec.ssh = "b"
    with pytest.raises(pytest.UsageError, match=r"^worker .*ssh='b'.*: all workers of a run must"):
        assignment.pytest_configure_node(one)
    assert one.workerinput == {}


def test_a_worker_that_never_started_frees_nothing(assignment):
    assignment.pytest_testnodedown(node(0, trtperf_deselected=[]))
    one = node(1)
    assignment.pytest_configure_node(one)
    assert one.workerinput[WORKER_INPUT]["ordinal"] == 0


def test_elsewhere_no_tests_are_no_other_directory(assignment, run):
    elsewhere = node(0)
    elsewhere.gateway.spec.ssh = "b"
    assignment.pytest_xdist_node_collection_finished(elsewhere, [])
    assert run.collected == {}


def test_deselected_modules_are_named_as_the_controller_has_them(begin, tmp_path):
    output: dict[str, object] = {}
    there = begin(home=Path("/home/ci/repository"))
    paths = [tmp_path / "test_y.py", Path("/elsewhere/test_z.py"), tmp_path / "test_x.py"]
    Selection(there).pytest_deselected([fake(path=path) for path in paths])
    Worker(fake(workeroutput=output), there).pytest_sessionfinish()
    assert output == {
        "trtperf_deselected": [
            *("/elsewhere/test_z.py", "/home/ci/repository/test_x.py"),
            "/home/ci/repository/test_y.py",
        ]
    }
