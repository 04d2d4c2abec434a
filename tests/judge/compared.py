"""Comparisons of rounds with a baseline, for the tests of the judge."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
    one = comparison(
        noise=noise, software=software, policy=policy, change=change,
        stored_sessions=stored_sessions, engine=engine, controls=controls,
    )  # fmt: skip
    found = {one.metric: one for one in one.judge(sessions, host_bound=host_bound, doubt=doubt)}
    if notes is not None:
        notes += one.notes
    return found


def comparison(
    *,
    noise: float = 0.001,
    software: Mapping[str, str] = MappingProxyType({}),
    policy: Policy = Policy(),  # noqa: B008  # frozen
    change: Callable[[BaselineSession], BaselineSession] = lambda session: session,
    stored_sessions: int = 3,
    slowdowns: Sequence[float] = (1.0,),
    engine: EngineRecord = ENGINE,
    controls: Controls | None = None,
    mode: Mapping[str, bool | int | float | str] = MappingProxyType(MODE),
    shapes: Mapping[str, Sequence[int]] = MappingProxyType({}),
    stored_mode: Mapping[str, bool | int | float | str] = MappingProxyType(MODE),
    stored_shapes: Mapping[str, Sequence[int]] = MappingProxyType({}),
) -> Comparison:
    """A comparison with a baseline of an engine that took 1 ms.

    Args:
        change: what the stored sessions are beside that.
        slowdowns: of its runs.
    """
    runs = [
        BaselineRun(
            recorded=f"2026-01-0{day}T00:00:00Z",
            plan="p",
            software={"tensorrt": "10"},
            sessions=[change(BaselineSession(rounds=_stored(slowdown, noise)))] * stored_sessions,
        )
        for day, slowdown in enumerate(slowdowns, 1)
    ]
    entry = BaselineEntry(
        engine="e",
        mode=dict(stored_mode),
        shapes={name: list(shape) for name, shape in stored_shapes.items()},
        runs=runs,
    )
    subject = Subject(
        test="t", key="t", module="t", baseline_dir="", device="cpu", engine=engine,
        software=software, baseline=entry, compares=True, records=True,
    )  # fmt: skip
    around = Surroundings(Repository(lambda: [entry]), controls or Controls())
    return Comparison(subject, entry, policy, around, mode=mode, shapes=shapes)


def _stored(slowdown: float, noise: float) -> list[BaselineRound]:
    return [
        BaselineRound(queries=one.queries, throughput=one.throughput, quantiles=one.quantiles)
        for one in rounds(slowdown, noise)
    ]
