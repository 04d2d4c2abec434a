"""Refuses each write of a run once, and looks at what the run says and what is left.

    python -m benchmarks.faults.write_faults --json benchmarks/results/write_faults.jsonl

A run on a fake GPU writes baselines, references, a record, a page and traces, where those of an
earlier run are. Each of its operations that change files is refused in a run of its own: by a disk
that is full from then on (ENOSPC), and by an error of the disk that comes once (EIO). Of equal
operations on the same file the first and the last one are tried. Then each of the folders that a
run writes to is a tmpfs that is full, and one that is read-only.

A run from which a result is missing must not exit 0, and has to name the error and a path; where
only a reference could not be kept, a note that says so is enough. Each
file of before is as it was or new, and whole. The next run works and leaves nothing else. Needs
gcc, Linux, and root for mount.
"""

from __future__ import annotations

import argparse
import errno
import hashlib
import os
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.faults import shim
from benchmarks.faults.project import Project, import_everything
from benchmarks.faults.results import Results
from pytest_trtperf.baseline.schema import decode
from pytest_trtperf.plan_cache.reference import open_reference
from pytest_trtperf.record.json_file import read_runs

_TESTS = """
def test_model(trt_engine, trt_measure):
    trt_measure(trt_engine("model.onnx"), shapes={"x": (1, 256)})
"""
_OUTPUTS = ("run.json", "run.html", "run.npz")
_ARGUMENTS = (
    *("--trtperf-update", "--trtperf-json=out/run.json", "--trtperf-html=out/run.html"),
    *("--trtperf-traces=out/run.npz", "-v"),
)
_ERRORS = {"ENOSPC": errno.ENOSPC, "EIO": errno.EIO}
_MOUNTED = {"full": errno.ENOSPC, "read-only": errno.EROFS}
_PLACES = ("repository/out", "repository/perf-baselines", "cache", "locks", "tmp")
_WITHOUT_ROOM = ("unlink", "rmdir", "ftruncate", "ftruncate64")
_RANDOM = re.compile(r"[0-9a-f]{64}|\.[0-9a-f]{8}\.tmp")


def main() -> None:
    """Tries what is not in the file yet, and reports all that is."""
    shim.load()
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    results = Results(parser)
    done = results.rows
    import_everything()
    trial = _Trial()
    try:
        wanted: list[tuple[str, int | str]] = [
            (name, at) for name in _ERRORS for at in trial.wanted(name)
        ]
        wanted += [(name, place) for name in _MOUNTED for place in _PLACES]
        tried = {(one["error"], one["at"]) for one in done}
        for name, at in wanted:
            if (name, at) in tried:
                continue
            if results.is_late():
                break
            results.add(trial.refuse(name, at) if isinstance(at, int) else trial.mount(name, at))
    finally:
        trial.project.remove()
    bad = sum(bool(one["wrong"]) for one in done)
    for name in (*_ERRORS, *_MOUNTED):
        those = [one for one in done if one["error"] == name]
        lost = Counter(what for one in those for what in one["lost"])
        red = sum(one["status"] != 0 for one in those)
        print(f"{name}: {len(those)} refused, {red} runs not green, lost: {dict(lost)}")
    print(
        f"{len(done)} of {len(wanted)}, {bad} with something wrong: {'MISSED' if bad else 'kept'}"
    )
    results.end(bad)


