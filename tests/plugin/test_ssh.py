"""pytest-xdist's workers on another host, which is this one by way of a real sshd."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time

import pytest

from pytest_trtperf.record.json_file import read_runs

pytest.importorskip("xdist")

pytestmark = pytest.mark.usefixtures("on_cpu")

SSHD = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")

CONFIG = """
Port {port}
ListenAddress 127.0.0.1
HostKey {directory}/host
AuthorizedKeysFile {directory}/user.pub
PidFile none
StrictModes no
UsePAM no
"""

CLIENT_CONFIG = """
Host gpuhost
  HostName 127.0.0.1
  Port {port}
  IdentityFile {directory}/user
  IdentitiesOnly yes
  UserKnownHostsFile {directory}/known
  StrictHostKeyChecking accept-new
"""


@pytest.fixture(scope="module")
def ssh_config(tmp_path_factory):
    """A client's configuration, in which `gpuhost` is an sshd of our own."""
    if SSHD is None or not all(map(shutil.which, ("ssh", "ssh-keygen"))):
        pytest.skip("needs OpenSSH with its server")
    directory = tmp_path_factory.mktemp("ssh")
    for name in ("host", "user"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(directory / name)]
        subprocess.run(command, check=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config, client = directory / "sshd_config", directory / "ssh_config"
    config.write_text(CONFIG.format(port=port, directory=directory))
    client.write_text(CLIENT_CONFIG.format(port=port, directory=directory))
    command = [SSHD, "-t", "-f", str(config)]
    checked = subprocess.run(command, check=False, capture_output=True, text=True)
    if checked.returncode:
        pytest.skip(f"sshd does not run here: {checked.stderr}")
    with subprocess.Popen([SSHD, "-D", "-e", "-f", config], stderr=subprocess.DEVNULL) as server:
        login = ["ssh", "-F", client, "gpuhost", "true"]
        deadline = time.monotonic() + 20
        while subprocess.run(login, check=False, capture_output=True).returncode:
            if time.monotonic() > deadline:
                server.terminate()
                pytest.skip("nobody may log in here by ssh")
            time.sleep(0.2)
        yield client
        server.terminate()


@pytest.fixture
def run_there(repository, ssh_config):
    """Runs the repository's tests on the other host."""

    def run(*arguments, python=sys.executable):
        there = repository.path.parent / f"{repository.path.name}-there"
        spec = f"ssh=gpuhost//ssh_config={ssh_config}//python={python}//chdir={there}"
        here = str(repository.path)
        options = ("--dist=load", f"--tx={spec}", f"--rsyncdir={here}")
        return repository.run(*options, *arguments, here, process=True)

    return run


def test_baselines_and_records_are_written_here(repository, run_there, monkeypatch):
    repository.tests(
        """
        import os

        def test_model(trt_engine, trt_measure):
            assert os.environ["SSH_CONNECTION"]
            trt_measure(trt_engine("model.onnx"), shapes={"x": (64, 256)})

        def test_left_out():
            pass
        """
    )
    monkeypatch.setenv("TRTPERF_HOST", "lab1")
    result = run_there("--trtperf-update", "--trtperf-json=run.json", "-k", "model")
    result.assert_outcomes(passed=1)
    assert set(repository.baselines()) == {"test_perf.py::test_model"}
    (measurement,) = repository.measurements()
    # Its own name is not that of here, though it may be the same machine.
    assert measurement["host"].startswith("machine-")
    assert read_runs(repository.path / "run.json")[0].host == "lab1"
    assert measurement["baseline_dir"] == str(repository.path / "perf-baselines")
    # Baselines of here are compared with, and so is a record that lies only here.
    run_there("--trtperf-json=second.json")
    assert [one["baseline"] for one in repository.measurements("second.json")] == ["compared"]
    record = repository.path.parent / f"{repository.path.name}.json"
    (repository.path / "run.json").rename(record)
    shutil.rmtree(repository.path / "perf-baselines")
    run_there(f"--trtperf-against={record}", "--trtperf-json=third.json")
    assert [one["baseline"] for one in repository.measurements("third.json")] == ["compared"]


def test_a_python_without_the_plugin_is_named(run_there, tmp_path):
    command = [sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "bare")]
    subprocess.run(command, check=True)
    result = run_there(python=tmp_path / "bare" / "bin" / "python")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --tx ssh=gpuhost*: pytest-trtperf cannot be used there*"])
