"""The same models with TensorRT for RTX: which build, which are refused and with which advice.

Runs the test that `trtperf init` writes through `pytest --trtperf-build-only`, which needs no GPU;
with --measure those that were built are measured, which needs one. Each model is a line that is
appended to RESULTS; those that are there are not tried again, so that a run that ended early
goes on.

    python -m benchmarks.models_of_others.on_rtx DIRECTORY RESULTS [--measure] [--minutes 9]
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.models_of_others.packages import models
from benchmarks.models_of_others.project import Outcome, Project

ADVICE = "what to do: "
_WORKS = ("as it is", "one edit")
_RECORD = "run.json"


def main() -> int:
    """1 where a model neither works nor has a message that says what to do."""
    arguments = _arguments()
    begun = time.monotonic()
    done = _read(arguments.results)
    stage = "measure" if arguments.measure else "build"
    for model in models(arguments.directory):
        about = {"stage": stage, "package": model.package, "model": model.name}
        if _key(about) in done or not _is_wanted(about, done):
            continue
        spent_s = time.monotonic() - begun
        if spent_s + 15 > arguments.minutes * 60:
            print("no time is left: run it again to go on")
            break
        limit_s = min(arguments.limit, arguments.minutes * 60 - spent_s)
        project = Project(model.package, model.onnx, arguments.directory / "projects", limit_s)
        row = {**about, **_row(project.tried(*_options(stage, arguments.backend)))}
        if stage == "measure" and row["outcome"] in _WORKS:
            row |= _figures(project.folder / _RECORD)
        done[_key(about)] = row
        with arguments.results.open("a", encoding="utf-8") as file:
            file.write(f"{json.dumps(row)}\n")
        print(f"{model.package} {model.name}: {row['outcome']} ({row['seconds']} s)", flush=True)
    print(f"{(time.monotonic() - begun) / 60:.1f} minutes used")
    return _judged([row for row in done.values() if row["stage"] == stage])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    option = parser.add_argument
    option("directory", type=Path)
    option("results", type=Path, help="JSON lines, which grow")
    option("--measure", action="store_true", help="measure those that were built")
    option("--backend", default="tensorrt-rtx")
    option("--limit", type=float, default=180, help="seconds for one run of a model")
    option("--minutes", type=float, default=9, help="for all that this run tries")
    return parser.parse_args()


def _options(stage: str, backend: str) -> Sequence[str]:
    which = f"--trtperf-backend={backend}"
    if stage == "build":
        return "--trtperf-build-only", which
    return "--trtperf", which, "--trtperf-max-time=6", f"--trtperf-json={_RECORD}"


def _figures(record: Path) -> dict[str, Any]:
    """What was measured; ms, queries per second."""
    run = json.loads(record.read_text(encoding="utf-8"))
    (one,) = run["measurements"]
    figures = {metric: {key: values[key] for key in ("median", "p99")}
               for metric, values in one["summary"].items()}  # fmt: skip
    about = {"device": one["device"], "backend_version": run["software"].get(run["backend"])}
    return {**about, "throughput": one["throughput"], **figures}


def _read(results: Path) -> dict[tuple[str, ...], dict[str, Any]]:
    lines = results.read_text(encoding="utf-8").splitlines() if results.exists() else []
    rows = [json.loads(line) for line in lines]
    return {_key(row): row for row in rows}


def _key(row: Mapping[str, Any]) -> tuple[str, ...]:
    return row["stage"], row["package"], row["model"]


def _is_wanted(about: Mapping[str, Any], done: Mapping[tuple[str, ...], Mapping[str, Any]]) -> bool:
    """Whether the model was built, where it is to be measured."""
    built = done.get(("build", about["package"], about["model"]))
    return about["stage"] == "build" or built is None or built["outcome"] in _WORKS


def _row(found: Outcome) -> dict[str, Any]:
    row: dict[str, Any] = {"outcome": found.outcome, "seconds": found.seconds, "said": found.said}
    if found.outcome in _WORKS:
        row["said"] = ""
    else:
        row["advised"] = ADVICE in found.said
    return {**row, **({"edit": found.edit} if found.edit else {})}


def _judged(rows: Sequence[Mapping[str, Any]]) -> int:
    works = sum(row["outcome"] in _WORKS for row in rows)
    refused = [row for row in rows if row["outcome"] not in _WORKS]
    advised = sum(row["advised"] for row in refused)
    print(f"{works} of {len(rows)} work; of {len(refused)} others {advised} say what to do")
    return int(advised < len(refused))


if __name__ == "__main__":
    sys.exit(main())
