"""What a terminal shows while a test measures, and what it shows of waiting for the device."""

from __future__ import annotations

import re
import subprocess
import sys
import time

import pytest
from filelock import FileLock

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
    assert "trtperf: round 5 of at least 5, at most " in output
    assert "test_perf.py \r\n\rtrtperf: " in output
    # The line is erased, and the cursor is where pytest goes on.
    erased = f"\r\x1b[K\x1b[A\x1b[{len('test_perf.py ') + 1}G"
    assert output.count("\x1b[A") == output.count(erased) == 1
    assert "trtperf: round" not in output.partition(erased)[2]
    assert "1 passed" in output


@pytest.mark.parametrize("option", ["-q", "-n1"])
def test_quiet_runs_and_workers_show_nothing(repository, on_terminal, option):
    if option == "-n1":
        pytest.importorskip("xdist")
    output = on_terminal([*COMMAND, *ON_CPU, option])
    assert "1 passed" in output
    assert "trtperf: round" not in output


def test_a_wait_for_the_device_is_reported_without_a_terminal(repository):
    locks = repository.path.parent / f"{repository.path.name}-state" / "locks"
    locks.mkdir(parents=True)
    with subprocess.Popen(
        COMMAND, cwd=repository.path, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as child:
        with FileLock(locks / f"{GPU.uuid}.lock"):
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
    quiet.stdout.fnmatch_lines(["test *P50 ms*verdict", "test_perf.py::test_misses * FAIL P99*"])
    quiet.stdout.no_fnmatch_line("test_perf.py::test_model#wide*")
    quiet.stdout.no_fnmatch_line("baseline written*")
