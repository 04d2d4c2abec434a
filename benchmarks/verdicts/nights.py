"""Simulate nights of a repository: red by chance, slowdowns found, intervals that hold the truth.

    python -m benchmarks.verdicts.nights FILE [--nights 1000] [--minutes 8] [--jobs 2] [--cells 1,4]

Appends what FILE lacks to it, and prints all of it. Needs no GPU.

A figure is engine + day + session + round, in logarithms: a day is common to all tests of a run, a
session to the rounds of a process. A repository has `TESTS` tests of `GATES` numbers and a baseline
of S runs with three sessions each; its nights are judged by the package's own rule, through the
functions that ship, in the order of a run: one session of each test, then fresh sessions of what is
suspicious. Unchanged engines are controls, unless the cell says that all engines are new. Each
repository sees `NIGHTS_OF_ONE` nights. In half of them `SLOWER` of its tests got slower, by the
tolerance and what the cell names.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from pytest_trtperf.analysis.change import CONFIRMING, Baseline, Change, Level
from pytest_trtperf.analysis.moderation import Variance
from pytest_trtperf.analysis.regression import judge_change
from pytest_trtperf.analysis.shift import Controls, Shift
from pytest_trtperf.analysis.spread import ROUNDS, SessionFigure, Spread, StoredRun
from pytest_trtperf.analysis.verdict import Status

TESTS, GATES, SESSIONS = 200, 3, 3
SLOWER = 10
ROUND_NOISE = 0.0005
NIGHTS_OF_ONE = 4
NIGHTS_OF_A_PART = 20
Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Cell:
    """A kind of repository; `day` and `session` are standard deviations of logarithms."""

    day: float
    session: float
    tails: str
    runs: int
    tolerance: float
    slower_by: float = 0.0
    odd_run: float = 0.0
    shift: float = 0.0
    tests: int = TESTS
    controls: bool = True


def cells() -> Iterator[Cell]:
    """All of them: noise, tails of sessions, runs, tolerance."""
    noises = ((0.0, 0.003), (0.0, 0.01), (0.005, 0.003), (0.01, 0.003))
    for (day, session), tails, runs, tolerance in itertools.product(
        noises, ("normal", "t3"), (1, 3, 5, 8), (0.01, 0.02, 0.05)
    ):
        yield Cell(day, session, tails, runs, tolerance, 0.015 if session < 0.01 else 0.048)
    yield Cell(0.0, 0.01, "normal", 2, 0.02, 0.058)
    for (day, session), runs, tests in itertools.product(noises, (3, 5, 8), (TESTS, 1)):
        yield Cell(day, session, "normal", runs, 0.02, 0.08, odd_run=0.1, tests=tests)
    yield Cell(0.0, 0.003, "normal", 3, 0.02, 0.015, shift=0.05)
    yield Cell(0.0, 0.003, "normal", 1, 0.02, 0.015, shift=0.05)
    for (day, session), runs in itertools.product(noises, (1, 3, 5, 8)):
        yield Cell(day, session, "normal", runs, 0.02, 0.048, controls=False)


class Repository:
    """Baselines of all tests, and what a session of theirs measures."""

    def __init__(self, cell: Cell, random: np.random.Generator) -> None:
        self.cell, self.random = cell, random
        days = random.normal(0, cell.day, cell.runs)
        drawn = self._sessions((cell.tests, GATES, cell.runs, SESSIONS))
        drawn += days[:, None]
        if cell.odd_run:
            odd = random.random(cell.tests) < (1 if cell.tests == 1 else 0.05)
            which = random.integers(cell.runs, size=cell.tests)
            drawn[np.flatnonzero(odd), :, which[odd]] += np.log1p(cell.odd_run)
            self.odd = odd
        labels = [f"run {index}" for index in range(cell.runs)]
        self.stored = [
            [
                [
                    StoredRun(label, tuple(self.figure(one) for one in sessions))
                    for label, sessions in zip(labels, drawn[test, gate], strict=True)
                ]
                for test in range(cell.tests)
            ]
            for gate in range(GATES)
        ]
        self.spreads = [Spread.of(entries) for entries in self.stored]

    def _sessions(self, shape: tuple[int, ...]) -> Array:
        """Levels of sessions, and the noise of their rounds' mean."""
        if self.cell.tails == "t3":
            level = self.random.standard_t(3, shape) / 3**0.5
        else:
            level = self.random.standard_normal(shape)
        rounds = self.random.standard_normal(shape) / ROUNDS**0.5
        return np.asarray(self.cell.session * level + ROUND_NOISE * rounds)

    def figure(self, mean: float) -> SessionFigure:
        """A session with this mean."""
        return SessionFigure(float(mean), Variance(ROUND_NOISE**2, ROUNDS - 1.0), ROUNDS)

    def fresh(self, level: float, shape: tuple[int, ...]) -> Array:
        """Sessions of tonight."""
        return self._sessions(shape) + level


