"""Take nights of a repository of networks on a GPU: whole runs of pytest, with all of their rule.

    python -m benchmarks.verdicts.gate_nights FILE.jsonl [--directory DIR] [--minutes 9]

A repository is recorded once (`--trtperf-update`, one run of three sessions). Then each night is a
run of pytest with a tolerance of 2 % on each metric. Nights are appended to FILE until the time is
up, a line of JSON for each test, so that they may be gathered over days and machines; then all of
FILE is counted. With a directory a later call goes on with the repository of an earlier one, and
`--minutes 0` only counts. Exits 1 when a target is missed.

- `unchanged`: the ten networks of `sessions.record_then_run`, batch 1. None of them may fail.
- `4 %`: two chains of convolutions and three networks with layers inserted; 97 of 100 are to fail.
- `3 %`: the same two chains, with fewer layers more; 54 of 60 are to fail.
- `race`: how much slower these are by a race of their own on the same machine, once for each
  repository.

The nights run without races, so that the comparison with stored numbers decides: one session each,
and two fresh ones of what is suspicious. Needs a GPU, TensorRT for RTX, torch and torchvision.
"""

from __future__ import annotations

import argparse
import ast
import json
import multiprocessing
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from scipy import special

from benchmarks import harness
from benchmarks.models import write_model
from benchmarks.repository import Repository
from benchmarks.sessions.record_then_run import BATCHES, NETWORKS, WITHOUT_GRAPH, export
from pytest_trtperf.record.json_file import read_runs
from pytest_trtperf.record.model import MeasurementRecord

TOLERANCE = 0.02
UNCHANGED_BATCH, BATCH = BATCHES[:2]
QUERIES = 100
"""Least of a round of what gets slower, in place of 500, to save time: it has no P99."""

PROCESSES = 8
"""That export networks, or build engines, at the same time."""

CHAINS = {
    "chain_104": ("chain_{}_56_64_8", 100, 104, "4 %"),
    "small_chain_69": ("chain_{}_28_128_8", 66, 69, "4 %"),
    "chain_93": ("chain_{}_56_64_8", 90, 93, "3 %"),
    "small_chain_68": ("chain_{}_28_128_8", 66, 68, "3 %"),
}
"""The model's name, its layers when it is recorded and later, and how much slower that is."""

DEEPER = {"encoder": 24, "vit": 25, "resnet": 8}
"""Layers, or blocks of the third stage, of networks that get one more and are 4 % slower."""

SLOWER = {
    **{name: kind for name, (*_, kind) in CHAINS.items()},
    **{f"deeper_{name}": "4 %" for name in DEEPER},
}
"""The tests that get slower, and by how much."""

TARGETS = {"unchanged": (0.0, False), "4 %": (0.97, True), "3 %": (0.90, True)}
"""The share that fails, and whether that is the least one."""

TEST = """
import pytest

NETWORKS = {networks!r}
SLOWER = {slower!r}

@pytest.mark.parametrize("name", NETWORKS)
def test_unchanged(name, trt_engine, trt_measure):
    profile, shapes, cuda_graph = NETWORKS[name]
    engine = trt_engine(f"{{name}}.onnx", shapes=profile)
    trt_measure(engine, shapes=shapes, cuda_graph=cuda_graph)

@pytest.mark.parametrize("name", SLOWER)
def test_slower(name, trt_engine, trt_measure):
    engine = trt_engine(f"slower/{{name}}.onnx")
    trt_measure(engine, cuda_graph=True, round_queries={queries})
"""

Case = dict[str, Any]


def write_deeper(name: str, layers: int, path: Path) -> None:
    """Exports a network of so many layers, with a fixed batch."""
    import torch
    import torchvision

    from benchmarks.networks import export as networks

    torch.backends.mha.set_fastpath_enabled(False)
    torch.manual_seed(networks.SEED)
    network: Any
    if name == "encoder":
        network, inputs = networks.Encoder(layers, 384, 12), networks.token_ids(BATCH)
    elif name == "vit":
        network, inputs = (
            torchvision.models.VisionTransformer(224, 16, layers, 6, 384, 1536),
            networks.images(BATCH),
        )
    else:
        block = torchvision.models.resnet.Bottleneck
        network, inputs = (
            torchvision.models.ResNet(block, [3, 4, layers, 3]),
            networks.images(BATCH),
        )
    known = {"dynamo": False, "opset_version": networks.OPSET}
    torch.onnx.export(network.eval(), (inputs,), str(path), **known)


