"""How long a pull request's run of a table of 300 models takes, one of which changed.

    python -m benchmarks.tables.changed_only [--models 300] [--backend tensorrt-rtx] [--workers N]
        [--repeats 3] [--json FILE]

Needs a GPU and TensorRT for RTX, or `--backend onnxruntime`. The models are those of `collect`.
So many workers build the plans and record baselines from hasty rounds, which is not timed (GPUs
take turns, so one a GPU is as fast as many: about 3 s a model); a model that is measured with the
defaults takes about 3 s more. Then, again and again, one model gets other weights, and `pytest
--trtperf --trtperf-changed-only` runs: it is to skip all others, and to take less than 20 s with
its start. Exit status 1 when a target is missed.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.repository import Repository
from benchmarks.tables.collect import ARCHITECTURES, write_repository

MAX_SECONDS = 20.0
HASTY = """[pytest]
trtperf_round_ms = 10
trtperf_round_queries = 10
trtperf_max_time = 0.1
trtperf_max_warm_up = 0.05
trtperf_sessions = 1
"""
"""So that 300 baselines are soon there; other options than the baseline's would be a change."""
DECIDED = ('p99_ms = { "NVIDIA*" = 2.0 }', "engine_size_mib = 64.0")
"""Hasty rounds may leave a budget on the P99 open, and what is open is measured again."""
DEFAULTS = "[defaults]\nmissing_ok = true\n\n"
"""ONNX Runtime has no plans."""
CHANGED = "chain000"
TABLE = "entries.slo.toml"


def timed(repository: Repository, *options: str) -> tuple[float, dict[str, Any], str]:
    """Seconds of a run with its start, its record, and the last that it printed.

    Raises:
        RuntimeError: a test failed, or nothing was measured.
    """
    begun = time.perf_counter()
    status, record, printed = repository.pytest(TABLE, *options)
    seconds = time.perf_counter() - begun
    if status or not record.exists():
        raise RuntimeError(printed)
    return seconds, json.loads(record.read_text(encoding="utf-8")), printed.strip()


def main() -> int:
    """Records baselines, changes a model, and prints what a run took."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--models", type=int, default=300)
    parser.add_argument("--backend", default="tensorrt-rtx")
    parser.add_argument("--workers", type=int, default=0, help="that record (default: none)")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    workers = ("-p", "xdist.plugin", "-n", str(given.workers)) if given.workers else ()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        write_repository(folder, given.models)
        table = (folder / TABLE).read_text(encoding="utf-8")
        files = {"pytest.ini": HASTY, TABLE: f"{DEFAULTS}{table.replace(*DECIDED)}"}
        repository = Repository(folder, given.backend, files)
        seconds, record, _ = timed(repository, "--trtperf-update", *workers)
        device = record["measurements"][0]["device"]
        print(f"{device}: {given.models} baselines, hastily: {seconds:.0f} s", flush=True)
        for repeat in range(given.repeats):
            ARCHITECTURES[0](folder / "zoo" / f"{CHANGED}.onnx", given.models + repeat)
            seconds, record, printed = timed(repository, "--trtperf-changed-only")
            measured = [one["test"] for one in record["measurements"]]
            rows.append({"seconds": seconds, "measured": measured})
            print(f"{seconds:.1f} s: {printed.splitlines()[-1]}", flush=True)
            if len(measured) != 1:
                print(printed)
    longest = max(row["seconds"] for row in rows)
    is_one = all([CHANGED in test for test in row["measured"]] == [True] for row in rows)
    is_kept = longest < MAX_SECONDS and is_one
    print(f"longest {longest:.1f} s, under {MAX_SECONDS:g}: {'kept' if is_kept else 'MISSED'}")
    if given.json:
        about = {"models": given.models, "backend": given.backend, "device": device}
        given.json.write_text(json.dumps({**about, "runs": rows}, indent=1) + "\n")
    return 0 if is_kept else 1


if __name__ == "__main__":
    sys.exit(main())
