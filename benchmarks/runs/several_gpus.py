"""Two GPUs of one host in place of one, and two processes that share one.

    python -m benchmarks.runs.several_gpus [--repeats 3] [--only speed|overlap] [--cpu]
        [--json FILE]

Runs pytest on 8 equal tests of a chain of convolutions, measured with a CUDA graph, held to a
budget and compared with baselines that single GPUs recorded; all engines are in the cache.

Speed takes, in turns, one GPU without workers, one with pytest-xdist's `-n auto`, and two with
`-n auto`. Runs on one GPU use either in turn, so that what GPUs differ by is part of the noise.
Overlap starts two processes on one GPU at the same time. Records show when a round started and
ended on CLOCK_MONOTONIC, which all processes of a host share. Exits 1 when a target is missed, 2
without the GPUs:

- two GPUs take at most 0.55 of the time of one without workers,
- each verdict is the same, and each change against the baseline, averaged over the runs, the same
  within the noise of runs on one GPU (1 % over all rows; 0.5 % is let pass),
- no timed round of one process overlaps one of the other, while they take turns.

`--cpu` takes ONNX Runtime and the overlap alone; `--only overlap` needs one GPU.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

from scipy import special

from benchmarks.harness import BACKEND
from benchmarks.models import write_model
from pytest_trtperf.backend.onnxruntime.backend import NAME as ONNXRUNTIME
from pytest_trtperf.backend.probe import Gpu
from pytest_trtperf.backend.registry import builtin_backends, usable_backend
from pytest_trtperf.errors import BackendUnavailable
from pytest_trtperf.record.json_file import read_runs
from pytest_trtperf.record.model import MeasurementRecord, RoundRecord, VerdictRecord

MAX_SHARE = 0.55
ALPHA = 0.01
NEGLIGIBLE = 0.005  # a tenth of the default tolerance

TESTS, BUDGET_MS = 8, 100
CHAIN, CPU_CHAIN = "chain_60_56_64_8", "chain_8_28"
EQUAL = f"""
import pytest

@pytest.mark.parametrize("number", range({TESTS}))
def test_chain(trt_engine, trt_measure, number):
    trt_measure(trt_engine("model.onnx")).assert_p99(ms={BUDGET_MS})
