"""Time and memory of many tests in one run, and of many baseline files beside a few tests.

    python -m benchmarks.faults.many --json benchmarks/results/many.jsonl

First 2000 tests on a fake GPU with two workers, which record baselines and a record. Then a
repository with 10 000 baseline files, one for each test of 100 modules, of which one run compares
three tests; and what `trtperf baseline list`, `diff` and `prune` take for all of them. Memory is
the largest of any process. `--tests` and `--files` take less. Nothing is judged. Needs git.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.faults.project import Project
from pytest_trtperf.baseline.schema import decode
from pytest_trtperf.baseline.store import BaselineStore
from pytest_trtperf.record.json_file import read_runs

_TESTS = """
import pytest

@pytest.mark.parametrize("number", range({tests}))
def test_model(trt_engine, trt_measure, number):
    trt_measure(trt_engine("model.onnx"), shapes={{"x": (number % 64 + 1, 256)}})
"""
_MODULES = 100
_COMPARED = 3


def main() -> None:
    """Takes what is not in the file yet, and prints all."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--json", type=Path, required=True, help="the file of the results")
    parser.add_argument("--tests", type=int, default=2000, help="in one run")
    parser.add_argument("--files", type=int, default=10_000, help="of baselines")
    arguments = parser.parse_args()
    began = time.monotonic()
    lines = arguments.json.read_text().splitlines() if arguments.json.exists() else []
    done = {one["what"]: one for one in map(json.loads, lines)}
    trial = _Trial(arguments.json, done)
    try:
        _many_tests(trial, arguments.tests)
        _many_files(trial, arguments.files)
    finally:
        for project in trial.projects:
            project.remove()
    for one in done.values():
        print(f"{one['what']}: {one['cpu_s']} s of processors in {one['seconds']} s, ", end="")
        print(f"{one['mb']} MB, exit {one['status']}: {one['said']}")
    print(f"minutes used: {(time.monotonic() - began) / 60:.1f}")


class _Trial:
    """Runs commands, and appends what each took."""

    def __init__(self, path: Path, done: dict[str, dict[str, Any]]) -> None:
        self._path, self.done = path, done
        self.projects: list[Project] = []

    def project(self, tests: int) -> Project:
        """A new repository with a test module."""
        self.projects.append(Project("fake", {"test_perf.py": _TESTS.format(tests=tests)}))
        return self.projects[-1]

    def take(self, what: str, project: Project, command: Sequence[str]) -> None:
        """Runs a command, unless it is in the file."""
        if what in self.done:
            return
        began = time.monotonic()
        with project.output.open("w") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", *command], cwd=project.repository, stdout=output,
                env=project.environment(), stderr=subprocess.STDOUT,
            )  # fmt: skip
            _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        lines = project.output.read_text().strip().splitlines()
        result = {
            "what": what, "seconds": round(time.monotonic() - began, 1),
            "cpu_s": round(usage.ru_utime + usage.ru_stime, 1),
            "mb": round(usage.ru_maxrss / 1024), "status": process.returncode,
            "said": lines[-1][:200] if lines else "",
        }  # fmt: skip
        self.done[what] = result
        with self._path.open("a") as file:
            file.write(json.dumps(result) + "\n")


def _many_tests(trial: _Trial, tests: int) -> None:
    what = f"a run of {tests} tests with two workers, which records baselines and a record"
    if what in trial.done:
        return
    project = trial.project(tests)
    options = ("--trtperf-update", "--trtperf-json=run.json", "-n2")
    trial.take(what, project, ["pytest", *project.arguments(*options)])
    (run,) = read_runs(project.repository / "run.json")
    (path,) = project.repository.glob("perf-baselines/*/*/*.json")
    found = len(run.measurements), len(decode(path.read_bytes(), path).entries)
    if found != (tests, tests) or not run.complete:
        raise RuntimeError(f"{found} measurements and baselines of {tests}")


def _many_files(trial: _Trial, files: int) -> None:
    project = trial.project(_COMPARED)
    folder = project.repository
    subprocess.run(
        [sys.executable, "-m", "pytest", *project.arguments("--trtperf-update")],
        cwd=folder, env=project.environment(), check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    (path,) = folder.glob("perf-baselines/*/*/*.json")
    entry = next(iter(decode(path.read_bytes(), path).entries.values()))
    hardware_class, backend = path.parent.parent.name, path.parent.name
    store = BaselineStore(folder / "perf-baselines", hardware_class, backend, layout="test")
    for number in range(_MODULES):
        module = f"tests/test_{number}.py"
        of_each = range(files // _MODULES)
        store.update(module, {f"{module}::test_model[{one}]": entry for one in of_each})
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.c"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "Baselines"]):
        subprocess.run([*git, *command], cwd=folder, check=True)
    beside = f"beside {files} baseline files: "
    trial.take(
        f"{beside}a run that compares {_COMPARED} tests", project,
        ["pytest", *project.arguments()],
    )  # fmt: skip
    cli = "pytest_trtperf.cli"
    trial.take(f"{beside}trtperf baseline list", project, [cli, "baseline", "list"])
    trial.take(f"{beside}trtperf baseline diff", project, [cli, "baseline", "diff"])
    command = [cli, "baseline", "prune", "--gone"]
    trial.take(f"{beside}trtperf baseline prune --gone", project, command)


if __name__ == "__main__":
    main()
