"""Stops a run for two seconds (SIGSTOP), and looks at the verdicts on an engine that is unchanged.

    python -m benchmarks.faults.paused --json benchmarks/results/paused.jsonl

The run compares a model on the CPU with its baseline. Half of the pauses stop the process of the
session, the others pytest and the session. A pause that came in a round shows in the record as a
query of two seconds: the round is set aside, since nothing was completed meanwhile. A verdict may
be inconclusive, but never a regression. Needs Linux.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.faults import shim
from benchmarks.faults.project import Project, import_everything
from benchmarks.faults.results import Results
from pytest_trtperf.record.json_file import read_runs
from pytest_trtperf.record.model import RoundRecord

_TESTS = """
def test_model(trt_engine, trt_measure):
    trt_measure(trt_engine("model.onnx"), shapes={"x": (512, 256)})
"""
_OPTIONS = (
    *("--trtperf-round-ms=300", "--trtperf-warm-up-ms=50", "--trtperf-max-warm-up=1"),
    "--trtperf-max-time=8",
)
_PAUSE_S = 2.0
_WAYS = ("session", "pytest and session")


def main() -> None:
    """Takes the pauses that are missing, and reports all."""
    shim.load()
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--pauses", type=int, default=40, help="how many in all")
    results = Results(parser)
    arguments, done = results.options, results.rows
    import_everything()
    project = Project("onnxruntime", {"test_perf.py": _TESTS}, _OPTIONS)
    try:
        if project.run("--trtperf-update"):
            raise RuntimeError(project.output.read_text())
        for number in range(len(done), arguments.pauses):
            if results.is_late():
                break
            random.seed(number)
            results.add(_pause(project, _WAYS[number % 2]))
    finally:
        project.remove()
    for way in _WAYS:
        those = [one for one in done if one["way"] == way]
        kinds = Counter(verdict for one in those for verdict in one["verdicts"])
        aside, kept = (sum(len(one[name]) for one in those) for name in ("set_aside", "kept"))
        print(f"{way}: {len(those)} pauses, {aside + kept} in a round, ", end="")
        print(f"{aside} set aside, {kept} kept, ", end="")
        print(f"verdicts {dict(kinds)}")
    bad = [one for one in done if "fail" in one["verdicts"] or one["status"] or one["kept"]]
    print(f"{len(done)} of {arguments.pauses}, {len(bad)} wrong: {'MISSED' if bad else 'kept'}")
    results.end(len(bad))


def _pause(project: Project, way: str) -> dict[str, Any]:
    run = project.start("--trtperf-json=run.json")
    _wait_for_session(run.pid)
    after_s = random.uniform(1.5, 6.5)
    time.sleep(after_s)
    pids = [*([run.pid] if way != "session" else []), *_sessions(run.pid)]
    for number in (signal.SIGSTOP, signal.SIGCONT):
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        if number == signal.SIGSTOP:
            time.sleep(_PAUSE_S)
    status = run.wait()
    (record,) = read_runs(project.repository / "run.json")
    (one,) = record.measurements
    verdicts = [verdict.status for verdict in one.verdicts]
    aside = [found for session in one.sessions for found in session.set_aside if _is_hit(found)]
    kept = [found for session in one.sessions for found in session.rounds if _is_hit(found)]
    return {
        "way": way, "after_s": round(after_s, 2), "status": status, "verdicts": verdicts,
        "set_aside": [list(found.disturbances) for found in aside],
        "kept": [list(found.disturbances) for found in kept],
    }  # fmt: skip


def _is_hit(one: RoundRecord) -> bool:
    """Whether a query took as long as the pause."""
    return one.quantiles["latency"][-1] >= 0.9e3 * _PAUSE_S


def _wait_for_session(pid: int) -> None:
    deadline = time.monotonic() + 60
    while not _sessions(pid):
        if time.monotonic() > deadline:
            raise TimeoutError("no session started")
        time.sleep(0.02)


def _sessions(pid: int) -> list[int]:
    """The processes of a run that have loaded an engine."""
    found = []
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text().split():
            with contextlib.suppress(OSError):
                if b"process.first_steps" in Path(f"/proc/{child}/cmdline").read_bytes():
                    found.append(int(child))
    return found


if __name__ == "__main__":
    main()
