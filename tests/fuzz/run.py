"""Tries each reader with many inputs, and prints inputs, findings and coverage.

python -m tests.fuzz.run [--inputs N] [--seconds N] [--seed N] [--reader NAME] [--traced N]

Each reader has a process of its own. A finding is an exception that the reader does not document,
more than a second of processor time, or more than 256 MB of memory, for an input under 1 MB; it is
printed with its seed. Coverage is of the first inputs: counting lines is slow.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import shutil
import sys
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path
from random import Random

MOST_S = 1.0
MOST_BYTES = 256 << 20
_SHOWN_FINDINGS = 20


def main() -> int:
    """Tries the readers; 1 if one of them has a finding."""
    parser = argparse.ArgumentParser(description="Tries the readers of files of others.")
    parser.add_argument("--inputs", type=int, default=100_000, help="of each reader")
    parser.add_argument("--seconds", type=float, default=3600, help="of each reader, at most")
    parser.add_argument("--traced", type=int, default=3000, help="of these, lines are counted")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--reader", action="append", help="only this one; may be repeated")
    arguments = parser.parse_args()
    sys.path.insert(0, str(Path(__file__).parents[2]))
    from tests.fuzz.readers import readers

    print("reader            inputs    taken  slowest   memory  coverage  findings", flush=True)
    total = found = 0
    context = multiprocessing.get_context("spawn")
    for name in arguments.reader or readers(Path()):
        queue = context.SimpleQueue()
        child = context.Process(
            target=_try_reader,
            args=(name, arguments, queue),
        )
        child.start()
        child.join()
        if child.exitcode:
            print(f"{name}: the process ended with {child.exitcode}")
            found += 1
            continue
        inputs, taken, slowest, memory, coverage, findings = queue.get()
        total, found = total + inputs, found + len(findings)
        print(
            f"{name:16} {inputs:7} {taken:8} {slowest * 1e3:5.0f} ms {memory >> 20:5} MB "
            f"{coverage:8.1%} {len(findings):9}",
            flush=True,
        )
        for text, seeds in sorted(findings.items())[:_SHOWN_FINDINGS]:
            print(f"  {text}\n    seeds {seeds}", flush=True)
    print(f"{total} inputs, {found} findings")
    return int(found > 0)


def _try_reader(name: str, asked: argparse.Namespace, queue: object) -> None:
    import coverage

    # Before the package is imported, so that the lines of its modules count.
    counting = coverage.Coverage(
        data_file=None, source=["pytest_trtperf"], branch=False, config_file=False
    )
    counting.start()
    from tests.fuzz.readers import folder, readers, try_one

    place = folder()
    reader = readers(place)[name]
    findings: dict[str, list[int]] = {}
    counts: Counter[bool] = Counter()
    slowest, memory, inputs, is_tracing = 0.0, 0, 0, True
    end = time.monotonic() + asked.seconds
    warnings.simplefilter("ignore")  # zipfile's of names that come twice
    try:
        for number in range(asked.inputs):
            if time.monotonic() > end:
                break
            inputs += 1
            if is_tracing and (
                number == asked.traced or time.monotonic() > end - 0.7 * asked.seconds
            ):
                is_tracing = False
                counting.stop()
                memory = _resident()
            took = 0.0
            try:
                is_taken, took = try_one(reader, Random(f"{asked.seed}/{number}"))
                counts[is_taken] += 1
            except Exception as error:  # noqa: BLE001
                _note(findings, _described(error), number)
            if not is_tracing:
                slowest = max(slowest, took)
                if took > MOST_S:
                    _note(findings, f"more than {MOST_S:g} s", number)
                if (now := _resident()) - memory > MOST_BYTES:
                    _note(findings, f"more than {MOST_BYTES >> 20} MB", number)
                    memory = now
    finally:
        shutil.rmtree(place)
    counting.stop()
    share = _share(counting, reader.modules)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - memory
    queue.put((inputs, counts[True], slowest, max(grown, 0), share, findings))  # type: ignore[attr-defined]


def _note(findings: dict[str, list[int]], text: str, number: int) -> None:
    seeds = findings.setdefault(text, [])
    if len(seeds) < 3:
        seeds.append(number)


def _described(error: Exception) -> str:
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if "/fuzz/" not in frame.filename
    ]
    last = next((one for one in reversed(frames) if "pytest_trtperf" in one.filename), None)
    where = f" at {Path(last.filename).name}:{last.lineno}" if last else ""
    return f"{type(error).__name__}: {str(error)[:200]!r}{where}"


def _resident() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _share(counting: object, modules: tuple[str, ...]) -> float:
    import pytest_trtperf

    top = Path(pytest_trtperf.__file__).parent
    lines = missing = 0
    for module in modules:
        _, statements, _, missed, _ = counting.analysis2(str(top / f"{module}.py"))  # type: ignore[attr-defined]
        lines, missing = lines + len(statements), missing + len(missed)
    return 1 - missing / lines if lines else 0.0


if __name__ == "__main__":
    sys.exit(main())