class _Trial:
    """The repository, as an earlier run left it."""

    def __init__(self) -> None:
        self.project = Project("fake", {"test_perf.py": _TESTS})
        self._before = self.project.place / "before"
        if self.project.run(*_ARGUMENTS):
            raise RuntimeError(self.project.output.read_text())
        shutil.copytree(self.project.top, self._before, symlinks=True)
        self._whole_files = self.project.files()
        # A new model: it needs a new reference, too.
        self._restore()
        if self.project.run(*_ARGUMENTS, faults=self.project.operations.fault()):
            raise RuntimeError(self.project.output.read_text())
        self._operations = self.project.operations.names()

    def wanted(self, name: str) -> list[int]:
        """The numbers of the operations that are tried with an error."""
        places: dict[tuple[str, str], list[int]] = {}
        for number, (what, path) in enumerate(self._operations, start=1):
            # A full disk lets files go, and Python tries its temporary directory for itself.
            if not ((name == "ENOSPC" and what in _WITHOUT_ROOM) or path.parent.name == "tmp"):
                places.setdefault((what, self._plain(path)), []).append(number)
        return sorted({number for those in places.values() for number in (those[0], those[-1])})

    def refuse(self, name: str, at: int) -> dict[str, Any]:
        """Refuses one operation; what came of it."""
        self._restore()
        before = _states(self.project)
        fault = self.project.operations.fault(at, _ERRORS[name], lasting=name == "ENOSPC")
        status = self.project.run(*_ARGUMENTS, faults=fault)
        operations = self.project.operations.names()
        what, path = operations[at - 1] if len(operations) >= at else ("nothing", Path())
        found = self._judge(before, status, os.strerror(_ERRORS[name]))
        operation = f"{what} {self._plain(path)}"
        return {"error": name, "at": at, "operation": operation, "status": status, **found}

    def mount(self, name: str, place: str) -> dict[str, Any]:
        """Has a file system in the place of a folder that takes nothing; what came of it."""
        self._restore()
        before, folder = _states(self.project), self.project.top / place
        folder.mkdir(exist_ok=True)
        held = self.project.state / "held"
        shutil.copytree(folder, held)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(folder)], check=True)
        try:
            shutil.copytree(held, folder, dirs_exist_ok=True)
            if name == "full":
                with (folder / "filler").open("wb", buffering=0) as file, suppress(OSError):
                    while file.write(bytes(4096)):
                        pass
            else:
                subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
            status = self.project.run(*_ARGUMENTS)
            found = self._judge(before, status, os.strerror(_MOUNTED[name]), folder)
        finally:
            subprocess.run(["umount", "-lq", str(folder)], check=False)
            shutil.rmtree(held)
        return {"error": name, "at": place, "operation": "all", "status": status, **found}

    def _judge(
        self, before: Mapping[str, str], status: int, text: str, mounted: Path | None = None
    ) -> dict[str, Any]:
        """What is lost, what is wrong about that, and whether the next run works."""
        output = self.project.output.read_text(errors="replace")
        after = _states(self.project)
        lost = [one for one in after if after[one] in (before[one], "missing")]
        wrong = [f"{one} is {state}" for one, state in after.items() if state.startswith("broken")]
        wrong += [f"{one} is gone" for one in ("baselines",) if after[one] == "missing"]
        if {*lost} - {"reference"} and not status:
            wrong.append(f"exit status 0, and lost: {', '.join(lost)}")
        if lost and not any(text in line and "/" in line for line in output.splitlines()):
            wrong.append(f"lost {', '.join(lost)}, and the output has no path with {text!r}")
        wrong += [word for word in ("INTERNALERROR", "Traceback") if word in output]
        if mounted is not None:
            subprocess.run(["umount", "-l", str(mounted)], check=True)
        self.project.age()
        if next_status := self.project.run(*_ARGUMENTS):
            wrong.append(f"the next run exits {next_status}")
        if stays := sorted(self.project.files() - self._whole_files):
            wrong.append(f"left after the next run: {' '.join(map(self._plain, map(Path, stays)))}")
        last = [line for line in output.splitlines() if text in line]
        said = self._plain(Path(last[-1].strip()))[:300] if last else ""
        return {"lost": lost, "wrong": wrong, "said": said}

    def _restore(self) -> None:
        shutil.rmtree(self.project.top)
        shutil.copytree(self._before, self.project.top, symlinks=True)
        shutil.rmtree(self.project.top / "cache")

    def _plain(self, path: Path) -> str:
        return _RANDOM.sub("RANDOM", str(path)).replace(str(self.project.top), "")


def _states(project: Project) -> dict[str, str]:
    """Of each result: missing, broken, or what shows whether it is a new one."""
    out, found = project.repository / "out", dict[str, str]()
    for name in _OUTPUTS:
        path = out / name
        try:
            found[name] = _stamp(path)
            if name == "run.json" and path.exists():
                (run,) = read_runs(path)
                found[name] = _stamp(path) if run.complete else "broken: it is not complete"
            if name == "run.npz" and path.exists():
                with np.load(path) as arrays:
                    _ = [arrays[one] for one in arrays.files]
        except Exception as error:  # noqa: BLE001  # whatever it is, it cannot be read
            found[name] = f"broken: {error!r}"
    baselines = project.repository.glob("perf-baselines/*/*/*.json")
    try:
        entries = [decode(path.read_bytes(), path).entries for path in baselines]
        runs = [len(entry.runs) for those in entries for entry in those.values()]
        found["baselines"] = str(runs) if runs else "missing"
    except Exception as error:  # noqa: BLE001  # whatever it is, it cannot be read
        found["baselines"] = f"broken: {error!r}"
    found["reference"] = "missing"
    for folder in (project.top / "cache" / "references").glob("[0-9a-f]*"):
        if folder.is_dir():
            try:
                open_reference(folder, shared=False)
                found["reference"] = "whole"
            except Exception as error:  # noqa: BLE001  # whatever it is, it cannot be used
                found["reference"] = f"broken: {error!r}"
    return found


def _stamp(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else "missing"


if __name__ == "__main__":
    main()