def night(one: Repository, slower: Array, tally: Counter[str]) -> None:
    """Judges all tests as a run does; `slower` are the logarithms that their engines changed by."""
    cell = one.cell
    day = one.random.normal(0, cell.day) + np.log1p(cell.shift)
    first = one.fresh(day, (cell.tests, GATES)) + slower[:, None]
    level = Level(cell.tolerance, GATES, cell.tests)
    controls = Controls()
    changes: dict[tuple[int, int], Change] = {}

    def judged(test: int, gate: int, means: Array, shift: Shift | None) -> Change:
        baseline = Baseline(one.stored[gate][test], one.spreads[gate])
        return judge_change([one.figure(mean) for mean in means], baseline, level, shift=shift)

    held: set[int] = set()
    for test, gate in itertools.product(range(cell.tests), range(GATES)):
        shift = controls.shift(str(gate))
        change = changes[test, gate] = judged(test, gate, first[test, gate : gate + 1], shift)
        if cell.controls and not slower[test]:
            controls.add(str(gate), np.log(change.current / change.baseline))
        # What is open is held, too: by then more is known of the day.
        if change.suspicious or change.verdict.status is Status.INCONCLUSIVE:
            held.add(test)
    further = set()
    for test in held:
        for gate in range(GATES):
            shift = controls.shift(str(gate))
            changes[test, gate] = judged(test, gate, first[test, gate : gate + 1], shift)
        if any(changes[test, gate].suspicious for gate in range(GATES)):
            further.add(test)
    for test in further:
        fresh = one.fresh(day, (GATES, CONFIRMING)) + slower[test]
        for gate in range(GATES):
            changes[test, gate] = judged(test, gate, fresh[gate], controls.shift(str(gate)))
    _count(one, slower, changes, further, tally)


def _count(
    one: Repository,
    slower: Array,
    changes: dict[tuple[int, int], Change],
    further: set[int],
    tally: Counter[str],
) -> None:
    failed = {test for (test, _), change in changes.items() if change.verdict.status is Status.FAIL}
    unchanged = [test for test in range(one.cell.tests) if not slower[test]]
    tally["nights"] += 1
    tally["red by chance"] += bool(failed.intersection(unchanged))
    tally["unchanged"] += len(unchanged)
    tally["further"] += len(further.intersection(unchanged))
    found = np.flatnonzero(slower)
    if one.cell.odd_run:
        found = np.flatnonzero(slower * one.odd)
    tally["slower"] += len(found)
    tally["found"] += len(failed.intersection(found))
    for (test, _gate), change in changes.items():
        holds = change.lower <= np.exp(slower[test]) <= change.upper
        tally["intervals"] += 1
        tally["held"] += bool(holds)
        if test in further:
            tally["further intervals"] += 1
            tally["further held"] += bool(holds)
        if test in unchanged:
            tally["unchanged verdicts"] += 1
            tally["inconclusive"] += change.verdict.status is Status.INCONCLUSIVE


