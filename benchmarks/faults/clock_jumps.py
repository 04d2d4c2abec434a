"""Sets the wall clock in the middle of runs, and looks at their records.

    python -m benchmarks.faults.clock_jumps --json benchmarks/results/clock_jumps.jsonl

The wall clock jumps by an hour or 40 days, back or forth, at a moment drawn uniformly between the
first line of the record and the end of the run; the monotonic clock goes on, as it does when
somebody sets the time. No duration in the record may show the jump, the run exits 0, and so does
the next one, at the right time. A library in front of the C library shifts the clock: libfaketime
breaks `time.sleep` of Python 3.11. Needs gcc and Linux.
"""

from __future__ import annotations

import argparse
import itertools
import random
import struct
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from benchmarks.faults import shim
from benchmarks.faults.project import LONGEST_S, Project, import_everything
from benchmarks.faults.results import Results
from pytest_trtperf.record.json_file import read_runs
from pytest_trtperf.record.model import RunRecord

_TESTS = """
import pytest

@pytest.mark.parametrize("number", range(4))
def test_model(trt_engine, trt_measure, number):
    trt_measure(trt_engine("model.onnx"), shapes={"x": (number + 1, 256)})
"""
_WAYS = {"update": ("--trtperf-update",), "compare": (), "workers": ("--trtperf-update", "-n2")}
_JUMPS = (3600, -3600, 40 * 86400, -40 * 86400)
_OPTIONS = (
    *("--trtperf-round-ms=50", "--trtperf-warm-up-ms=50", "--trtperf-max-warm-up=1"),
    "--trtperf-max-time=1",
)


def main() -> None:
    """Takes the jumps that are missing, and reports all."""
    shim.load()
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--times", type=int, default=3, help="each jump in each kind of run")
    results = Results(parser)
    arguments, done = results.options, results.rows
    import_everything()
    wanted = list(itertools.product(_WAYS, _JUMPS)) * arguments.times
    project = Project("fake", {"test_perf.py": _TESTS}, _OPTIONS)
    try:
        _run(project, _WAYS["update"], None, 0.0)
        lengths = {way: _run(project, _WAYS[way], None, 0.0)["seconds"] for way in _WAYS}
        for number, (way, jump) in enumerate(wanted[len(done) :], start=len(done)):
            if results.is_late():
                break
            random.seed(number)
            after_s = random.uniform(0, lengths[way])
            result = _run(project, _WAYS[way], jump, after_s)
            later = _run(project, (), None, 0.0)["wrong"]
            result["wrong"] += [f"the next run: {wrong}" for wrong in later]
            results.add({"way": way, "jump_s": jump, "after_s": round(after_s, 2), **result})
    finally:
        project.remove()
    bad = [one for one in done if one["wrong"]]
    for way in _WAYS:
        those = [one for one in done if one["way"] == way]
        seen = sum(one["jump_in_record"] for one in those)
        print(f"{way}: {len(those)} jumps, {seen} between start and end of the record")
    for wrong, times in Counter(text for one in bad for text in one["wrong"]).items():
        print(f"    WRONG {times} times: {wrong}")
    print(f"{len(done)} of {len(wanted)}, {len(bad)} wrong: {'MISSED' if bad else 'kept'}")
    results.end(len(bad))


def _run(
    project: Project, options: Sequence[str], jump: int | None, after_s: float
) -> dict[str, Any]:
    """One run; what is wrong with its record."""
    clock, lines = project.state / "clock", project.repository / "run.jsonl"
    (project.repository / "run.json").unlink(missing_ok=True)
    clock.write_bytes(struct.pack("l", 0))
    began = time.monotonic()
    run = project.start("--trtperf-json=run.json", *options, faults={"CLOCK_OFFSET": str(clock)})
    while not lines.exists() and time.monotonic() - began < LONGEST_S:
        time.sleep(0.002)
    first = time.monotonic()
    if jump is not None:
        time.sleep(after_s)
        with clock.open("r+b") as file:
            file.write(struct.pack("l", jump))
    status = run.wait()
    seconds, rest = time.monotonic() - began, time.monotonic() - first
    return {"seconds": round(rest, 2), **_judge(project, status, seconds, has_jumped=bool(jump))}


def _judge(project: Project, status: int, seconds: float, *, has_jumped: bool) -> dict[str, Any]:
    (run,) = read_runs(project.repository / "run.json")
    wrong = [f"exit status {status}"] if status else []
    wrong += [] if run.complete else ["the record is not complete"]
    wrong += [f"{name} is {value:.0f} s" for name, value in _odd(run, seconds)]
    # Wall-clock times themselves show the jump, as they should.
    is_apart = has_jumped and (run.started or "")[:13] != run.created[:13]
    return {"jump_in_record": is_apart, "wrong": wrong}


def _odd(run: RunRecord, seconds: float) -> Iterator[tuple[str, float]]:
    """Durations of a record that are negative, or longer than the run."""
    durations = dict(_durations("run", msgspec.to_builtins(run)))
    for name, value in durations.items():
        if not -1e-6 <= value <= seconds:
            yield name, value


def _durations(name: str, value: Any) -> Iterator[tuple[str, float]]:
    """All numbers of seconds, but for those of a fake GPU's rounds: its clock is its own."""
    if isinstance(value, dict):
        for key, one in value.items():
            yield from _durations(f"{name}.{key}" if name else key, one)
    elif isinstance(value, int | float) and ".seconds" in name:
        yield name, float(value)


if __name__ == "__main__":
    main()
