"""How long a pull request's run of a table of 300 models takes, one of which changed.

    python -m benchmarks.tables.changed_only [--models 300] [--backend tensorrt-rtx] [--workers N]
        [--repeats 3] [--json FILE]

Needs a GPU and TensorRT for RTX, or `--backend onnxruntime`. The models are those of `collect`.
So many workers build the plans and record baselines from hasty rounds, which is not timed (GPUs
take turns, so one a GPU is as fast as many: about 3 s a model); a model that is measured with the
defaults takes about 3 s more. Then, again and again, one model gets other weights, and `pytest
--trtperf --trtperf-changed-only` runs: it is to skip all others, and to take less than 20 s with
its start. Exit status 1 when a target is
missed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

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
CHANGED = "chain000"
TABLE = "entries.slo.toml"


def pytest_in(folder: Path, *options: str) -> tuple[float, str]:
    """Seconds of a run with its start, and what it printed.

    Raises:
        RuntimeError: a test failed.
    """
    command = [sys.executable, "-m", "pytest", "--trtperf", "-p", "pytest_trtperf.plugin", TABLE]
    path = os.pathsep.join([str(folder), *filter(None, sys.path)])
    begun = time.perf_counter()
    done = subprocess.run(
        [*command, "-p", "no:cacheprovider", *options],
        cwd=folder, text=True, capture_output=True, check=False,
        env={
            **os.environ, "PYTHONPATH": path, "TRTPERF_CACHE_DIR": str(folder / "cache"),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        },
    )  # fmt: skip
    seconds = time.perf_counter() - begun
    if done.returncode:
        raise RuntimeError((done.stdout + done.stderr)[-4000:])
    return seconds, done.stdout


def main() -> int:
    """Records baselines, changes a model, and prints what a run took."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--models", type=int, default=300)
    parser.add_argument("--backend", default="tensorrt-rtx")
    parser.add_argument("--workers", type=int, default=0, help="that record (default: none)")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    which = f"--trtperf-backend={given.backend}"
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        write_repository(folder, given.models)
        table = (folder / TABLE).read_text(encoding="utf-8")
        (folder / TABLE).write_text(table.replace('"NVIDIA*" = 2.0', '"*" = 50.0'))
        workers = ("-p", "xdist.plugin", "-n", str(given.workers)) if given.workers else ()
        (folder / "pytest.ini").write_text(HASTY)
        seconds, _ = pytest_in(folder, which, "--trtperf-update", *workers)
        print(f"{given.models} baselines, hastily: {seconds:.0f} s", flush=True)
        rows: list[dict[str, Any]] = []
        for repeat in range(given.repeats):
            make = ARCHITECTURES[0]
            make(folder / "zoo" / f"{CHANGED}.onnx", given.models + repeat)
            seconds, printed = pytest_in(
                folder, which, "--trtperf-changed-only", "--trtperf-json=record.json"
            )
            record = json.loads((folder / "record.json").read_text(encoding="utf-8"))
            measured = [one["test"] for one in record["measurements"]]
            is_right = len(measured) == 1 and CHANGED in measured[0]
            rows.append({"seconds": seconds, "measured": measured, "is_right": is_right})
            print(f"{seconds:.1f} s: {printed.splitlines()[-1]}", flush=True)
    longest = max(row["seconds"] for row in rows)
    is_kept = longest < MAX_SECONDS and all(row["is_right"] for row in rows)
    print(f"longest {longest:.1f} s, under {MAX_SECONDS:g}: {'kept' if is_kept else 'MISSED'}")
    if given.json:
        about = {
            "models": given.models,
            "backend": given.backend,
            "device": record["measurements"][0]["device"],
        }
        given.json.write_text(json.dumps({**about, "runs": rows}, indent=1) + "\n")
    return 0 if is_kept else 1


if __name__ == "__main__":
    sys.exit(main())