def simulate(number: int, part: int) -> dict[str, Any]:
    """The counts of `NIGHTS_OF_A_PART` nights of a cell."""
    cell, tally = list(cells())[number], Counter[str]()
    random = np.random.default_rng([number, part])
    for _ in range(NIGHTS_OF_A_PART // NIGHTS_OF_ONE):
        one = Repository(cell, random)
        for night_number in range(NIGHTS_OF_ONE):
            slower = np.zeros(cell.tests)
            if night_number % 2 and cell.slower_by:
                if cell.odd_run:
                    which = np.flatnonzero(one.odd)
                else:
                    which = random.choice(cell.tests, min(SLOWER, cell.tests), replace=False)
                slower[which] = np.log1p(cell.tolerance + cell.slower_by)
            night(one, slower, tally)
    return {"cell": number, "part": part, **asdict(cell), "counts": dict(tally)}


def _share(count: int, of: int) -> list[float] | None:
    if not of:
        return None
    lower = stats.beta.ppf(0.025, count, of - count + 1) if count else 0.0
    upper = stats.beta.ppf(0.975, count + 1, of - count) if count < of else 1.0
    return [round(count / of, 5), round(float(lower), 5), round(float(upper), 5)]


def read(file: Path) -> dict[int, dict[str, Any]]:
    """The rows of a results file by their cells, with the counts of all parts."""
    found: dict[int, dict[str, Any]] = {}
    for line in file.read_text(encoding="utf-8").splitlines() if file.exists() else ():
        row = json.loads(line)
        known = found.setdefault(row["cell"], {**row, "counts": Counter(), "parts": set()})
        known["counts"].update(row["counts"])
        known["parts"].add(row["part"])
    return dict(sorted(found.items()))


def table(file: Path, tolerance: float) -> Iterator[str]:
    """The cells of a results file as markdown."""
    yield (
        "| days vary by | sessions | runs | what | nights | red nights | slower by | found | hold "
        "| hold after more | more sessions | inconclusive |"
    )
    yield "|---" * 12 + "|"
    for row in read(file).values():
        if row["tolerance"] != tolerance:
            continue
        counts = row["counts"]
        what = f"{row['tests']} tests" if row["tests"] != TESTS else ""
        what += f" a run {row['odd_run']:+.0%}" if row["odd_run"] else ""
        what += f" machine {row['shift']:+.0%}" if row["shift"] else ""
        what += "" if row["controls"] else " all engines are new"
        red = _share(counts["red by chance"], counts["nights"]) or [0.0, 0.0, 1.0]
        cells = [
            f"{100 * row['day']:g} %", f"{100 * row['session']:g} %, {row['tails']}",
            f"{row['runs']}", what.strip(), f"{counts['nights']}",
            f"{red[0]:.1%} (up to {red[2]:.1%})", f"{row['tolerance'] + row['slower_by']:.1%}",
        ]  # fmt: skip
        for part, whole in (
            ("found", "slower"), ("held", "intervals"), ("further held", "further intervals"),
            ("further", "unchanged"), ("inconclusive", "unchanged verdicts"),
        ):  # fmt: skip
            share = _share(counts[part], counts[whole])
            cells.append("-" if share is None else f"{share[0]:.1%}")
        yield "| " + " | ".join(cells) + " |"


def main() -> None:
    """Simulates what the file lacks, and prints it as a table."""
    parser = argparse.ArgumentParser(description="Simulate nights of a repository.")
    parser.add_argument("file", type=Path, help="of the results, appended to")
    parser.add_argument("--nights", type=int, default=1000, help="of a cell (default: 1000)")
    parser.add_argument("--cells", help="their numbers, such as 1,4 (default: all)")
    parser.add_argument("--minutes", type=float, default=8.0, help="to take (default: 8)")
    parser.add_argument("--jobs", type=int, default=1, help="processes (default: 1)")
    parser.add_argument("--tolerance", type=float, default=0.02, help="of the table")
    options = parser.parse_args()
    until, known = time.monotonic() + 60 * options.minutes, read(options.file)
    numbers = map(int, options.cells.split(",")) if options.cells else range(len(list(cells())))
    missing = [
        (number, part)
        for part, number in itertools.product(range(options.nights // NIGHTS_OF_A_PART), numbers)
        if part not in known.get(number, {"parts": ()})["parts"]
    ]
    with (
        ProcessPoolExecutor(options.jobs) as pool,
        options.file.open("a", encoding="utf-8") as file,
    ):
        waiting, running = iter(missing), set[Future[dict[str, Any]]]()
        while True:
            while len(running) < options.jobs and time.monotonic() < until:
                if (next_one := next(waiting, None)) is None:
                    break
                running.add(pool.submit(simulate, *next_one))
            if not running:
                break
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for one in done:
                file.write(json.dumps(one.result()) + "\n")
                file.flush()
    print(*table(options.file, options.tolerance), sep="\n")


if __name__ == "__main__":
    main()
