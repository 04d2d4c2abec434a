"""Puts all models of onnx's own backend tests through spec, key, build and one measured query.

    python -m benchmarks.onnx_tests.onnx_models [--backend onnxruntime --backend tensorrt-rtx]
        [--kind node] [--only PATTERN] [--every N] [--jobs 2] [--limit 180] [--json FILE]

Needs the extra `cpu`, and `rtx` for builds with TensorRT for RTX; no GPU. On the CPU one query with
the stored inputs is measured, and its outputs are compared with the stored ones, within the
tolerances of onnx's own runner. TensorRT for RTX builds a plan, which nothing runs here.

Each model works, or is refused with a message that names an operator, a type or a shape; where
the reason names none, such as an opset, the message lists the model's operators. Models run in
processes of their own, so that a crash or a hang costs one of them. Exits 1 when a target is
missed: any crash, hang, error that is not one of this package's, unclear message, or output that
differs where ONNX Runtime, called directly, returns what is stored.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import re
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import onnx

from benchmarks.onnx_tests.onnx_cases import KINDS, load_cases
from benchmarks.onnx_tests.onnx_trial import BACKENDS, Outcome, versions, work
from pytest_trtperf.baseline.hardware import cpu_model

STARTING_S = 120.0
REFUSED = ("refused", "listed")
MISSED = ("crash", "hang", "unclear", "error", "differs")
MEANING = {
    "works": "works",
    "refused": "refused, for a reason that names an operator, a type or a shape",
    "listed": "refused for another reason, with a list of the model's operators",
    "onnxruntime": "ONNX Runtime, called directly, differs from what is stored",
    "differs": "outputs differ from what is stored",
    "unclear": "refused, with neither",
    "error": "another error than one of this package",
    "crash": "the process died",
    "hang": "no answer within the time limit",
}


@dataclass
class Trials:
    """A process that tries one model after the other, and is replaced when it dies or hangs."""

    folder: Path
    limit_s: float

    def __post_init__(self) -> None:
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=work, args=(theirs, self.folder), daemon=True)
        self._process.start()
        theirs.close()
        if not self._connection.poll(STARTING_S) or self._connection.recv() != "ready":
            raise RuntimeError("a process that tries models did not start")

    def run(self, backend: str, name: str) -> Outcome:
        """How one model fares."""
        self._connection.send((backend, name))
        start = time.perf_counter()
        try:
            if self._connection.poll(self.limit_s):
                outcome: Outcome = self._connection.recv()
                return outcome
            status, message = "hang", f"no answer within {self.limit_s:g} s"
        except EOFError:
            self._process.join()
            status, message = "crash", _fate(self._process.exitcode or 0)
        self.close()
        self._start()
        return Outcome(name, backend, status, message, seconds=time.perf_counter() - start)

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.join()
        self._connection.close()


def _fate(code: int) -> str:
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"


def try_all(todo: Sequence[tuple[str, str]], jobs: int, limit_s: float) -> list[Outcome]:
    """The outcome of each (backend, name), in that order."""
    queue: SimpleQueue[int] = SimpleQueue()
    for index in range(len(todo)):
        queue.put(index)
    outcomes: dict[int, Outcome] = {}

    def drain(folder: Path) -> None:
        trials = Trials(folder, limit_s)
        try:
            while True:
                index = queue.get_nowait()
                outcomes[index] = trials.run(*todo[index])
        except Empty:
            trials.close()

    with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(jobs) as pool:
        folders = [Path(scratch) / str(job) for job in range(jobs)]
        for folder in folders:
            folder.mkdir()
        for done in [pool.submit(drain, folder) for folder in folders]:
            done.result()
    return [outcomes[index] for index in range(len(todo))]


def reason(outcome: Outcome) -> str:
    """What a refusal has in common with others: its text less names and numbers."""
    lines = [line.strip() for line in outcome.message.splitlines() if line.strip()]
    text = lines[1] if len(lines) > 1 and lines[0].endswith(":") else lines[0]
    text = re.sub(r"\S*model\.onnx: |; supported are .*|\[ONNXRuntimeError\] .*failed: ?", "", text)
    text = re.sub(r"(?<!\w)'[^']*'|\"[^\"]*\"", "…", text)
    text = re.sub(r"\bnode_of_\w+", "node", text)
    return re.sub(r"(?<!\w)-?\d+(x\d+)*", "N", re.sub(r"\[[\w.]+:\d+\]$", "", text)).strip()[:160]


def summary(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Counts, refusals by reason, and by name what is neither working nor refused."""
    counts = Counter(outcome.status for outcome in outcomes)
    reasons: dict[str, dict[str, int]] = {}
    for status in REFUSED:
        found = Counter(reason(outcome) for outcome in outcomes if outcome.status == status)
        reasons[status] = dict(found.most_common())
    named = {
        status: {o.name: o.message[:500] for o in outcomes if o.status == status}
        for status in ("onnxruntime", *MISSED)
    }
    return {
        "models": len(outcomes),
        "counts": {status: counts[status] for status in MEANING},
        "refusals": reasons,
        "named": {status: found for status, found in named.items() if found},
    }


def show(summaries: Mapping[str, dict[str, Any]]) -> None:
    """Print the tables."""
    print("| backend | models |" + "".join(f" {status} |" for status in MEANING))
    print("|---|---|" + "---|" * len(MEANING))
    for backend, found in summaries.items():
        row = "".join(f" {count} |" for count in found["counts"].values())
        print(f"| {backend} | {found['models']} |{row}")
    print("\n" + "\n".join(f"{status}: {meaning}" for status, meaning in MEANING.items()))
    for backend, found in summaries.items():
        for status, reasons in found["refusals"].items():
            print(f"\n{backend}: {status}, by reason")
            for text, count in reasons.items():
                print(f"{count:5} {text}")
        for status, named in found["named"].items():
            for name, message in named.items():
                print(f"\n{backend}: {status}: {name}\n  {message}")


def main() -> int:
    """Try the models, print the tables and judge."""
    parser = argparse.ArgumentParser(description="All models of onnx's own backend tests.")
    parser.add_argument("--backend", action="append", choices=BACKENDS, help="default: all")
    parser.add_argument("--kind", action="append", choices=KINDS, help="of models (default: all)")
    parser.add_argument("--only", default="", help="names in which this pattern is found")
    parser.add_argument("--every", type=int, default=1, help="take each N-th model only")
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--limit", type=float, default=180.0, help="seconds a model (180)")
    parser.add_argument("--json", type=Path, help="write the summary to this file")
    options = parser.parse_args()
    names = [name for name in load_cases(options.kind or KINDS) if re.search(options.only, name)]
    todo = [
        (backend, name)
        for backend in options.backend or BACKENDS
        for name in names[:: options.every]
    ]
    start = time.perf_counter()
    outcomes = try_all(todo, options.jobs, options.limit)
    took = round(time.perf_counter() - start)
    today, cpu = datetime.now(timezone.utc).date().isoformat(), f"{cpu_model()} x{os.cpu_count()}"
    about = {"date": today, "cpu": cpu, "onnx": onnx.__version__, **versions(), "seconds": took}
    print(", ".join(f"{name} {value}" for name, value in about.items()), "\n")
    summaries = {
        backend: summary([outcome for outcome in outcomes if outcome.backend == backend])
        for backend in options.backend or BACKENDS
    }
    show(summaries)
    kept = not any(outcome.status in MISSED for outcome in outcomes)
    if options.json:
        options.json.write_text(
            json.dumps({"about": about, "backends": summaries}, indent=1) + "\n"
        )
    print(f"\n{'all targets kept' if kept else 'TARGETS MISSED'}")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
