"""The walk of the example project works when it is copied out, with ONNX Runtime."""

from __future__ import annotations

import shutil
import subprocess

from tests.docs.pages import ROOT, blocks_of
from tests.docs.walk import Walk

EXAMPLE = ROOT / "example_project"


def test_the_walk(walk: Walk) -> None:
    walk.folder /= "copied"
    shutil.copytree(EXAMPLE, walk.folder, ignore=shutil.ignore_patterns("models", "__pycache__"))
    subprocess.run(["git", "init", "--quiet", str(walk.folder)], check=True)
    # Short, and yet long enough for a verdict on a machine with other work.
    short = {"TRTPERF_ROUND_MS": "60", "TRTPERF_ROUND_QUERIES": "20", "TRTPERF_MAX_WARM_UP": "1"}
    walk.variables = {**walk.variables, **short}
    assert walk.follow(blocks_of(EXAMPLE / "README.md")) == 4
