"""How long the trend of a year takes, that of one more night, and the report of 60 nights.

    python -m benchmarks.trend.year [--nights 365] [--output benchmarks/results/trend_year.json]

No GPU. 4 hosts with 300 tests each, in 3 compressed records a host and night: 438 000 measurements
of three metrics, each about 2 kB before compression. Commands are timed as a shell runs them, with
the start of Python, and each has the seconds of its processor beside those of the clock, since
others may use the machine. Exit status 1 when a target is missed: a year 60 s and 2 GB, one more
night 2 s, the report of the newest 60 nights without a summary 10 s.
"""

from __future__ import annotations

import argparse
import gzip
import itertools
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from benchmarks.records.records import FIGURES, measurement
from benchmarks.records.records import run as run_record
from benchmarks.trend.simulated_fleet import Fleet
from pytest_trtperf.record.model import MeasurementRecord, RunRecord

RESULTS = Path(__file__).parents[1] / "results" / "trend_year.json"
SHARDS = 3
REPORTED = 60
METRICS = ("latency", "gpu_compute")


def records(nights: int) -> Iterator[tuple[str, RunRecord]]:
    """The records of all hosts, by their names."""
    fleet = Fleet(nights=nights)
    levels = np.exp(fleet.draw(np.random.default_rng(1)))
    templates = [_small(measurement(test, 1.0, np.random.default_rng(test)))
                 for test in range(fleet.tests)]  # fmt: skip
    for night in range(nights):
        for host in range(fleet.hosts):
            for shard in range(SHARDS):
                ones = [
                    _at(one, levels[host, test, :, night])
                    for test, one in enumerate(templates)
                    if test % SHARDS == shard and not np.isnan(levels[host, test, 0, night])
                ]
                record = msgspec.structs.replace(
                    run_record(night, ones), host=f"lab{host}", branch="main"
                )
                yield f"lab{host}-{shard}-{night:03}.json.gz", record


def _small(one: MeasurementRecord) -> MeasurementRecord:
    """A measurement with one round, of about 2 kB."""
    session = one.sessions[0]
    round = session.rounds[0]
    kept = {name: round.quantiles[name] for name in METRICS}
    rounds = [msgspec.structs.replace(round, quantiles=kept, before={}, after={})]
    return msgspec.structs.replace(
        one,
        sessions=[msgspec.structs.replace(session, rounds=rounds)],
        verdicts=one.verdicts[:1],
    )


def _at(one: MeasurementRecord, levels: Any) -> MeasurementRecord:
    summary = {
        name: {"count": 2500.0, **dict.fromkeys(FIGURES, float(levels[place]))}
        for place, name in enumerate(METRICS)
    }
    return msgspec.structs.replace(one, summary=summary, throughput=1e3 / float(levels[2]))


def write(directory: Path, found: Iterator[tuple[str, RunRecord]]) -> tuple[int, int]:
    """Writes records; how many measurements there are, and their bytes before compression."""
    count = size = 0
    for name, record in found:
        data = msgspec.json.encode(record)
        count += len(record.measurements)
        size += len(data)
        (directory / name).write_bytes(gzip.compress(data, 1))
    return count, size


def timed(*words: str | Path) -> tuple[float, float]:
    """Seconds of a command of `trtperf`, and those of the processor."""
    command = [sys.executable, "-m", "pytest_trtperf.cli", *map(str, words)]
    begin, used = time.perf_counter(), _processor_s()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return round(time.perf_counter() - begin, 2), round(_processor_s() - used, 2)


def _processor_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the results; 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--nights", type=int, default=365)
    parser.add_argument("--output", type=Path, default=RESULTS)
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name) / "nightly"
        directory.mkdir()
        found = records(chosen.nights)
        before = (chosen.nights - 1) * Fleet().hosts * SHARDS
        count, size = write(directory, itertools.islice(found, before))
        first = timed("trend", directory)
        again = timed("trend", directory)
        write(directory, found)
        more = timed("trend", directory)
        newest = Path(name) / "newest"
        newest.mkdir()
        for night in range(max(chosen.nights - REPORTED, 0), chosen.nights):
            for path in directory.glob(f"*-{night:03}.json.gz"):
                (newest / path.name).hardlink_to(path)
        report = timed("report", newest, "-o", Path(name) / "report.html")
        memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
    row = {
        "nights": chosen.nights, "measurements": count, "bytes_each": round(size / count),
        "first_s": first, "again_s": again, "one_more_night_s": more, "report_s": report,
        "memory_gb": round(memory, 2),
    }  # fmt: skip
    print(json.dumps(row, indent=1))
    chosen.output.write_text(json.dumps(row, indent=1) + "\n")
    kept = first[0] <= 60 and more[0] <= 2 and report[0] <= 10 and memory <= 2
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
