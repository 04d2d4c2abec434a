"""What a terminal shows while a test measures, and what it shows of waiting for the device."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time

import pytest

from pytest_trtperf.files.locks import exclusive
from pytest_trtperf.measure.device_lock import DeviceLock
from pytest_trtperf.testing import FakeBackend
from tests.plugin.waiting import wait_until_taken

(GPU,) = FakeBackend().probe().gpus
COMMAND = [
    *(sys.executable, "-m", "pytest", "--trtperf", "-p", "no:cacheprovider", "-p", "fake_gpu"),
]
# In real time, so that there is something to see.
ON_CPU = [
    *("--trtperf-backend=onnxruntime", "--trtperf-round-ms=300"),
    *("--trtperf-round-queries=2", "--trtperf-max-warm-up=0.5"),
]


def test_rounds_are_shown_and_erased(repository, on_terminal):
    output = on_terminal([*COMMAND, *ON_CPU])
    assert ": round 5 of at least 5, at most " in output
    assert "test_perf.py \r\n\rtrtperf: " in output
    # The line is erased, and the cursor is where pytest goes on.
    erased = f"\r\x1b[K\x1b[A\x1b[{len('test_perf.py ') + 1}G"
    assert output.count("\x1b[A") == output.count(erased) == 1
    assert ": round " not in output.partition(erased)[2]
    assert "1 passed" in output


@pytest.mark.parametrize("option", ["-q", "-n1"])
def test_quiet_runs_and_workers_show_nothing(repository, on_terminal, option):
    if option == "-n1":
        pytest.importorskip("xdist")
    output = on_terminal([*COMMAND, *ON_CPU, option])
    assert "1 passed" in output
    assert ": round " not in output


def test_a_wait_for_the_device_is_reported_without_a_terminal(repository):
    locks = repository.path.parent / f"{repository.path.name}-state" / "locks"
    locks.mkdir(parents=True)
    with subprocess.Popen(
        COMMAND, cwd=repository.path, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as child:
        with exclusive(locks / f"{GPU.uuid}.lock", 0o666, wait=True):
            wait_until_taken(locks / f"{GPU.uuid}.lock.next")
            time.sleep(2)
        output, _ = child.communicate(timeout=300)
    assert child.returncode == 0, output
    (waited,) = re.findall(r"\nwaited (\d+) s in all for devices and builds of other", output)
    assert int(waited) >= 2
    assert "\x1b" not in output
    assert "round 1" not in output


def test_verbose_explains_each_verdict_and_quiet_keeps_to_failures(repository):
    repository.tests(
        """
        def test_model(trt_engine, trt_measure):
            perf = trt_measure(trt_engine("model.onnx"), shapes={"x": (64, 256)}, name="wide")
            perf.assert_p99(ms=5000)

        def test_misses(trt_engine, trt_measure):
            perf = trt_measure(trt_engine("model.onnx"), shapes={"x": (64, 256)})
            perf.assert_p99(ms=1e-4)
        """
    )
    verbose = repository.run("-v", "--trtperf-update-new")
    verbose.stdout.fnmatch_lines(
        [
            "test_perf.py::test_model#wide: * queries in * rounds*, after * s of warm-up",
            "test_perf.py::test_model#wide: P99 of latency * keeps its budget of 5000 ms*",
            "test_perf.py::test_misses: * misses its budget *",
            "baseline written: *",
        ]
    )
    quiet = repository.run("-q", "--trtperf-update")
    quiet.stdout.fnmatch_lines(
        [
            "test *P50 ms*verdict",
            "test_perf.py::test_misses * FAIL P99*",
            "baseline written: *",
        ]
    )
    quiet.stdout.no_fnmatch_line("test_perf.py::test_model#wide*")


@pytest.mark.parametrize("option", ["-q", "-n1", "-s"])
def test_a_log_says_who_is_waited_for(repository, option):
    if option == "-n1":
        pytest.importorskip("xdist")
    locks = repository.path.parent / f"{repository.path.name}-state" / "locks"
    locks.mkdir(parents=True)
    (repository.path / "conftest.py").write_text(
        "import pytest_trtperf.report.measure_progress as module\nmodule.LOG_EVERY_S = 0.5\n"
    )
    with subprocess.Popen(
        [*COMMAND, option], cwd=repository.path, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as child:  # fmt: skip
        with DeviceLock(locks / f"{GPU.uuid}.lock"):
            wait_until_taken(locks / f"{GPU.uuid}.lock.next")
            time.sleep(2)
        output, log = child.communicate(timeout=300)
    assert child.returncode == 0, output
    by = f"process {os.getpid()} of user {os.getuid()} on "
    assert re.search(rf"(?m)^trtperf: waiting for the device, in use by {by}.*  1 s$", log)


def test_a_device_that_is_never_free_fails_the_test_in_time(repository):
    locks = repository.path.parent / f"{repository.path.name}-state" / "locks"
    locks.mkdir(parents=True)
    with DeviceLock(locks / f"{GPU.uuid}.lock"):
        result = repository.run("--trtperf-lock-timeout=0.1")
    result.assert_outcomes(failed=1)
    by = f"process {os.getpid()} of user *"
    result.stdout.fnmatch_lines(
        [f"E *MeasurementError: waited 0 s for the device, in use by {by}--trtperf-lock-timeout*"]
    )
