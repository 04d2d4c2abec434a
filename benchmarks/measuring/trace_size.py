"""How much memory a million-query trace takes, and how long everything that is kept of it.

    python -m benchmarks.measuring.trace_size [--queries 1000000] [--repeats 5] [--json FILE]

Needs cuda-python, and no GPU: the traces are left by the timed loops on `no_driver.py`'s CUDA
runtime, with stage times drawn at random in place of its constant ones. Timed is
`JudgedMeasurement.record`: the summary of each metric, the quantiles of each metric and round, and
the findings. Exits 1 when a target is missed, for a million queries:

- under 64 MB for a trace, with the starts of stages that an export asks for too,
- under 1 s for a record; the median of the repeats, each on a new measurement.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.loads.max_qps import subject
from benchmarks.measuring.no_driver import session_without_driver
from pytest_trtperf.backend.session import Mode
from pytest_trtperf.backend.tensorrt.loop import run_closed, run_open
from pytest_trtperf.backend.tensorrt.session import TensorRTSession
from pytest_trtperf.backend.trace import STAGES, Extent, Trace
from pytest_trtperf.fixtures.judged import JudgedMeasurement
from pytest_trtperf.measure.device_state import DeviceState
from pytest_trtperf.measure.load import Load
from pytest_trtperf.measure.measurement import Effort, Measurement
from pytest_trtperf.measure.rounds import Round
from pytest_trtperf.options.declared import Settings

MILLION = 1_000_000
MAX_MB = 64.0
MAX_S = 1.0
RATE = 100_000.0
MEDIANS_MS = {"h2d": 0.1, "gpu_compute": 0.43, "d2h": 0.02}

Draw = Callable[[np.random.Generator, int], npt.NDArray[np.float64]]


def steady(random: np.random.Generator, queries: int) -> npt.NDArray[np.float64]:
    """Times around 1 as those of a quiet GPU are."""
    return random.lognormal(0.0, 0.003, queries)


def unquiet(random: np.random.Generator, queries: int) -> npt.NDArray[np.float64]:
    """Three modes, in bursts, and one outlier in a thousand: all that the findings look for."""
    modes = np.repeat(random.choice([1.0, 1.1, 1.3], queries // 1000 + 1), 1000)[:queries]
    outliers = np.where(random.random(queries) < 1e-3, 3.0, 1.0)
    times: npt.NDArray[np.float64] = steady(random, queries) * modes * outliers
    return times


@dataclass(frozen=True)
class Case:
    """A measurement of so many rounds, and how its times are drawn."""

    name: str
    draw: Draw
    load: Load = Load()
    rounds: int = 1
    starts: bool = False

    def traces(self, session: TensorRTSession, queries: int) -> list[Trace]:
        """Rounds of `queries` in all."""
        random = np.random.default_rng(0)
        traces = [self._trace(session, queries // self.rounds) for _ in range(self.rounds)]
        return [replace(trace, stages=self._stages(trace, random)) for trace in traces]

    def _trace(self, session: TensorRTSession, queries: int) -> Trace:
        if not self.load.is_open:
            return run_closed(session, Extent(0, queries, queries), starts=self.starts)
        schedule = self.load.schedule(0, queries, 0)
        return run_open(session, schedule, backlog_ms=1e9, starts=self.starts)

    def _stages(
        self, trace: Trace, random: np.random.Generator
    ) -> dict[str, npt.NDArray[np.float32]]:
        return {
            name: (MEDIANS_MS[name] * self.draw(random, trace.queries)).astype(np.float32)
            for name in STAGES
        }


CASES = (
    Case("closed, steady", steady),
    Case("closed, three modes and outliers", unquiet),
    Case("closed, 20 rounds, modes and outliers", unquiet, rounds=20),
    Case("open, with starts, modes and outliers", unquiet, Load(RATE), starts=True),
)


class Measured(Measurement):
    """A measurement that has all its rounds."""

    def __init__(self, session: TensorRTSession, load: Load, traces: list[Trace]) -> None:
        super().__init__(session, Effort(), load, contextlib.nullcontext(), None)
        state = DeviceState()
        for number, trace in enumerate(traces):
            self.sessions[0].rounds.append(Round(trace, state, state, number, number + 1.0))

    def extend(self, rounds: int) -> bool:
        """Adds nothing."""
        return True


def record_seconds(session: TensorRTSession, load: Load, traces: list[Trace]) -> tuple[float, int]:
    """How long a record takes, and how many findings it has."""
    judged = JudgedMeasurement(Measured(session, load, traces), subject("none"), Settings())
    start = time.perf_counter()
    record = judged.record()
    return time.perf_counter() - start, len(record.findings)


def main() -> int:
    """Make the traces, print the table and judge."""
    parser = argparse.ArgumentParser(description="Memory and summary of a million queries.")
    parser.add_argument("--queries", type=int, default=MILLION, help="of each trace (1000000)")
    parser.add_argument("--repeats", type=int, default=5, help="records of each trace (5)")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    options = parser.parse_args()
    million = options.queries / MILLION
    print(f"Python {sys.version.split()[0]}, numpy {np.__version__}, {options.queries} queries\n")
    print("| trace | MB | bytes per query | record s | findings | target |")
    print("|---|---|---|---|---|---|")
    session, _ = session_without_driver(Mode())
    kept, raw = True, []
    for case in CASES:
        traces = case.traces(session, options.queries)
        megabytes = sum(trace.nbytes for trace in traces) / 1e6
        timed = [record_seconds(session, case.load, traces) for _ in range(options.repeats)]
        seconds, findings = [one for one, _ in timed], timed[0][1]
        took = statistics.median(seconds)
        missed = [] if megabytes < MAX_MB * million else ["memory"]
        missed += [] if took < MAX_S * million else ["time"]
        kept = kept and not missed
        raw.append({"trace": case.name, "mb": megabytes, "seconds": seconds})
        print(
            f"| {case.name} | {megabytes:.1f} | {1e6 * megabytes / options.queries:.0f} "
            f"| {took:.2f} ({min(seconds):.2f} .. {max(seconds):.2f}) | {findings} "
            f"| under {MAX_MB * million:g} MB and {MAX_S * million:g} s: "
            f"{'missed: ' + ', '.join(missed) if missed else 'kept'} |",
            flush=True,
        )
    if options.json:
        options.json.write_text(json.dumps(raw, indent=1) + "\n")
    print(f"\n{'all targets kept' if kept else 'TARGETS MISSED'}")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