"""

WITHOUT, ONE, TWO = "one GPU", "one GPU, -n auto", "two GPUs, -n auto"


@dataclass(frozen=True)
class Run:
    """A run of pytest that has ended; times are seconds of CLOCK_MONOTONIC."""

    begun: float
    ended: float
    measurements: list[MeasurementRecord]

    @property
    def rounds(self) -> list[RoundRecord]:
        """All that were timed, those that were measured again included."""
        return [*chain.from_iterable((*one.rounds, *one.set_aside) for one in self.measurements)]

    def seconds(self, gpus: int) -> dict[str, float]:
        """Where the time went; what was done on several GPUs counts by its mean.

        `start` is until the first warm-up, `end` from the last round on, `between` what else lies
        between rounds: processes of sessions, judging, and a GPU that has nothing left to do.
        """
        rounds, first = self.rounds, min(self.measurements, key=lambda one: one.rounds[0].started)
        last = max(one.ended for one in rounds)
        known = {
            "start": min(one.started for one in rounds) - first.warm_up["seconds"] - self.begun,
            "warm-ups": sum(one.warm_up["seconds"] for one in self.measurements) / gpus,
            "rounds": sum(one.ended - one.started for one in rounds) / gpus,
            "end": self.ended - last,
        }
        total = self.ended - self.begun
        return {"total": total, **known, "between": total - sum(known.values())}


class Project:
    """A directory with the model and the tests.

    Args:
        options: of each run.
    """

    def __init__(self, directory: Path, model: str, options: Sequence[str]) -> None:
        self._directory, self._options, self._started = directory, options, 0
        write_model(model, directory).rename(directory / "model.onnx")
        (directory / "test_equal.py").write_text(EQUAL)
        (directory / "pytest.ini").write_text("[pytest]\n")

    def run(self, gpus: Sequence[Gpu], *options: str, at_once: int = 1) -> list[Run]:
        """Runs pytest on these GPUs, so many processes at the same time.

        Raises:
            RuntimeError: it did not get to its end, or a test measured nothing.
        """
        started = [self._start(gpus, options) for _ in range(at_once)]
        ended = [(process.wait(), time.monotonic()) for _, process, _ in started]
        runs = []
        for (begun, _, files), (status, end) in zip(started, ended, strict=True):
            # 1 is a test that failed, which the verdicts show.
            if status not in (0, 1):
                raise RuntimeError(f"pytest ended with {status}:\n{files['log'].read_text()}")
            (record,) = read_runs(files["json"])
            if len(record.measurements) < TESTS:
                raise RuntimeError(f"a test measured nothing:\n{files['log'].read_text()}")
            runs.append(Run(begun, end, record.measurements))
        return runs

    def _start(
        self, gpus: Sequence[Gpu], options: Sequence[str]
    ) -> tuple[float, subprocess.Popen[bytes], dict[str, Path]]:
        self._started += 1
        files = {kind: self._directory / f"{self._started}.{kind}" for kind in ("json", "log")}
        command = [
            sys.executable, "-m", "pytest", "-p", "pytest_trtperf.plugin", "-p", "xdist.plugin",
            "-p", "no:cacheprovider", "--trtperf", f"--trtperf-json={files['json']}",
            *self._options, *options,
        ]  # fmt: skip
        with files["log"].open("wb") as log:
            begun = time.monotonic()
            process = subprocess.Popen(
                command,
                cwd=self._directory,
                env=self._environment(gpus),
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        return begun, process, files

    def _environment(self, gpus: Sequence[Gpu]) -> dict[str, str]:
        """The caller's, less what would change the runs; the caller's locks are kept."""
        left_out = ("TRTPERF_", "PYTEST_", "PYTHONDONTWRITEBYTECODE")
        kept = {
            name: value
            for name, value in os.environ.items()
            if name == "TRTPERF_LOCK_DIR" or not name.startswith(left_out)
        }
        kept["TRTPERF_CACHE_DIR"] = str(self._directory / "cache")
        # Other plugins only add time, and this one is named, installed or not.
        kept["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        if path := os.environ.get("PYTHONPATH"):
            kept["PYTHONPATH"] = os.pathsep.join(map(os.path.abspath, path.split(os.pathsep)))
        if gpus:
            kept["CUDA_VISIBLE_DEVICES"] = ",".join(gpu.uuid for gpu in gpus)
        return kept


def take_turns(project: Project, gpus: Sequence[Gpu], repeats: int) -> dict[str, list[Run]]:
    """Records baselines on either GPU, and runs each way in turns."""
    for gpu in gpus:
        project.run([gpu], "--trtperf-update")
    runs: dict[str, list[Run]] = {WITHOUT: [], ONE: [], TWO: []}
    for repeat in range(repeats):
        here, there = gpus[repeat % 2], gpus[(repeat + 1) % 2]
        runs[WITHOUT] += project.run([here])
        runs[ONE] += project.run([there], "-nauto")
        runs[TWO] += project.run([here, there], "-nauto")
    return runs


def judge_speed(runs: dict[str, list[Run]]) -> dict[str, Any]:
    """Prints where the time went, and the shares of one GPU's time that two take."""
    seconds = {way: [run.seconds(2 if way == TWO else 1) for run in runs[way]] for way in runs}
    columns = list(seconds[TWO][0])
    print(f"seconds, medians of {len(runs[TWO])} runs of {TESTS} tests\n")
    print(f"| | {' | '.join(columns)} |\n|---|{'---|' * len(columns)}")
    medians = {}
    for way, taken in seconds.items():
        middle = [statistics.median(one[column] for one in taken) for column in columns]
        medians[way] = middle[0]
        print(f"| {way} | {' | '.join(f'{value:.2f}' for value in middle)} |")
    share, share_with_worker = (medians[TWO] / medians[way] for way in (WITHOUT, ONE))
    kept = share <= MAX_SHARE
    print(
        f"\ntwo GPUs take {share:.3f} of the time of one (of one with a worker "
        f"{share_with_worker:.3f})\n"
        f"target: at most {MAX_SHARE:g}: {'kept' if kept else 'missed'}\n"
    )
    return {"seconds": seconds, "share": share, "kept": kept}


