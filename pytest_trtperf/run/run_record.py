"""A run as plain data."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pytest

from pytest_trtperf import __version__
from pytest_trtperf.backend.probe import Gpu
from pytest_trtperf.measure.device_facts import read_device_facts
from pytest_trtperf.options.recorded import recorded_options
from pytest_trtperf.record.item import ItemRecord
from pytest_trtperf.record.model import Measured, RunRecord
from pytest_trtperf.record.origin import GpuRecord
from pytest_trtperf.utc import utc_now

if TYPE_CHECKING:
    from pytest_trtperf.run.run import Run


def run_record(run: Run, exit_status: int) -> RunRecord:
    """The whole run."""
    tests = tests_of(run)
    cut_short = exit_status in (pytest.ExitCode.INTERRUPTED, pytest.ExitCode.INTERNAL_ERROR)
    return RunRecord(
        **_circumstances(run),
        created=utc_now(),
        exit_status=exit_status,
        measurements=[record for record, _ in run.measurements],
        max_qps=run.max_qps,
        pairs=run.pairs,
        tests=tests,
        errors=run.errors,
        complete=not (cut_short or any(one.outcome == "unfinished" for one in tests)),
    )


def tests_of(run: Run) -> list[ItemRecord]:
    """All tests that measure, as they stand now."""
    return run.items.records(_swallowed(run.measured))


def begun_record(run: Run) -> RunRecord:
    """A run that has measured nothing yet, and that is not complete if this is all of it."""
    interrupted = int(pytest.ExitCode.INTERRUPTED)
    return RunRecord(
        **_circumstances(run),
        created=run.begun,
        exit_status=interrupted,
        measurements=[],
        complete=False,
    )


def _circumstances(run: Run) -> dict[str, Any]:
    target, origin = run.target, run.origin
    return {
        "plugin": __version__,
        "pytest": pytest.__version__,
        "backend": target.probe.backend,
        "device": target.device,
        "hardware_class": target.hardware_class,
        "software": target.probe.software,
        "started": run.begun,
        "host": run.host,
        "gpus": [_gpu(gpu) for gpu in run.gpus.values()],
        "commit": origin.commit,
        "commit_time": origin.commit_time,
        "branch": origin.branch,
        "dirty": origin.dirty,
        "ci": origin.ci,
        "project": origin.project,
        "options": recorded_options(run.settings),
        "seconds": {phase: round(taken, 3) for phase, taken in run.seconds.items()},
    }


def _gpu(gpu: Gpu) -> GpuRecord:
    return GpuRecord(
        uuid=gpu.uuid,
        name=gpu.name,
        compute_capability=gpu.compute_capability,
        sm_count=gpu.sm_count,
        memory_mib=gpu.memory_mib,
        **asdict(read_device_facts(gpu.uuid)),
    )


def _swallowed(measured: Iterable[Measured]) -> dict[str, list[str]]:
    """By test the messages of verdicts that failed."""
    found: dict[str, list[str]] = defaultdict(list)
    for record in measured:
        found[record.test] += [one.message for one in record.verdicts if one.failed]
    return found
