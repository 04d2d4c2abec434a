"""What a fresh process costs: a further session of an engine, equal tests, and pairs.

    python -m benchmarks.sessions.process_cost [--part session|tests|fixed|dynamic] [--pairs 10]
        [--minutes 8] [--json FILE]

Needs a GPU, TensorRT for RTX, torch and torchvision. Engines and kernels are made before anything
is timed. Each part that is complete in the file is left out, and pairs go on where they ended; at
most so many minutes are begun. Exits 1 when a target is missed:

- session: a further session of resnet50 (fp32, 100 MB) takes at most 0.3 s beyond its own
  deserialising, context and first query, from the median of 10 that follow each other with a second
  of work each. Prints each step, with the spare process and without,
- tests: a run of 8 equal tests takes at most 0.4 s a test outside start, end, warm-ups and rounds,
- fixed: a pair of equal mobilenet_v2 (a profile of batch 8 alone) takes at most 12 s for its four
  starts a side,
- dynamic: a pair of equal efficientnet_b0 (dynamic profile, batch 8) takes at most 30 s with its
  verdict, and no pair's ratio is beyond 0.5 %.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from benchmarks import harness
from benchmarks.runs.equal_tests import TESTS, Project
from benchmarks.sessions.kernel_state import PIXELS, export
from pytest_trtperf.backend.process.engine import IsolatedEngine
from pytest_trtperf.backend.process.spare import SPARE
from pytest_trtperf.backend.session import Mode
from pytest_trtperf.backend.tensorrt.isolated import isolated_engine
from pytest_trtperf.backend.trace import Extent

BATCH = 8
SHAPES = {"input": (BATCH, *PIXELS)}
SESSIONS, WORK_MS = 10, 1000.0
MAX_BEYOND_S, MAX_TEST_S, MAX_PAIR_S, MAX_DYNAMIC_S, MAX_APART = 0.3, 0.4, 12.0, 30.0, 0.005
CHAIN = "chain_60_56_64_8"
OWN = ("deserialise", "context", "first_query")

PAIR_TEST = """
import json
import statistics
import time
import warnings

def test_pair(trt_engine, trt_compare):
    engine = trt_engine("model.onnx", {profiles})
    begun = time.monotonic()
    pair = trt_compare(engine, engine, shapes={shapes}, cuda_graph=True)
    row = dict(first_look=time.monotonic() - begun, first=vars(pair.ratio()))
    warnings.simplefilter("ignore")
    try:
        pair.assert_not_slower(tolerance=0.005)
    except AssertionError as error:
        row["failed"] = str(error)
    sides = dict(new=pair.new, reference=pair.reference)
    row.update(
        seconds=time.monotonic() - begun, blocks=pair.blocks, ratio=vars(pair.ratio()),
        **{{
            name: [float(statistics.median(r.trace.samples("gpu_compute"))) for r in side.rounds]
            for name, side in sides.items()
        }},
    )
    with open("pairs.jsonl", "a") as file:
        print(json.dumps(row), file=file)
"""


def take_sessions(engine: IsolatedEngine) -> list[dict[str, float]]:
    """The steps of sessions that follow each other, in seconds; the first had another's process."""
    session = engine.create_session(SHAPES, Mode(cuda_graph=True))
    found = []
    for _ in range(SESSIONS + 1):
        session.run_closed(Extent(WORK_MS, 1, 10**5))
        begun = time.monotonic()
        session.close()
        closed = time.monotonic()
        session = session.restart()
        row = dataclasses.asdict(session.steps)
        total = time.monotonic() - closed
        beyond = total - sum(row[step] for step in OWN)
        found.append({"close": closed - begun, **row, "total": total, "beyond": beyond})
    session.close()
    return found[1:]


def measure_session(directory: Path) -> dict[str, Any]:
    """A further session of a cached engine, with the spare process and without."""
    plan = export("resnet50", directory / "resnet50.onnx").build()
    kernels = harness.compile_kernels(plan, SHAPES, Mode(cuda_graph=True))
    rows: dict[str, list[dict[str, float]]] = {}
    start = SPARE.start
    for way in ("with the spare process", "without"):
        if way == "without":
            SPARE.start = lambda loader: None  # type: ignore[method-assign]
        with closing(isolated_engine(harness.BACKEND, plan, kernels)) as engine:
            rows[way] = take_sessions(engine)
    SPARE.start = start  # type: ignore[method-assign]
    print(f"a further session of resnet50, a plan of {len(plan) / 1e6:.0f} MB; median seconds")
    columns = list(rows["without"][0])
    print(f"| | {' | '.join(columns)} |\n|---{'|---' * len(columns)}|")
    for way, found in rows.items():
        middle = [statistics.median(row[column] for row in found) for column in columns]
        print(f"| {way} | {' | '.join(f'{value:.3f}' for value in middle)} |")
    beyond = statistics.median(row["beyond"] for row in rows["with the spare process"])
    kept = beyond <= MAX_BEYOND_S
    print(f"beyond its own: {beyond:.3f} s, at most {MAX_BEYOND_S:g}: {_word(kept)}\n")
    return {"mb": len(plan) / 1e6, "steps": rows, "beyond_s": beyond, "kept": kept}