@dataclass(frozen=True)
class Row:
    """A number that is judged, with one GPU and with two.

    Attributes:
        one_status, two_status: of all runs; `none` where a run did not judge it.
        one, two: mean changes against the baseline, as shares; None for a budget.
        noise: by how much the two may differ.
    """

    key: str
    metric: str
    one_status: str
    two_status: str
    one: float | None
    two: float | None
    noise: float

    @property
    def kept(self) -> bool:
        """Whether one GPU and two say the same."""
        if self.one is None or self.two is None:
            return self.one_status == self.two_status
        return self.one_status == self.two_status and abs(self.two - self.one) <= self.noise


def compare_verdicts(one: Sequence[Run], two: Sequence[Run]) -> list[Row]:
    """Each number that is judged in any run."""
    sides = [_verdicts(runs) for runs in (one, two)]
    names = sorted({*sides[0], *sides[1]})
    noise = {metric: _noise(one, len(two), metric, len(names)) for _, metric in names}
    return [
        Row(
            key,
            metric,
            _statuses(sides[0][key, metric], len(one)),
            _statuses(sides[1][key, metric], len(two)),
            _mean_change(sides[0][key, metric]),
            _mean_change(sides[1][key, metric]),
            noise[metric],
        )
        for key, metric in names
    ]


def _verdicts(runs: Sequence[Run]) -> dict[tuple[str, str], list[VerdictRecord]]:
    """By test and metric."""
    found = defaultdict(list)
    for run in runs:
        for one in run.measurements:
            for verdict in one.verdicts:
                found[one.key, verdict.metric].append(verdict)
    return found


def _statuses(verdicts: Sequence[VerdictRecord], runs: int) -> str:
    names = {verdict.status for verdict in verdicts}
    return "/".join(sorted(names | ({"none"} if len(verdicts) < runs else set())))


def _changes(verdicts: Sequence[VerdictRecord]) -> list[float]:
    return [verdict.change for verdict in verdicts if verdict.change is not None]


def _mean_change(verdicts: Sequence[VerdictRecord]) -> float | None:
    changes = _changes(verdicts)
    return statistics.fmean(changes) if changes else None


def _noise(one: Sequence[Run], others: int, metric: str, rows: int) -> float:
    """By how much means may differ by chance, from how runs on one GPU scatter in each test."""
    sets = [_changes(same) for (_, name), same in _verdicts(one).items() if name == metric]
    freedom = sum(len(changes) - 1 for changes in sets if changes)
    if freedom < 1:
        return NEGLIGIBLE
    squares = sum(statistics.pvariance(changes) * len(changes) for changes in sets if changes)
    variance = squares / freedom * (1 / len(one) + 1 / others)
    t = float(special.stdtrit(freedom, 1 - ALPHA / (2 * rows)))
    return max(NEGLIGIBLE, t * math.sqrt(variance))


def judge_verdicts(runs: dict[str, list[Run]]) -> dict[str, Any]:
    """Prints the verdicts of both ways, and whether they are the same."""
    rows = compare_verdicts([*runs[WITHOUT], *runs[ONE]], runs[TWO])
    print("| test | metric | one GPU | change | two GPUs | change | noise | |")
    print("|---|---|---|---|---|---|---|---|")
    for row in rows:
        print(
            f"| {row.key.rpartition('::')[2]} | {row.metric} | {row.one_status} | "
            f"{_percent(row.one)} | {row.two_status} | {_percent(row.two)} | "
            f"{_percent(row.noise)[1:] if row.one is not None else ''} | "
            f"{'kept' if row.kept else 'MISSED'} |"
        )
    kept = all(row.kept for row in rows)
    print(f"\ntarget: the same verdicts, changes within noise: {'kept' if kept else 'missed'}\n")
    return {"rows": [asdict(row) for row in rows], "kept": kept}


