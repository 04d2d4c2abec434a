"""Play each cause of a slower number, in whole runs of pytest, and see what is blamed.

    python -m benchmarks.verdicts.causes FILE.jsonl [--cpu]

One repository with one chain goes through it all:

- It is recorded, and runs unchanged: green.
- The baseline becomes one of a machine that is faster by 5 %: it passes as `environment`.
- The baseline is the first again, and the model has more layers: red.
- The model is the first again, and the baseline becomes one of another runtime that is faster by
  5 %: red as `software`, and with --trtperf-software=warn green.

The last baseline stands for an upgrade, and is less than one: only its version and numbers change.
A runtime of another version gives the same model another digest, and its plans do not load.

A line of JSON is appended to FILE. Exits 1 when a step came out otherwise than wanted.

Needs a GPU and TensorRT for RTX, or --cpu and ONNX Runtime. The CPU is noisy: there the stored
baselines become eight times as fast, so that other processes cannot be why, the slower model has
twice the layers, and the tolerance is 30 % in place of 2 %.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from benchmarks.verdicts.race_runs import CPU_LAYERS, GPU_LAYERS, SCALE, Case, Chain

OTHER_VERSION = "0.1"
LINES = 25
OUTCOMES = {0: "passed", 1: "failed"}
"""By exit status of pytest."""


@dataclass(frozen=True)
class Sizes:
    """How large the changes are.

    Attributes:
        layers: of the model, and of the slower one.
        scale: by which other machines and runtimes are faster.
    """

    layers: tuple[int, int]
    scale: float
    tolerance: float


GPU = Sizes((GPU_LAYERS["equal"], 84), SCALE, 0.02)
CPU = Sizes((CPU_LAYERS["equal"], CPU_LAYERS["twice"]), 8.0, 0.3)


@dataclass(frozen=True)
class Step:
    """A run of pytest, and what it is to say.

    Attributes:
        prepare: makes the repository what it is in this step.
        reason: of the verdict on the median; None for any.
    """

    name: str
    prepare: Callable[[], None]
    options: tuple[str, ...]
    outcome: str
    reason: str | None = None


class Played(Chain):
    """A chain whose baseline may become another one, and the first again."""

    def __init__(self, directory: Path, sizes: Sizes, *, cpu: bool) -> None:
        super().__init__(directory, cpu=cpu)
        self._sizes = sizes
        self._first = b""

    @property
    def _baseline(self) -> Path:
        (path,) = (self.directory / "perf-baselines").glob("*/*/*.json")
        return path

    def begin(self) -> None:
        """Writes the first model."""
        self.write(self._sizes.layers[0], remark=False)

    def keep(self) -> None:
        """Keeps the baseline that was recorded."""
        self._first = self._baseline.read_bytes()

    def move(self) -> None:
        """The baseline is one of a faster machine."""
        self.scale_baseline(self._sizes.scale)

    def slow_down(self) -> None:
        """The baseline is the first, and the model has more layers."""
        self._baseline.write_bytes(self._first)
        self.write(self._sizes.layers[1], remark=False)

    def upgrade(self) -> None:
        """The model is the first, and the baseline one of another, faster runtime."""
        self._baseline.write_bytes(self._first)
        self.begin()
        self.scale_baseline(self._sizes.scale)
        path = self._baseline
        content = json.loads(path.read_text(encoding="utf-8"))
        for entry in content["entries"].values():
            for run in entry["runs"]:
                backend = path.parent.name
                assert run["software"][backend] != OTHER_VERSION
                run["software"][backend] = OTHER_VERSION
        path.write_text(json.dumps(content), encoding="utf-8")

    def steps(self) -> Iterator[Step]:
        """All of them, in their order."""
        warn = ("--trtperf-software=warn",)
        yield Step("recorded", self.begin, ("--trtperf-update",), "passed")
        yield Step("unchanged", self.keep, (), "passed")
        yield Step("another machine", self.move, (), "passed", "environment")
        yield Step("slower model", self.slow_down, (), "failed", "over_limit")
        yield Step("another runtime", self.upgrade, (), "failed", "software")
        yield Step("another runtime, warn", self.upgrade, warn, "passed", "software")

    def play(self, step: Step) -> Case:
        """What a step says, beside what it is to say."""
        step.prepare()
        begun = time.monotonic()
        tolerance = f"--trtperf-tolerance={self._sizes.tolerance}"
        status, record, printed = self.pytest(tolerance, *step.options)
        measured: list[Any] = []
        if record.exists():
            measured = json.loads(record.read_text(encoding="utf-8"))["measurements"]
        medians = [
            v for one in measured for v in one["verdicts"] if v["metric"].endswith(" median")
        ]
        verdict = medians[0] if medians else {}
        outcome, reason = OUTCOMES.get(status, f"exit status {status}"), verdict.get("reason")
        is_wanted = outcome == step.outcome and step.reason in (None, reason)
        return {
            "step": step.name,
            "wanted": [step.outcome, step.reason],
            "found": [outcome, reason],
            "is_wanted": is_wanted,
            "device": measured[0]["device"] if measured else None,
            "seconds": round(time.monotonic() - begun, 2),
            "verdict": {k: v for k, v in verdict.items() if k != "message"},
            "printed": printed.splitlines()[-LINES:],
        }


def main() -> int:
    """Plays all steps, prints what each said, and appends it to the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--cpu", action="store_true")
    given = parser.parse_args()
    played = []
    with tempfile.TemporaryDirectory() as directory:
        chain = Played(Path(directory), CPU if given.cpu else GPU, cpu=given.cpu)
        for step in chain.steps():
            one = chain.play(step)
            played.append(one)
            print(*one["printed"], sep="\n")
            wanted = " ".join(filter(None, one["wanted"]))
            found = " ".join(filter(None, one["found"]))
            word = "as wanted" if one["is_wanted"] else f"WANTED {wanted}"
            print(f"== {step.name}: {found}, {word}, {one['seconds']} s\n", flush=True)
    line = {
        "at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "cpu": given.cpu,
        "device": next(filter(None, (one.pop("device") for one in played)), None),
        "steps": played,
    }
    with open(given.file, "a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
    return 0 if all(one["is_wanted"] for one in played) else 1


if __name__ == "__main__":
    sys.exit(main())