def write_slower(now: Path, later: Path) -> list[tuple[str, int, Path]]:
    """Writes the chains now and later; the deeper networks that are to be written there."""
    for name, (pattern, before, after, _) in CHAINS.items():
        for layers, directory in ((before, now), (after, later)):
            path = write_model(pattern.format(layers), directory)
            path.replace(directory / f"{name}.onnx")
    return [
        (name, layers + more, directory / f"deeper_{name}.onnx")
        for name, layers in DEEPER.items()
        for more, directory in enumerate((now, later))
    ]


class Networks(Repository):
    """Ten networks that stay, and others that get slower; an earlier call may have begun it."""

    def __init__(self, directory: Path) -> None:
        self._later, self._recorded = directory / "later", directory / "recorded"
        networks = directory / "networks.txt"
        if not networks.exists():
            networks.write_text(repr(self._write(directory)))
        source = TEST.format(
            networks=ast.literal_eval(networks.read_text()), slower=list(SLOWER), queries=QUERIES
        )
        super().__init__(directory, harness.BACKEND, {"test_networks.py": source})

    def _write(self, directory: Path) -> dict[str, tuple[dict[str, Any], dict[str, Any], bool]]:
        """Exports all networks; the profile, the shapes and the mode of each that stays."""
        slower = directory / "slower"
        for folder in (slower, self._later):
            folder.mkdir(parents=True, exist_ok=True)
        spawned = multiprocessing.get_context("spawn")
        networks = {}
        with ProcessPoolExecutor(PROCESSES, mp_context=spawned) as pool:
            deeper = [pool.submit(write_deeper, *one) for one in write_slower(slower, self._later)]
            stay = [pool.submit(export, name, directory / f"{name}.onnx") for name in NETWORKS]
            for name, exported in zip(NETWORKS, stay, strict=True):
                tensor, shape = exported.result()
                profile = {tensor: [(batch, *shape) for batch in BATCHES]}
                networks[name] = (
                    profile,
                    {tensor: (UNCHANGED_BATCH, *shape)},
                    name not in WITHOUT_GRAPH,
                )
            for written in deeper:
                written.result()
        return networks

    def record(self) -> None:
        """Builds all engines, those of the nights too, and records the baselines.

        Raises:
            RuntimeError: a test failed.
        """
        if self._recorded.exists():
            return
        slower = [f"test_networks.py::test_slower[{name}]" for name in SLOWER]
        self._build([*(f"test_networks.py::test_unchanged[{name}]" for name in NETWORKS), *slower])
        self._checked("--trtperf-update")
        shutil.copytree(self._later, self.directory / "slower", dirs_exist_ok=True)
        self._build(slower)
        self._recorded.touch()

    def _build(self, tests: Sequence[str]) -> None:
        """Builds what tests ask for, and lets TensorRT for RTX compile its kernels."""

        def build(number: int) -> None:
            # Processes that share the GPU's lock would compile one after the other.
            lock_dir = self.directory / f"lock_{number}"
            self._checked("--trtperf-smoke", f"--trtperf-lock-dir={lock_dir}", tests[number])

        with ThreadPoolExecutor(PROCESSES) as pool:
            list(pool.map(build, range(len(tests))))

    def _checked(self, *options: str) -> None:
        begun = time.monotonic()
        status, _, printed = self.pytest(*options)
        if status:
            raise RuntimeError(printed)
        print(f"{time.monotonic() - begun:.0f} s: {' '.join(options)}", flush=True)

    def races(self) -> Iterator[Case]:
        """How much slower each is, in turns with what was recorded."""
        for one in self._run("--trtperf-race=always", "-k", "test_slower"):
            (median,) = [v for v in one.verdicts if v.metric.endswith(" median")]
            race = median.race
            yield {
                **self._case(one),
                "kind": "race",
                "slower": race and [race.change, race.lower, race.upper],
            }

    def night(self) -> Iterator[Case]:
        """All tests as a run of one night judges them."""
        for one in self._run("--trtperf-race=never"):
            yield {
                **self._case(one),
                "failed": any(v.failed for v in one.verdicts),
                "sessions": len(one.sessions),
                "verdicts": {
                    v.metric: [v.status, v.reason, v.change, v.lower, v.upper, v.finds]
                    for v in one.verdicts
                },
                "findings": [finding.code for finding in one.findings],
            }

    def _run(self, *options: str) -> list[MeasurementRecord]:
        _, record, printed = self.pytest(f"--trtperf-tolerance={TOLERANCE}", *options)
        runs = read_runs(record) if record.exists() else []
        if not runs or not runs[0].measurements:
            raise RuntimeError(printed)
        return list(runs[0].measurements)

    def _case(self, record: MeasurementRecord) -> Case:
        name = record.test.partition("[")[2].rstrip("]")
        return {"name": name, "kind": SLOWER.get(name, "unchanged")}