def _percent(change: float | None) -> str:
    return "" if change is None else f"{change:+.2%}"


def judge_overlap(first: Run, second: Run) -> dict[str, Any]:
    """Prints how the rounds of two processes lie in time."""
    spans = [[(round.started, round.ended) for round in run.rounds] for run in (first, second)]
    overlaps = sum(a[0] < b[1] and b[0] < a[1] for a in spans[0] for b in spans[1])
    in_order = sorted((*span, owner) for owner, taken in enumerate(spans) for span in taken)
    turns = [(a, b) for a, b in pairwise(in_order) if a[2] != b[2]]
    gap_ms = min(1e3 * (b[0] - a[1]) for a, b in turns)
    # With a single turn one would have come after the other, which shows nothing.
    kept = not overlaps and len(turns) > 1
    print(
        "| rounds of the one | of the other | turns | smallest gap at a turn ms | overlaps |\n"
        "|---|---|---|---|---|\n"
        f"| {len(spans[0])} | {len(spans[1])} | {len(turns)} | {gap_ms:.1f} | {overlaps} |\n\n"
        f"target: no overlap, more than one turn: {'kept' if kept else 'missed'}\n"
    )
    return {
        "spans": spans,
        "turns": len(turns),
        "gap_ms": gap_ms,
        "overlaps": overlaps,
        "kept": kept,
    }


def find_gpus() -> tuple[Gpu, ...]:
    """Two GPUs, or what there is."""
    try:
        return usable_backend([BACKEND], builtin_backends()).probe.gpus[:2]
    except BackendUnavailable as error:
        print(error, file=sys.stderr)
        return ()


def main() -> int:
    """Run, print and judge."""
    parser = argparse.ArgumentParser(description="Two GPUs of one host, and two processes on one.")
    parser.add_argument("--repeats", type=int, default=3, help="of each way (default: 3)")
    parser.add_argument("--only", choices=["speed", "overlap"], help="one part alone")
    parser.add_argument("--model", default=CHAIN, help=f"of models.py (default: {CHAIN})")
    parser.add_argument("--cpu", action="store_true", help="ONNX Runtime; the overlap alone")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    options = parser.parse_args()
    if options.cpu and options.only == "speed":
        parser.error("--cpu has one device: it takes the overlap alone")
    only = "overlap" if options.cpu else options.only
    gpus = () if options.cpu else find_gpus()
    needed = 0 if options.cpu else 1 if only == "overlap" else 2
    if len(gpus) < needed:
        print(f"{needed} GPUs are needed, and {len(gpus)} can be used", file=sys.stderr)
        return 2
    backend = f"--trtperf-backend={ONNXRUNTIME if options.cpu else BACKEND}"
    model, graph = (CPU_CHAIN, ()) if options.cpu else (options.model, ("--trtperf-cuda-graph",))
    print(f"{' and '.join(gpu.name for gpu in gpus) or 'CPU'}\n")
    figures = {}
    with tempfile.TemporaryDirectory() as directory:
        project = Project(Path(directory), model, (backend, *graph))
        if only != "overlap":
            runs = take_turns(project, gpus, options.repeats)
            figures["speed"] = judge_speed(runs)
            figures["verdicts"] = judge_verdicts(runs)
        if only != "speed":
            figures["overlap"] = judge_overlap(*project.run(gpus[:1], at_once=2))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")
    kept = all(figure["kept"] for figure in figures.values())
    print("all targets kept" if kept else "TARGETS MISSED")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
