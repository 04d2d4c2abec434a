"""Records that the tests of this floor share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pytest_trtperf.baseline.schema import (
    BaselineEntry,
    BaselineRound,
    BaselineRun,
    BaselineSession,
)


def make_entry(level: float = 1.0, **changes: Any) -> BaselineEntry:
    quantiles = [level * (1 + index / 100) for index in range(21)]
    one = BaselineRound(queries=500, throughput=1000 / level, quantiles={"latency": quantiles})
    run = BaselineRun(
        recorded="2026-01-02T03:04:05Z",
        plan="ab" * 32,
        software={"driver": "1"},
        sessions=[BaselineSession(rounds=[one] * 2)],
    )
    fields: dict[str, Any] = {
        "engine": "cd" * 32,
        "mode": {"cuda_graph": False, "concurrency": 2, "rate": 1 / 3, "inputs": "random"},
        "shapes": {"input": [8, 3, 224, 224]},
        "runs": [run],
    }
    return BaselineEntry(**{**fields, **changes})


@pytest.fixture
def entry() -> Callable[..., BaselineEntry]:
    """Makes an entry with one run of two rounds, all latencies scaled by `level`."""
    return make_entry
