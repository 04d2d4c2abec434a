"""Kills whole runs at random moments, and counts the measurements that are lost.

    python -m benchmarks.runs.killed_runs --json killed_runs.jsonl [--kills 50] [--minutes 9]

Each run has twelve tests of one or two measurements with `--trtperf-json`. A conftest.py writes
down each test when it has ended (`pytest_runtest_logfinish`, after all reports). All processes of
the run get SIGKILL at a moment that is drawn uniformly between the first line of the record and the
end of a whole run. Lost is a measurement of a test that had ended and that is not in what
`read_runs` finds.

The kills take turns: alone and with two workers of pytest-xdist on a fake GPU; on a fake GPU whose
engines are slower than their baselines, so that verdicts wait for the end of the run; ONNX Runtime
on the CPU. Results are appended, and those that are in the file count.

Target: nothing is lost.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import onnx
from onnx import TensorProto, helper

from pytest_trtperf.record.json_file import read_runs

PLUGINS = Path(__file__).parent.parent.parent / "tests" / "plugin" / "plugins"
WAYS = ("fake", "fake-xdist", "fake-slower", "onnxruntime")
QUICK = (
    *("--trtperf-round-ms=20", "--trtperf-round-queries=20", "--trtperf-warm-up-ms=20"),
    *("--trtperf-max-warm-up=0.5", "--trtperf-max-time=1"),
)
TESTS = """
import pytest

@pytest.mark.parametrize("number", range(12))
def test_model(trt_engine, trt_measure, number):
    engine = trt_engine("model.onnx")
    trt_measure(engine, shapes={"x": (number + 1, 256)})
    if number % 3 == 0:
        trt_measure(engine, shapes={"x": (number + 1, 256)}, name="again")
"""
CONFTEST = """
import os
from pathlib import Path

def pytest_runtest_logfinish(nodeid):
    if "PYTEST_XDIST_WORKER" in os.environ:
        return
    with open(Path(__file__).parent / "ended", "a") as file:
        print(nodeid, file=file)
"""
LONGEST_S = 120.0


def main() -> None:
    """Takes the kills, and reports all that are in the file."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--json", type=Path, required=True, help="the file of the results")
    parser.add_argument("--kills", type=int, default=50, help="how many in all")
    parser.add_argument("--minutes", type=float, default=9.0, help="when to stop")
    arguments = parser.parse_args()
    began = time.monotonic()
    done = _read(arguments.json)
    random.seed(len(done))
    with tempfile.TemporaryDirectory() as folder:
        lengths: dict[str, float] = {}
        for number in range(len(done), arguments.kills):
            if time.monotonic() - began > 60 * arguments.minutes:
                break
            way = WAYS[number % len(WAYS)]
            project = Path(folder) / way
            if way not in lengths:
                lengths[way] = _prepare(project, way)
            result = {"way": way, **_kill(project, way, random.uniform(0, lengths[way]))}
            done.append(result)
            with arguments.json.open("a") as file:
                file.write(json.dumps(result) + "\n")
    _report(done, arguments.kills)
    print(f"minutes used: {(time.monotonic() - began) / 60:.1f}")
    sys.exit(int(any(one["lost"] for one in done)))


def _read(path: Path) -> list[dict[str, object]]:
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines()]


def _prepare(project: Path, way: str) -> float:
    """Writes a project; the seconds from the first line of the record to the end of its run."""
    (project / "perf-baselines").mkdir(parents=True)
    (project / "test_perf.py").write_text(TESTS)
    (project / "conftest.py").write_text(CONFTEST)
    (project / "pytest.ini").write_text("[pytest]\n")
    _write_model(project / "model.onnx", layers=1)
    if way == "fake-slower":
        with _run(project, way, "--trtperf-update") as process:
            process.wait(LONGEST_S)
        _write_model(project / "model.onnx", layers=2)
    with _run(project, way) as process:
        _wait_for_lines(project, process)
        first = time.monotonic()
        process.wait(LONGEST_S)
    return time.monotonic() - first


def _write_model(path: Path, layers: int) -> None:
    names = ["x", *(f"h{layer}" for layer in range(1, layers)), "y"]
    nodes = [helper.make_node("Tanh", [a], [b]) for a, b in itertools.pairwise(names)]
    rows = [helper.make_tensor_value_info(one, TensorProto.FLOAT, ["n", 256]) for one in "xy"]
    graph = helper.make_graph(nodes, "chain", rows[:1], rows[1:])
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)


def _run(project: Path, way: str, *arguments: str) -> subprocess.Popen[bytes]:
    for name in ("run.json", "run.jsonl", "ended"):
        (project / name).unlink(missing_ok=True)
    is_fake = way.startswith("fake")
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("TRTPERF_")},
        "TRTPERF_BACKEND": "fake" if is_fake else "onnxruntime",
        "TRTPERF_CACHE_DIR": str(project / "cache"),
        "TRTPERF_LOCK_DIR": str(project / "locks"),
        "PYTHONPATH": os.pathsep.join([str(PLUGINS), os.environ.get("PYTHONPATH", "")]),
        "FAKE_GPU_SEED": str(random.randrange(1000)),
    }
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--trtperf"]
    command += ["--trtperf-json=run.json", *(["-p", "fake_gpu"] if is_fake else QUICK)]
    command += ["-n2"] if way == "fake-xdist" else []
    return subprocess.Popen(
        [*command, *arguments], cwd=project, env=environment, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def _wait_for_lines(project: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + LONGEST_S
    while not (project / "run.jsonl").exists() and process.poll() is None:
        if time.monotonic() > deadline:
            raise TimeoutError("the run never began")
        time.sleep(0.002)


def _kill(project: Path, way: str, after_s: float) -> dict[str, object]:
    """Kills a run; what had ended then, and what of it is lost."""
    shutil.rmtree(project / "locks", ignore_errors=True)
    with _run(project, way) as process:
        _wait_for_lines(project, process)
        time.sleep(after_s)
        has_ended = process.poll() is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    ended = set((project / "ended").read_text().split()) if (project / "ended").exists() else set()
    (run,) = read_runs(project / "run.json")
    found = Counter(one.test for one in run.measurements)
    expected = {test: 1 + (int(test.rpartition("[")[2][:-1]) % 3 == 0) for test in ended}
    return {
        "after_s": round(after_s, 3),
        "run_had_ended": has_ended,
        "complete": run.complete,
        "tests_ended": len(ended),
        "measurements_expected": sum(expected.values()),
        "measurements_found": len(run.measurements),
        "lost": sum(max(count - found[test], 0) for test, count in expected.items()),
    }


def _report(done: list[dict[str, object]], kills: int) -> None:
    for way in WAYS:
        those = [one for one in done if one["way"] == way]
        ended, found, lost = (
            sum(int(str(one[name])) for one in those)
            for name in ("measurements_expected", "measurements_found", "lost")
        )
        whole = sum(bool(one["run_had_ended"]) for one in those)
        print(
            f"{way}: {len(those)} kills ({whole} after the end), {ended} measurements of tests "
            f"that had ended, {found} found, {lost} lost"
        )
    lost = sum(int(str(one["lost"])) for one in done)
    print(f"{len(done)} of {kills} kills, {lost} measurements lost: {'MISSED' if lost else 'kept'}")


if __name__ == "__main__":
    main()
