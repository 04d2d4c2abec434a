"""Kills runs that record with `--trtperf-json`, and counts the measurements that are lost.

    python -m benchmarks.faults.kill_records --json benchmarks/results/kill_records.jsonl

A conftest.py writes down each test when it has ended (`pytest_runtest_logfinish`, after all
reports). Lost is a measurement of a test that had ended and that is not in what `read_runs` finds.
After each kill the next run has to work, with the record of all tests, and leave nothing else.

On a fake GPU: alone, with two workers of pytest-xdist, and with engines that are slower than their
baselines, so that verdicts wait for the end of the run. With ONNX Runtime on the CPU.
Needs gcc and Linux.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from benchmarks.faults import shim
from benchmarks.faults.kills import Campaign, Way
from benchmarks.faults.project import QUICK, Project, import_everything, write_model
from pytest_trtperf.record.json_file import read_runs
from pytest_trtperf.record.model import RunRecord

_TESTS = """
import pytest

@pytest.mark.parametrize("number", range({tests}))
def test_model(trt_engine, trt_measure, number):
    engine = trt_engine("model.onnx")
    trt_measure(engine, shapes={{"x": (number + 1, 256)}})
    if number % 3 == 0:
        trt_measure(engine, shapes={{"x": (number + 1, 256)}}, name="again")
"""
_FAILED = 1


def main() -> None:
    """Takes the kills, and reports all that are in the file."""
    shim.load()
    import_everything()
    ways = {
        "fake": _way(600, "fake", tests=4),
        "fake-xdist": _way(200, "fake", "-n2", tests=4),
        "fake-slower": _way(200, "fake", tests=3, slower=True),
        "onnxruntime": _way(200, "onnxruntime", tests=2),
    }
    Campaign(__doc__, ways).run()


def _way(kills: int, backend: str, *arguments: str, tests: int, slower: bool = False) -> Way:
    def prepare() -> Project:
        modules = {"test_perf.py": _TESTS.format(tests=tests)}
        project = Project(backend, modules, () if slower else QUICK)
        if slower:
            if project.run("--trtperf-update"):
                raise RuntimeError(project.output.read_text())
            write_model(project.repository / "model.onnx", layers=2)
        return project

    def restore(project: Project, _number: int) -> Sequence[str]:
        return ("--trtperf-json=out/run.json", *arguments)

    def check_next(project: Project, status: int) -> list[str]:
        wrong = [] if status == (_FAILED if slower else 0) else [f"the next run exits {status}"]
        run = _read(project)
        if run is None or not run.complete:
            return [*wrong, "the next run has no complete record"]
        expected = {f"{one}": count for one, count in _expected(_names(tests)).items()}
        if Counter(one.test for one in run.measurements) != expected:
            wrong.append("the next run has not all measurements")
        return wrong

    return Way(kills, prepare, restore, _check, check_next)


def _names(tests: int) -> list[str]:
    return [f"test_perf.py::test_model[{number}]" for number in range(tests)]


def _expected(tests: Sequence[str]) -> dict[str, int]:
    return {test: 1 + (int(test.rpartition("[")[2][:-1]) % 3 == 0) for test in tests}


def _read(project: Project) -> RunRecord | None:
    path = project.repository / "out" / "run.json"
    if not (path.exists() or path.with_suffix(".jsonl").exists()):
        return None
    (run,) = read_runs(path)
    return run


def _check(project: Project) -> tuple[list[str], dict[str, int]]:
    expected = _expected(sorted(project.ended()))
    try:
        run = _read(project)
    except Exception as error:  # noqa: BLE001  # whatever it is, nothing can be read
        # Killed before the first line, a run has nothing to lose.
        lost = sum(expected.values())
        return ([f"the record cannot be read: {error!r}"] if lost else []), {"unreadable": 1}
    found = Counter(one.test for one in run.measurements) if run else Counter[str]()
    lost = sum(max(count - found[test], 0) for test, count in expected.items())
    seen = {"expected": sum(expected.values()), "found": found.total(), "lost": lost}
    return ([f"{lost} measurements are lost"] if lost else []), seen


if __name__ == "__main__":
    main()