def measure_tests(directory: Path) -> dict[str, Any]:
    """Runs of equal tests on one GPU, after one that fills the cache."""
    project = Project(
        directory, CHAIN, (f"--trtperf-backend={harness.BACKEND}", "--trtperf-cuda-graph")
    )
    gpu = harness.find_gpu()
    project.run([gpu])
    taken = [project.run([gpu])[0].seconds(1) for _ in range(3)]
    middle = {name: statistics.median(one[name] for one in taken) for name in taken[0]}
    print(f"{TESTS} equal tests, median seconds of 3 runs")
    print(", ".join(f"{name} {value:.2f}" for name, value in middle.items()))
    each = middle["between"] / TESTS
    kept = each <= MAX_TEST_S
    print(f"a test between: {each:.3f} s, at most {MAX_TEST_S:g}: {_word(kept)}\n")
    return {"seconds": taken, "test_s": each, "kept": kept}


def take_pairs(directory: Path, part: str, pairs: int, until: float) -> Iterator[dict[str, Any]]:
    """Pairs of a network with itself, each in a run of its own, until a time."""
    network = PAIRS[part][0]
    (directory / "pytest.ini").write_text("[pytest]\n")
    model = export(network, directory / "model.onnx")
    profiles = SHAPES if part == "fixed" else dict(model.profiles)
    words = {"profiles": repr(profiles), "shapes": repr(SHAPES)}
    (directory / "test_pair.py").write_text(PAIR_TEST.format(**words))
    slowest, log = 0.0, directory / "pairs.jsonl"
    # The first run builds, compiles and is not counted.
    for number in range(pairs + 1):
        begun = time.monotonic()
        if begun + slowest > until:
            return
        run_pytest(directory)
        slowest = time.monotonic() - begun
        if number:
            yield json.loads(log.read_text().splitlines()[-1])


def run_pytest(directory: Path) -> None:
    """Runs the tests of a directory, whose cache is in it.

    Raises:
        RuntimeError: a test failed.
    """
    command = [
        sys.executable, "-m", "pytest", "-p", "pytest_trtperf.plugin", "-p", "no:cacheprovider",
        "--trtperf", f"--trtperf-backend={harness.BACKEND}",
    ]  # fmt: skip
    environment = {
        **os.environ,
        "TRTPERF_CACHE_DIR": str(directory / "cache"),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path)),
    }
    done = subprocess.run(
        command, cwd=directory, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError((done.stdout + done.stderr)[-3000:])


def report_pairs(rows: list[dict[str, Any]], network: str, column: str, limit: float) -> bool:
    """Prints the pairs; whether all targets were kept."""
    print(f"{network} beside itself\n| pair | first look s | all s | blocks | first | all |")
    print("|---|---|---|---|---|---|")
    for number, row in enumerate(rows, 1):
        shown = [
            f"{ratio['value'] - 1:+.2%} [{ratio['lower'] - 1:+.2%}, {ratio['upper'] - 1:+.2%}]"
            for ratio in (row["first"], row["ratio"])
        ]
        print(
            f"| {number} | {row['first_look']:.1f} | {row['seconds']:.1f} | {row['blocks']} | "
            f"{' | '.join(shown)} |"
        )
    longest = max(row[column] for row in rows)
    apart = max(abs(row["ratio"]["value"] - 1) for row in rows)
    kept = longest <= limit and apart <= MAX_APART and not any("failed" in row for row in rows)
    print(
        f"longest {longest:.1f} s, at most {limit:g}; farthest {apart:.2%}, at most "
        f"{MAX_APART:.1%}: {_word(kept)}\n"
    )
    return kept


def _word(kept: bool) -> str:
    return "kept" if kept else "MISSED"


PAIRS = {
    "fixed": ("mobilenet_v2", "first_look", MAX_PAIR_S),
    "dynamic": ("efficientnet_b0", "seconds", MAX_DYNAMIC_S),
}
PARTS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "session": measure_session,
    "tests": measure_tests,
}


def main() -> int:
    """Take what is not there yet, print and judge."""
    parser = argparse.ArgumentParser(description="What a fresh process costs.")
    parser.add_argument("--part", choices=[*PARTS, *PAIRS], help="one part alone")
    parser.add_argument("--pairs", type=int, default=10, help="of each network (default: 10)")
    parser.add_argument("--minutes", type=float, default=8.0, help="to begin work in (default: 8)")
    parser.add_argument("--json", type=Path, help="append all figures to this file")
    options = parser.parse_args()
    begun = time.monotonic()
    gpu = harness.find_gpu()
    print(f"{gpu.name}\n")
    kept = True
    file = options.json
    rows = list(map(json.loads, file.read_text().splitlines())) if file and file.exists() else []

    def keep(part: str, figures: dict[str, Any]) -> None:
        rows.append({"part": part, "gpu": gpu.name, **figures})
        if file:
            with file.open("a", encoding="utf-8") as appended:
                appended.write(json.dumps(rows[-1]) + "\n")

    wanted = [options.part] if options.part else [*PARTS, *PAIRS]
    for part in wanted:
        there = [row for row in rows if row["part"] == part]
        until = begun + 60 * options.minutes
        if part in PARTS and not there and time.monotonic() < until:
            with tempfile.TemporaryDirectory() as directory:
                figures = PARTS[part](Path(directory))
            keep(part, figures)
            kept = kept and figures["kept"]
        elif part in PAIRS:
            network, column, limit = PAIRS[part]
            missing = options.pairs - len(there)
            if missing > 0:
                with tempfile.TemporaryDirectory() as directory:
                    for row in take_pairs(Path(directory), part, missing, until):
                        keep(part, row)
            found = [row for row in rows if row["part"] == part]
            kept = (not found or report_pairs(found, network, column, limit)) and kept
    print(f"{(time.monotonic() - begun) / 60:.1f} minutes")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
