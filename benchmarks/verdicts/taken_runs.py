"""One run of an engine, judged as in a test, and what a case of `gate_runs.py` keeps of it."""

from __future__ import annotations

import hashlib
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

import numpy as np

from benchmarks import harness
from benchmarks.verdicts.peer_gates import Samples, alarms
from pytest_trtperf.analysis.regression import LOOKS
from pytest_trtperf.analysis.summary import QUANTILES
from pytest_trtperf.backend.probe import Gpu
from pytest_trtperf.backend.protocols import Session
from pytest_trtperf.backend.session import Mode
from pytest_trtperf.baseline.schema import BaselineEntry
from pytest_trtperf.errors import PerfAssertionError
from pytest_trtperf.fixtures.judged import JudgedMeasurement
from pytest_trtperf.judge.subject import Subject
from pytest_trtperf.measure.device_lock import DeviceLock, device_lock
from pytest_trtperf.measure.load import Load
from pytest_trtperf.measure.measurement import Effort, Measurement
from pytest_trtperf.options.declared import Settings
from pytest_trtperf.record.as_baseline import baseline_entry
from pytest_trtperf.record.model import EngineRecord, MeasurementRecord

Case = dict[str, Any]


@dataclass
class Served:
    """An engine on the GPU, built and with its kernels compiled."""

    model: harness.Model
    plan: bytes
    runtime_cache: bytes | None = None

    @classmethod
    def build(cls, chain: str) -> Served:
        """Builds the engine of a chain, and compiles what it needs."""
        model = harness.chain(chain)
        plan = model.build()
        return cls(model, plan, harness.compile_kernels(plan, model.shapes, Mode(cuda_graph=True)))

    def session(self) -> AbstractContextManager[Session]:
        """A session in a process of its own."""
        mode = Mode(cuda_graph=True)
        return harness.open_session(self.plan, self.model.shapes, mode, self.runtime_cache)


def subject(device: str, entry: BaselineEntry | None = None, plan: bytes = b"") -> Subject:
    """A measurement with or without a baseline."""
    sha256 = hashlib.sha256(plan).hexdigest()
    engine = EngineRecord(name="chain", backend=harness.BACKEND, digest="chain", plan_sha256=sha256)
    return Subject(
        test="benchmark", key="benchmark", module="benchmark", baseline_dir="", device=device,
        engine=engine, software={}, baseline=entry, compares=True, records=True,
    )  # fmt: skip


def measurement(
    session: Session, settings: Settings, gpu: Gpu | None, lock: DeviceLock
) -> Measurement:
    """A measurement with the rounds that settings ask for."""
    effort = Effort(round_queries=settings.round_queries, max_time=settings.max_time)
    return Measurement(session, effort, Load(), lock, gpu.uuid if gpu else None)


@contextmanager
def recorded() -> Iterator[None]:
    """Verdicts are read from the record."""
    with suppress(PerfAssertionError), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@dataclass(frozen=True)
class Taken:
    """A run: what is recorded of it, and the queries of its first rounds, in milliseconds."""

    record: MeasurementRecord
    queries: Samples
    seconds: float

    @property
    def entry(self) -> BaselineEntry:
        """The run as a baseline."""
        return baseline_entry(self.record, {})

    def summary(self) -> Case:
        """What is kept of it."""
        engine_time = "gpu_compute" if "gpu_compute" in self.record.summary else "latency"
        middle = QUANTILES.index(0.5)
        return {
            "median": [
                float(f"{one.quantiles[engine_time][middle]:.6g}") for one in self.record.rounds
            ],
            "throughput": [float(f"{one.throughput:.6g}") for one in self.record.rounds],
            "contention": [one.contention for one in self.record.rounds],
            "yardstick_ms": [one.yardstick_ms for one in self.record.rounds],
            "sm_clock_mhz": [one.after.get("sm_clock_mhz") for one in self.record.rounds],
            "queries": self.record.rounds[0].queries,
            "set_aside": len(self.record.set_aside),
            "steady": self.record.sessions[0].warm_up["steady"],
            "warm_up_s": round(self.record.sessions[0].warm_up["seconds"], 3),
            "rounds_s": round(sum(one.ended - one.started for one in self.record.rounds), 3),
            "seconds": round(self.seconds, 3),
        }


def take(
    session: Callable[[], AbstractContextManager[Session]],
    settings: Settings,
    gpu: Gpu | None,
    device: str,
    entry: BaselineEntry | None = None,
) -> Taken:
    """Takes one run, judged against a baseline if there is one."""
    start = time.perf_counter()
    with session() as opened:
        lock = device_lock(None, gpu.uuid if gpu else "host")
        measured = measurement(opened, settings, gpu, lock)
        judged = JudgedMeasurement(measured, subject(device, entry), settings)
        with recorded():
            judged.conclude()
        metric = judged.numbers.engine_metric
        rounds = [round.trace.samples(metric) for round in measured.rounds[: LOOKS[0]]]
    seconds = time.perf_counter() - start
    return Taken(judged.record(), np.concatenate(rounds), seconds)


def case(part: str, device: str, engines: tuple[str, str], before: Taken, after: Taken) -> Case:
    """A run beside its baseline, as it is kept."""
    return {
        "part": part,
        "engines": engines,
        "device": device,
        "at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "verdicts": [
            {
                name: getattr(verdict, name)
                for name in ("metric", "status", "reason", "change", "lower", "upper", "failed")
            }
            for verdict in after.record.verdicts
        ],
        "peers": alarms(before.queries, after.queries),
        "before": before.summary(),
        "after": after.summary(),
    }
