"""Take races of engines with those of their baselines, in whole runs of pytest.

    python -m benchmarks.verdicts.race_runs FILE.jsonl [--minutes 8] [--cpu] [--busy N] [--kind K]

Cases are appended to FILE until the time is up, a line of JSON each, so that they may be gathered
over days; then all of FILE is counted. Exits 1 when a target is missed.

- `equal`: the model was written anew with a remark in it, and is as fast. On a GPU none of them
  beyond 0.5 %; on the CPU at most 1 % fail.
- `slower`: a chain with more layers, about 1.5 % slower on a GPU, where 95 % are to be beyond
  0.5 %, and 10 % on the CPU, where 90 % are to fail. On H200s one layer more of 80 was 0.4 to 1.0 %
  slower by its races, and three 3.1 to 3.4 %; cases of these are not counted.
- `twice` (CPU): twice the layers, which all are to fail.
- `moved` (GPU): as `equal`, with a baseline that is scaled by 5 %, as if another machine had
  recorded it, at a tolerance of 2 %; 95 % are to be `environment`.

Needs a GPU and TensorRT for RTX, or --cpu and ONNX Runtime. `--busy` is how many other processes
compute all the time.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from scipy import special

from benchmarks.models import write_model
from benchmarks.repository import Repository

GPU_CHAIN, CPU_CHAIN = "chain_{}_56_64_8", "chain_{}_14"
GPU_LAYERS = {"equal": 80, "slower": 82, "moved": 80}
CPU_LAYERS = {"equal": 20, "slower": 22, "twice": 40}
ONE_MORE = {**GPU_LAYERS, "slower": 81}
"""Layers of the cases on a GPU that say none."""
BEYOND, SCALE = 0.005, 1.05
RECORD_EVERY = 12

REMARK = b"\x32\x01"
"""The field `doc_string` of an ONNX model, with one character to follow."""

TEST = """
def test_chain(trt_engine, trt_measure):
    trt_measure(trt_engine("model.onnx"){options})
