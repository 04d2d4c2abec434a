"""Kills at moments spread over a whole run: what the scripts `kill_…` share.

Half of the kills come at a time drawn uniformly between start and end of a run, the other half
before one of its operations that change files, each as likely. Half of both kill the process of
pytest alone, the others its whole process group.
"""

from __future__ import annotations

import argparse
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.faults.project import Project
from benchmarks.faults.results import Results


@dataclass
class Way:
    """One kind of run that is killed.

    Args:
        kills: how many are wanted.
        prepare: makes the project; called once.
        restore: puts it in its state before the run, given the number of the kill; returns
            arguments of the run.
        check: what is wrong after the kill, and what was seen, given the project.
        check_next: what is wrong after the next whole run, given its exit status.
    """

    kills: int
    prepare: Callable[[], Project]
    restore: Callable[[Project, int], Sequence[str]]
    check: Callable[[Project], tuple[list[str], Mapping[str, int]]]
    check_next: Callable[[Project, int], list[str]]


class Campaign:
    """The kills of one script: appended to a file, those that are in it count."""

    def __init__(self, description: str | None, ways: Mapping[str, Way]) -> None:
        parser = argparse.ArgumentParser(description=description, allow_abbrev=False)
        parser.add_argument("--way", choices=list(ways), help="only these")
        parser.add_argument("--kills", type=int, help="how many in all of each")
        self._results = Results(parser)
        self._arguments, self._done = self._results.options, self._results.rows
        self._ways = ways

    def run(self) -> None:
        """Takes the kills that are missing, prints all, and exits 1 if anything is wrong."""
        for name, way in self._ways.items():
            if self._arguments.way in (None, name):
                self._take(name, way)
        bad = sum(bool(one["wrong"]) for one in self._done)
        for name, way in self._ways.items():
            self._print(name, way)
        print(f"{len(self._done)} kills, {bad} with something wrong: {'MISSED' if bad else 'kept'}")
        self._results.end(bad)

    def _take(self, name: str, way: Way) -> None:
        made = sum(one["way"] == name for one in self._done)
        wanted = self._arguments.kills or way.kills
        if made >= wanted or self._results.is_late():
            return
        project = way.prepare()
        try:
            for number in range(made, wanted):
                if self._results.is_late():
                    return
                random.seed(f"{name} {number}")
                self._results.add({"way": name, **_kill(project, way, number)})
        finally:
            project.remove()

    def _print(self, name: str, way: Way) -> None:
        those = [one for one in self._done if one["way"] == name]
        seen = Counter[str]()
        for one in those:
            seen.update(one["seen"])
        after = sum(one["status"] >= 0 for one in those)
        print(f"{name}: {len(those)} of {self._arguments.kills or way.kills} kills", end="")
        print(f" ({after} after the end)", *(f"{what} {n}" for what, n in seen.items()), sep=", ")
        for wrong, number in Counter(text for one in those for text in one["wrong"]).items():
            print(f"    WRONG {number} times: {wrong}")


def _kill(project: Project, way: Way, number: int) -> dict[str, Any]:
    """One kill, what is wrong after it, and after the next run."""
    arguments = way.restore(project, number)
    whole = _whole(project, tuple(arguments), way, number)
    by_operation, group = bool(number % 2), bool(number // 2 % 2)
    at = random.randint(1, whole.operations) if by_operation else 0
    after_s = random.uniform(0, whole.seconds)
    faults = project.operations.fault(at, group=group)
    run = project.start(*arguments, faults=faults)
    if by_operation:
        status = run.wait()
    else:
        time.sleep(after_s)
        status = run.kill(group=group)
    operations = project.operations.names()
    where = " ".join(map(str, operations[-1])) if by_operation and operations else ""
    where = where.replace(str(project.top), "")
    orphans = run.orphans()
    wrong = [f"{len(orphans)} processes are left of the killed run"] if orphans else []
    found, seen = way.check(project)
    left = {"leftovers": len(project.files() - whole.files), **seen}
    project.age()
    try:
        status_of_next = project.run(*arguments)
    except TimeoutError:
        status_of_next = -1
    wrong += [*found, *way.check_next(project, status_of_next)]
    if stays := sorted(project.files() - whole.files):
        wrong.append(f"left after the next run: {' '.join(stays)[:300]}")
    return {
        **({"operation": at, "where": where} if by_operation else {"after_s": round(after_s, 3)}),
        "group": group, "status": status, "seen": left, "wrong": wrong,
    }  # fmt: skip


@dataclass
class _Whole:
    """A run that nobody kills: its length, its operations, and the files that are there then."""

    seconds: float
    operations: int
    files: set[str]


_WHOLE: dict[tuple[str, ...], _Whole] = {}


def _whole(project: Project, arguments: tuple[str, ...], way: Way, number: int) -> _Whole:
    key = (str(project.place), *arguments)
    if key not in _WHOLE:
        took = []
        for _ in range(3):
            way.restore(project, number)
            began = time.monotonic()
            status = project.run(*arguments, faults=project.operations.fault())
            took.append(time.monotonic() - began)
            if wrong := way.check_next(project, status):
                raise RuntimeError(f"{wrong}\n{project.output.read_text()}")
        _WHOLE[key] = _Whole(sorted(took)[1], project.operations.count(), project.files())
        way.restore(project, number)
    return _WHOLE[key]
