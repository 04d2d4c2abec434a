"""Runs of pytest on equal tests of one model, and where their time went."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from benchmarks.models import write_model
from pytest_trtperf.backend.probe import Gpu
from pytest_trtperf.record.json_file import read_runs
from pytest_trtperf.record.model import MeasurementRecord, RoundRecord

TESTS, BUDGET_MS = 8, 100
EQUAL = f"""
import pytest

@pytest.mark.parametrize("number", range({TESTS}))
def test_chain(trt_engine, trt_measure, number):
    trt_measure(trt_engine("model.onnx")).assert_p99(ms={BUDGET_MS})
"""


@dataclass(frozen=True)
class Run:
    """A run of pytest that has ended; times are seconds of CLOCK_MONOTONIC."""

    begun: float
    ended: float
    measurements: list[MeasurementRecord]

    @property
    def rounds(self) -> list[RoundRecord]:
        """All that were timed, those that were measured again included."""
        return [*chain.from_iterable((*one.rounds, *one.set_aside) for one in self.measurements)]

    def seconds(self, gpus: int) -> dict[str, float]:
        """Where the time went; what was done on several GPUs counts by its mean.

        `start` is until the first warm-up, `end` from the last round on, `between` what else lies
        between rounds: processes of sessions, judging, and a GPU that has nothing left to do.
        """
        rounds, first = self.rounds, min(self.measurements, key=lambda one: one.rounds[0].started)
        last = max(one.ended for one in rounds)
        known = {
            "start": min(one.started for one in rounds) - _warm_up_s(first) - self.begun,
            "warm-ups": sum(map(_warm_up_s, self.measurements)) / gpus,
            "rounds": sum(one.ended - one.started for one in rounds) / gpus,
            "end": self.ended - last,
        }
        total = self.ended - self.begun
        return {"total": total, **known, "between": total - sum(known.values())}


def _warm_up_s(one: MeasurementRecord) -> float:
    return sum(float(session.warm_up["seconds"]) for session in one.sessions)


class Project:
    """A directory with the model and the tests.

    Args:
        options: of each run.
    """

    def __init__(self, directory: Path, model: str, options: Sequence[str]) -> None:
        self._directory, self._options, self._started = directory, options, 0
        write_model(model, directory).rename(directory / "model.onnx")
        (directory / "test_equal.py").write_text(EQUAL)
        (directory / "pytest.ini").write_text("[pytest]\n")

    def run(self, gpus: Sequence[Gpu], *options: str, at_once: int = 1) -> list[Run]:
        """Runs pytest on these GPUs, so many processes at the same time.

        Raises:
            RuntimeError: it did not get to its end, or a test measured nothing.
        """
        started = [self._start(gpus, options) for _ in range(at_once)]
        ended = [(process.wait(), time.monotonic()) for _, process, _ in started]
        runs = []
        for (begun, _, files), (status, end) in zip(started, ended, strict=True):
            # 1 is a test that failed, which the verdicts show.
            if status not in (0, 1):
                raise RuntimeError(f"pytest ended with {status}:\n{files['log'].read_text()}")
            (record,) = read_runs(files["json"])
            if len(record.measurements) < TESTS:
                raise RuntimeError(f"a test measured nothing:\n{files['log'].read_text()}")
            runs.append(Run(begun, end, record.measurements))
        return runs

    def _start(
        self, gpus: Sequence[Gpu], options: Sequence[str]
    ) -> tuple[float, subprocess.Popen[bytes], dict[str, Path]]:
        self._started += 1
        files = {kind: self._directory / f"{self._started}.{kind}" for kind in ("json", "log")}
        command = [
            sys.executable, "-m", "pytest", "-p", "pytest_trtperf.plugin", "-p", "xdist.plugin",
            "-p", "no:cacheprovider", "--trtperf", f"--trtperf-json={files['json']}",
            *self._options, *options,
        ]  # fmt: skip
        with files["log"].open("wb") as log:
            begun = time.monotonic()
            process = subprocess.Popen(
                command,
                cwd=self._directory,
                env=self._environment(gpus),
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        return begun, process, files

    def _environment(self, gpus: Sequence[Gpu]) -> dict[str, str]:
        """The caller's, less what would change the runs; the caller's locks are kept."""
        left_out = ("TRTPERF_", "PYTEST_", "PYTHONDONTWRITEBYTECODE")
        kept = {
            name: value
            for name, value in os.environ.items()
            if name == "TRTPERF_LOCK_DIR" or not name.startswith(left_out)
        }
        kept["TRTPERF_CACHE_DIR"] = str(self._directory / "cache")
        # Other plugins only add time, and this one is named, installed or not.
        kept["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        if path := os.environ.get("PYTHONPATH"):
            kept["PYTHONPATH"] = os.pathsep.join(map(os.path.abspath, path.split(os.pathsep)))
        if gpus:
            kept["CUDA_VISIBLE_DEVICES"] = ",".join(gpu.uuid for gpu in gpus)
        return kept
