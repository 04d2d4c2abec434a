"""What is measured, and what it is compared with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pytest_trtperf.baseline.schema import BaselineEntry
from pytest_trtperf.record.model import EngineRecord, SweepRecord


@dataclass(frozen=True)
class Subject:
    """One engine with concrete shapes and a load, in one test.

    Attributes:
        key: of the baseline entry.
        engine: what a record keeps of it.
        baseline: None where there is none yet.
        compares: whether the baseline is to be used.
        records: whether the measurement may become a baseline itself.
        sweep: the sweep that it is a point of.
        host: this machine, as builds name theirs; None where that is not known.
    """

    test: str
    key: str
    module: str
    baseline_dir: str
    device: str
    engine: EngineRecord
    software: Mapping[str, str]
    baseline: BaselineEntry | None
    compares: bool
    records: bool
    sweep: SweepRecord | None = None
    host: str | None = None
