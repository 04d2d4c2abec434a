"""A project of one model: the test that `trtperf init` writes for it, and runs of that test."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.models_of_others.packages import EDITS


@dataclass(frozen=True)
class Outcome:
    """How a test fared.

    Attributes:
        outcome: ``as it is``, ``one edit``, ``fails`` or ``time limit``.
        said: by the run that failed, as it is or with the edit.
        seconds: the last run took.
    """

    outcome: str
    said: str
    seconds: float
    edit: str = ""


class Project:
    """A directory with a model's first test.

    Args:
        limit_s: of one run.
    """

    def __init__(self, package: str, onnx: Path, projects: Path, limit_s: float = 600) -> None:
        self.onnx, self._limit_s = onnx, limit_s
        self.folder = projects / f"{package}-{onnx.parent.name}-{onnx.stem}"
        (self.folder / "perf-baselines").mkdir(parents=True, exist_ok=True)
        (self.folder / "pytest.ini").write_text("[pytest]\n")
        self._test = self.folder / "test_performance.py"
        self._test.unlink(missing_ok=True)
        self._run("-m", "pytest_trtperf.cli", "init", str(onnx.resolve()))

    def tried(self, *options: str) -> Outcome:
        """The test with these options of pytest, as it is and then with the edit."""
        first = self._tried(*options)
        before, after = EDITS.get(self.onnx.name, ("", ""))
        source = self._test.read_text()
        if first.outcome != "fails" or not before or before not in source:
            return first
        self._test.write_text(source.replace(before, after))
        again = self._tried(*options)
        edit = f"{before.strip()} -> {after.strip()}"
        outcome = "one edit" if again.outcome == "as it is" else again.outcome
        return Outcome(outcome, again.said or first.said, again.seconds, edit)

    def _tried(self, *options: str) -> Outcome:
        start = time.perf_counter()
        try:
            done = self._run("-m", "pytest", "-p", "no:cacheprovider", "-q", *options)
        except subprocess.TimeoutExpired:
            return Outcome("time limit", f"no end within {self._limit_s:.0f} s", self._limit_s)
        seconds = round(time.perf_counter() - start, 1)
        if done.returncode == 0:
            return Outcome("as it is", "", seconds)
        lines = [line[1:].strip() for line in done.stdout.splitlines() if line.startswith("E  ")]
        lines = [line for line in lines if not line.startswith("the whole log: ")]
        said = "\n".join(lines) or (done.stdout + done.stderr)[-2000:]
        return Outcome("fails", said.replace(f"{self.onnx.resolve().parent}{os.sep}", ""), seconds)

    def _run(self, *words: str) -> subprocess.CompletedProcess[str]:
        root = str(Path(__file__).resolve().parents[2])
        path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH", ""))))
        return subprocess.run(
            [sys.executable, *words], cwd=self.folder, env={**os.environ, "PYTHONPATH": path},
            capture_output=True, text=True, check=False, timeout=self._limit_s,
        )  # fmt: skip
