"""Comparisons of rounds with a baseline, for the tests of the judge."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from pytest_trtperf.analysis.shift import Controls
from pytest_trtperf.baseline.schema import (
    BaselineEntry,
    BaselineRound,
    BaselineRun,
    BaselineSession,
)
from pytest_trtperf.judge.comparison import Comparison, Surroundings
from pytest_trtperf.judge.policy import Policy
from pytest_trtperf.judge.repository import Repository
from pytest_trtperf.judge.subject import Subject
from pytest_trtperf.record.model import EngineRecord, RoundRecord
from pytest_trtperf.record.verdict import VerdictRecord

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
    sessions: int = 3,
    stored_sessions: int = 3,
    host_bound: bool = False,
    doubt: str | None = None,
    notes: list[str] | None = None,
    engine: EngineRecord = ENGINE,
    controls: Controls | None = None,
) -> dict[str, VerdictRecord]:
    """The verdicts on an engine that once took 1 ms, by metric.

    Args:
        now: the rounds of each session.
        sessions: measured now; with three of them two are fresh.
    """
    taken = now or rounds(slowdown, 0.001, contention, yardstick_ms)
    return judged(
        [taken] * sessions, noise=noise, software=software, policy=policy, change=change,
        stored_sessions=stored_sessions, host_bound=host_bound, doubt=doubt, notes=notes,
        engine=engine, controls=controls,
    )  # fmt: skip


def judged(
    sessions: list[list[RoundRecord]],
    *,
    noise: float = 0.001,
    software: Mapping[str, str] = MappingProxyType({}),
    policy: Policy = Policy(),  # noqa: B008  # frozen
    change: Callable[[BaselineSession], BaselineSession] = lambda session: session,
    stored_sessions: int = 3,
    host_bound: bool = False,
    doubt: str | None = None,
    notes: list[str] | None = None,
    engine: EngineRecord = ENGINE,
    controls: Controls | None = None,
) -> dict[str, VerdictRecord]:
    """The verdicts on sessions, each given by its rounds."""
    before = [
        BaselineRound(queries=one.queries, throughput=one.throughput, quantiles=one.quantiles)
        for one in rounds(1.0, noise)
    ]
    run = BaselineRun(
        recorded="2026-01-01T00:00:00Z",
        plan="p",
        software={"tensorrt": "10"},
        sessions=[change(BaselineSession(rounds=before))] * stored_sessions,
    )
    entry = BaselineEntry(engine="e", mode=MODE, shapes={}, runs=[run])
    subject = Subject(
        test="t", key="t", module="t", baseline_dir="", device="cpu", engine=engine,
        software=software, baseline=entry, compares=True, records=True,
    )  # fmt: skip
    around = Surroundings(Repository(lambda: [entry]), controls or Controls())
    comparison = Comparison(subject, entry, policy, around, mode=MODE, shapes={})
    verdicts = comparison.judge(sessions, host_bound=host_bound, doubt=doubt)
    found = {one.metric: one for one in verdicts}
    if notes is not None:
        notes += comparison.notes
    return found
