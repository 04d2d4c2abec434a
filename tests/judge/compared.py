"""Comparisons of rounds with a baseline, for the tests of the judge."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from pytest_trtperf.baseline.schema import (
    BaselineEntry,
    BaselineRound,
    BaselineRun,
    BaselineSession,
)
from pytest_trtperf.judge.comparison import Comparison
from pytest_trtperf.judge.policy import Policy
from pytest_trtperf.judge.subject import Subject
from pytest_trtperf.record.model import EngineRecord, RoundRecord, VerdictRecord

ENGINE = EngineRecord(name="m", backend="b", digest="d", plan_sha256="p")
MODE: dict[str, bool | int | float | str] = {"load": "closed"}
TAIL = np.linspace(0.99, 1.02, 21)


def rounds(
    slowdown: float,
    noise: float,
    contention: float | None = None,
    yardstick_ms: float | None = None,
) -> list[RoundRecord]:
    """Five rounds of an engine that takes 1 ms, or longer."""
    levels = slowdown * np.exp(np.random.default_rng(0).normal(0, noise, 5))
    return [
        RoundRecord(
            queries=1000, throughput=1e3 / level, quantiles={"latency": (level * TAIL).tolist()},
            started=0.0, ended=1.0, before={}, after={}, contention=contention,
            yardstick_ms=yardstick_ms,
        )
        for level in levels
    ]  # fmt: skip


def verdicts(
    slowdown: float = 1.0,
    contention: float | None = None,
    *,
    noise: float = 0.001,
    yardstick_ms: float | None = None,
    software: Mapping[str, str] = MappingProxyType({}),
    policy: Policy = Policy(),  # noqa: B008  # frozen
    change: Callable[[BaselineSession], BaselineSession] = lambda session: session,
    now: list[RoundRecord] | None = None,
    extend: Callable[[int], bool] = lambda look: False,
    host_bound: bool = False,
    doubt: str | None = None,
    notes: list[str] | None = None,
) -> dict[str, VerdictRecord]:
    """The verdicts on an engine that once took 1 ms, by metric."""
    before = [
        BaselineRound(queries=one.queries, throughput=one.throughput, quantiles=one.quantiles)
        for one in rounds(1.0, noise)
    ]
    run = BaselineRun(
        recorded="2026-01-01T00:00:00Z",
        plan="p",
        software={},
        sessions=[change(BaselineSession(rounds=before))],
    )
    entry = BaselineEntry(engine="e", mode=MODE, shapes={}, runs=[run])
    subject = Subject(
        test="t", key="t", module="t", baseline_dir="", device="cpu", engine=ENGINE,
        software=software, baseline=entry, compares=True, records=True,
    )  # fmt: skip
    taken = now or rounds(slowdown, 0.001, contention, yardstick_ms)
    comparison = Comparison(
        subject, entry, policy, rounds=lambda: taken, extend=extend, mode=MODE, shapes={}
    )
    found = {
        one.metric: one for one in comparison.judge(host_bound=host_bound, doubt=lambda: doubt)
    }
    if notes is not None:
        notes += comparison.notes
    return found