def take(file: Path, directory: Path, minutes: float) -> None:
    """Appends nights until the time is up."""
    begun, gpu = time.monotonic(), harness.find_gpu()

    def append(cases: Iterator[Case], started: float) -> float:
        at = datetime.now(timezone.utc).isoformat(timespec="seconds")
        taken = list(cases)
        took = round(time.monotonic() - started, 1)
        common = {"at": at, "device": gpu.name, "gpu": gpu.uuid, "run_took_s": took}
        with open(file, "a", encoding="utf-8") as out:
            out.writelines(json.dumps({**common, **case}) + "\n" for case in taken)
        failed = [f"{case['name']} ({case['kind']})" for case in taken if case.get("failed")]
        print(f"{took:.0f} s: {len(taken)} tests; {', '.join(failed)} failed", flush=True)
        return took

    repository = Networks(directory)
    print(f"{time.monotonic() - begun:.0f} s: exported", flush=True)
    repository.record()
    if not (directory / "raced").exists():
        append(repository.races(), time.monotonic())
        (directory / "raced").touch()
    longest = 0.0
    while time.monotonic() - begun + longest < 60 * minutes:
        longest = max(longest, append(repository.night(), time.monotonic()))


def count(cases: list[Case]) -> bool:
    """Prints what failed of each kind; whether all targets are kept."""
    kept = True
    for kind, (target, is_least) in TARGETS.items():
        those = [case for case in cases if case["kind"] == kind]
        if not those:
            continue
        hits, total = sum(case["failed"] for case in those), len(those)
        lower = special.betaincinv(hits, total - hits + 1, 0.025) if hits else 0.0
        upper = special.betaincinv(hits + 1, total - hits, 0.975) if hits < total else 1.0
        is_kept = hits / total >= target if is_least else hits / total <= target
        kept &= is_kept
        further = sum(case["sessions"] > 1 for case in those)
        print(
            f"{kind}: {hits} of {total} failed [{lower:.1%}, {upper:.1%}], "
            f"{'least' if is_least else 'most'} {target:.0%}: {'kept' if is_kept else 'MISSED'}; "
            f"{further} took further sessions; on {len({case['gpu'] for case in those})} GPUs"
        )
    for case in (case for case in cases if case["kind"] == "race"):
        change, lower, upper = case["slower"] or (0.0, 0.0, 0.0)
        print(f"  {case['name']} by its race: {change:+.2%} [{lower:+.2%}, {upper:+.2%}]")
    return kept


def main() -> int:
    """Take nights until the time is up, and count all there are."""
    parser = argparse.ArgumentParser(description="Take nights of networks on a GPU.")
    parser.add_argument("file", type=Path, help="lines of JSON are appended to it")
    parser.add_argument("--minutes", type=float, default=9.0, help="to take (default: 9)")
    parser.add_argument("--directory", type=Path, help="of the repository (default: a new one)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        if given.minutes:
            take(given.file, given.directory or Path(temporary), given.minutes)
    lines = given.file.read_text(encoding="utf-8").splitlines()
    return 0 if count([json.loads(line) for line in lines]) else 1


if __name__ == "__main__":
    sys.exit(main())