"""

Case = dict[str, Any]


class Chain(Repository):
    """A chain of layers, whose model is written anew."""

    def __init__(self, directory: Path, *, cpu: bool) -> None:
        options = "" if cpu else ", cuda_graph=True"
        backend = "onnxruntime" if cpu else "tensorrt-rtx"
        super().__init__(directory, backend, {"test_chain.py": TEST.format(options=options)})
        self._cpu = cpu
        self._remarks = itertools.cycle("abcdefghijklmnopqrstuvwxyz")

    def write(self, layers: int, *, remark: bool) -> None:
        """Writes the model; a remark makes it another file."""
        name = (CPU_CHAIN if self._cpu else GPU_CHAIN).format(layers)
        path = write_model(name, self.directory)
        path.replace(self.directory / "model.onnx")
        if remark:
            with open(self.directory / "model.onnx", "ab") as file:
                file.write(REMARK + next(self._remarks).encode())

    def run(self, *options: str) -> Case:
        """What a run measured.

        Raises:
            RuntimeError: it measured nothing.
        """
        _, record, printed = self.pytest(*options)
        if not record.exists():
            raise RuntimeError(printed)
        (one,) = json.loads(record.read_text(encoding="utf-8"))["measurements"]
        return dict(one)

    def scale_baseline(self, factor: float) -> None:
        """Makes the baseline one of a machine that is faster by a factor."""
        (path,) = (self.directory / "perf-baselines").glob("*/*/*.json")
        content = json.loads(path.read_text(encoding="utf-8"))
        for entry in content["entries"].values():
            for session in (one for run in entry["runs"] for one in run["sessions"]):
                for round in session["rounds"]:
                    round["throughput"] *= factor
                    round["quantiles"] = {
                        name: [value / factor for value in values]
                        for name, values in round["quantiles"].items()
                    }
        path.write_text(json.dumps(content), encoding="utf-8")


def cases(directory: Path, kinds: Sequence[str], *, cpu: bool) -> Callable[[int], Case]:
    """Takes the case of a number, the kinds by turns."""
    layers = CPU_LAYERS if cpu else GPU_LAYERS
    repositories: dict[str, Chain] = {}

    def take(number: int) -> Case:
        kind = kinds[number % len(kinds)]
        scaled = "moved" if kind == "moved" else "others"
        if scaled not in repositories or not number % RECORD_EVERY:
            place = Path(tempfile.mkdtemp(dir=directory))
            repository = repositories[scaled] = Chain(place, cpu=cpu)
            repository.write(layers["equal"], remark=False)
            repository.run("--trtperf-update")
            if kind == "moved":
                repository.scale_baseline(SCALE)
        repository = repositories[scaled]
        repository.write(layers[kind], remark=True)
        options = {
            "moved": ["--trtperf-tolerance=0.02"],
            "equal": ["--trtperf-race=always", f"--trtperf-tolerance={BEYOND}"],
        }
        given = [] if cpu else options.get(kind, options["equal"])
        begun = time.monotonic()
        found = repository.run(*given)
        (median,) = [v for v in found["verdicts"] if v["metric"].endswith(" median")]
        return {
            "kind": kind,
            "layers": layers[kind],
            "cpu": cpu,
            "device": found["device"],
            "at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "seconds": round(time.monotonic() - begun, 2),
            "failed": any(v["failed"] for v in found["verdicts"]),
            "verdict": {k: v for k, v in median.items() if k != "message"},
            "notes": [note for note in found["notes"] if note.startswith("not raced")],
        }

    return take


@contextlib.contextmanager
def busy(count: int) -> Iterator[None]:
    """So many processes that compute until the end, a tenth of a second at a time."""
    compute = "import time\nwhile True:\n    sum(range(5_000_000))\n    time.sleep(0.02)"
    others = [subprocess.Popen([sys.executable, "-c", compute]) for _ in range(count)]
    try:
        yield
    finally:
        for one in others:
            one.kill()
            one.wait()


def _is_counted(case: Case) -> bool:
    """Whether its chain is one of those that are taken today."""
    kind, taken = case["kind"], CPU_LAYERS if case["cpu"] else GPU_LAYERS
    return bool(case.get("layers", ONE_MORE.get(kind)) == taken[kind])


def _is_beyond(case: Case) -> bool:
    race = case["verdict"]["race"]
    return bool(race) and race["lower"] > BEYOND


WANTED: Mapping[tuple[bool, str], tuple[Callable[[Case], bool], float, bool]] = {
    (False, "equal"): (_is_beyond, 0.0, False),
    (False, "slower"): (_is_beyond, 0.95, True),
    (False, "moved"): (lambda case: case["verdict"]["reason"] == "environment", 0.95, True),
    (True, "equal"): (lambda case: bool(case["failed"]), 0.01, False),
    (True, "slower"): (lambda case: bool(case["failed"]), 0.90, True),
    (True, "twice"): (lambda case: bool(case["failed"]), 1.0, True),
}
"""What is counted of a kind, its target as a share, and whether that is the least one."""


def count(found: Sequence[Case]) -> bool:
    """Prints how many cases came out as wanted; whether all targets are kept."""
    counted = [case for case in found if _is_counted(case)]
    if others := len(found) - len(counted):
        print(f"{others} cases of other chains are not counted")
    kept = True
    for (cpu, kind), (counts, target, is_least) in WANTED.items():
        those = [case for case in counted if (case["cpu"], case["kind"]) == (cpu, kind)]
        if not those:
            continue
        hits, total = sum(map(counts, those)), len(those)
        lower = special.betaincinv(hits, total - hits + 1, 0.025) if hits else 0.0
        upper = special.betaincinv(hits + 1, total - hits, 0.975) if hits < total else 1.0
        is_kept = hits / total >= target if is_least else hits / total <= target
        kept &= is_kept
        seconds = sorted(case["seconds"] for case in those)
        print(
            f"{'CPU' if cpu else 'GPU'} {kind}: {hits} of {total} [{lower:.1%}, {upper:.1%}], "
            f"{'least' if is_least else 'most'} {target:.0%}: {'kept' if is_kept else 'MISSED'}; "
            f"{seconds[total // 2]:.0f} s at the median, {seconds[-1]:.0f} s at most"
        )
    return kept


def main() -> int:
    """Takes cases until the time is up, and counts all there are."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--cpu", action="store_true")
    parser.add_argument("--busy", type=int, default=0, help="other processes (default: none)")
    parser.add_argument("--kind", action="append", help="one kind of case only; may be repeated")
    given = parser.parse_args()
    # Ends the busy processes, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    begun = time.monotonic()
    kinds = given.kind or list(CPU_LAYERS if given.cpu else GPU_LAYERS)
    longest = 0.0
    with tempfile.TemporaryDirectory() as directory, busy(given.busy):
        take = cases(Path(directory), kinds, cpu=given.cpu)
        for number in itertools.count():
            started = time.monotonic()
            if started - begun + longest > 60 * given.minutes:
                break
            case = {**take(number), "busy": given.busy}
            with open(given.file, "a", encoding="utf-8") as file:
                file.write(json.dumps(case) + "\n")
            longest = max(longest, time.monotonic() - started)
            print(f"{case['kind']}: {case['verdict']['reason']}, {case['seconds']} s", flush=True)
    print(f"{(time.monotonic() - begun) / 60:.1f} minutes")
    lines = given.file.read_text(encoding="utf-8").splitlines() if given.file.exists() else []
    return 0 if count([json.loads(line) for line in lines]) else 1


if __name__ == "__main__":
    sys.exit(main())
