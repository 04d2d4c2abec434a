"""Kills runs with `--trtperf-update` and two workers, and looks at each baseline file.

    python -m benchmarks.faults.kill_updates --json benchmarks/results/kill_updates.jsonl

Two modules have baselines already. After a kill each of their files has to be there, each entry
as it was or with one run more, and each reference in the cache has to be whole. Every third kill
begins without baselines, every third one changes from one file for each module to one for each
test; every second one begins with an empty cache. The next update has to work and leave nothing
else.

On a fake GPU and with ONNX Runtime on the CPU. Needs gcc and Linux.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from benchmarks.faults import shim
from benchmarks.faults.kills import Campaign, Way
from benchmarks.faults.project import Project, import_everything
from pytest_trtperf.baseline.schema import BaselineEntry, BaselineRun, decode
from pytest_trtperf.plan_cache.reference import open_reference

_TESTS = """
import pytest

@pytest.mark.parametrize("number", range(2))
def test_model(trt_engine, trt_measure, number):
    trt_measure(trt_engine("model.onnx"), shapes={"x": (number + 1, 256)})
"""
_MODULES = ("test_first", "test_second")
_TESTS_OF_EACH = 2


def main() -> None:
    """Takes the kills, and reports all that are in the file."""
    shim.load()
    import_everything()
    ways = {"fake": _way(1000, "fake"), "onnxruntime": _way(200, "onnxruntime")}
    Campaign(__doc__, ways).run()


def _way(kills: int, backend: str) -> Way:
    before = _Before()

    def prepare() -> Project:
        project = Project(backend, {f"{name}.py": _TESTS for name in _MODULES})
        if project.run("--trtperf-update"):
            raise RuntimeError(project.output.read_text())
        before.take(project)
        return project

    def restore(project: Project, number: int) -> Sequence[str]:
        before.is_empty = number % 3 == 1
        before.restore(project)
        if number // 3 % 2:
            shutil.rmtree(project.top / "cache", ignore_errors=True)
        layout = "test" if number % 3 == 2 else "module"
        return ("--trtperf-update", "-n2", f"--trtperf-baseline-files={layout}")

    def check(project: Project) -> tuple[list[str], dict[str, int]]:
        wrong, new = before.compare(project)
        references, damaged = _references(project)
        wrong += [f"a reference is damaged: {error!r}" for error in damaged]
        return wrong, {"new_entries": new, "references": references}

    def check_next(project: Project, status: int) -> list[str]:
        wrong, new = before.compare(project)
        if status:
            wrong.append(f"the next run exits {status}")
        if new != len(_MODULES) * _TESTS_OF_EACH:
            wrong.append(f"the next run leaves {new} new entries")
        _, damaged = _references(project)
        return wrong + [f"a reference stays damaged: {error!r}" for error in damaged]

    return Way(kills, prepare, restore, check, check_next)


class _Before:
    """The baselines before the run."""

    def __init__(self) -> None:
        self.is_empty = False
        self._files: dict[Path, bytes] = {}
        self._entries: dict[str, BaselineEntry] = {}

    def take(self, project: Project) -> None:
        """Takes those that are there."""
        for path in _baseline_files(project):
            self._files[path] = path.read_bytes()
            self._entries.update(decode(path.read_bytes(), path).entries)

    def restore(self, project: Project) -> None:
        """Puts them back, or none."""
        shutil.rmtree(project.repository / "perf-baselines", ignore_errors=True)
        (project.repository / "perf-baselines").mkdir()
        for path, data in {} if self.is_empty else self._files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)

    def compare(self, project: Project) -> tuple[list[str], int]:
        """What is wrong with the files now, and how many entries are new ones."""
        old: Mapping[str, BaselineEntry] = {} if self.is_empty else self._entries
        wrong, found = [], dict[str, BaselineEntry]()
        for path in _baseline_files(project):
            try:
                entries = decode(path.read_bytes(), path).entries
            except Exception as error:  # noqa: BLE001  # whatever it is, the file is broken
                wrong.append(f"{path.name} is broken: {error!r}")
                continue
            for key, entry in entries.items():
                if found.setdefault(key, entry) != entry:
                    wrong.append(f"{key} is there twice, and not equal")
        wrong += [f"{key} is gone" for key in old.keys() - found.keys()]
        new = 0
        for key, entry in found.items():
            if key in old and entry == old[key]:
                continue
            new += 1
            runs = _plain(old[key].runs) if key in old else []
            # One or two runs more: the killed one, and the next.
            if _plain(entry.runs)[: len(runs)] != runs or len(entry.runs) <= len(runs):
                wrong.append(f"{key} is neither the old entry nor a new one")
        return wrong, new


def _plain(runs: Sequence[BaselineRun]) -> list[BaselineRun]:
    """Runs without what only the newest one keeps."""
    return [msgspec.structs.replace(run, layers={}, tactics={}, asked={}) for run in runs]


def _baseline_files(project: Project) -> list[Path]:
    found = (project.repository / "perf-baselines").rglob("*.json")
    return sorted(path for path in found if not path.name.startswith("."))


def _references(project: Project) -> tuple[int, list[Exception]]:
    """How many references are whole, and what is wrong with others."""
    whole, damaged = 0, list[Exception]()
    for folder in (project.top / "cache" / "references").glob("[0-9a-f]*"):
        if folder.is_dir():
            try:
                open_reference(folder, shared=False)
                whole += 1
            except Exception as error:  # noqa: BLE001  # whatever it is, it cannot be measured
                damaged.append(error)
    return whole, damaged


if __name__ == "__main__":
    main()
