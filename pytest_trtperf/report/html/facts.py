"""What was measured, how and with what: the facts of a record by name, as the page lists them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pytest_trtperf.record.base import Number
from pytest_trtperf.record.baseline_state import baseline_words
from pytest_trtperf.record.model import (
    AgainstRecord,
    EngineRecord,
    MaxQpsRecord,
    MeasurementRecord,
    PairRecord,
)
from pytest_trtperf.report.outcomes import cost_words
from pytest_trtperf.text import counted


def measurement_facts(one: MeasurementRecord) -> dict[str, str]:
    """The engine, how it was measured, and what the baseline was recorded with."""
    facts = {
        "device": one.device,
        **_engine(one.engine),
        "shapes": _shapes(one.shapes),
        **_mode(one.mode),
        **_sessions(one),
        "time to steady": _measured(one.time_to_steady_s, "s"),
        **_costs(one),
        "queries": f"{sum(round.queries for round in one.rounds):,}",
        "rounds": f"{len(one.rounds)} kept, {len(one.set_aside)} set aside",
        "baseline": baseline_words(one),
    }
    if then := one.against:
        facts |= {
            "baseline recorded": f"{then.recorded} ({_extent(then)})",
            "baseline plan": then.plan,
            "baseline software": _pairs(then.software),
        }
    return facts


def max_qps_facts(one: MaxQpsRecord) -> dict[str, str]:
    """The engine, and how its highest rate was searched for."""
    return {
        "device": one.device,
        **_engine(one.engine),
        "shapes": _shapes(one.shapes),
        **_mode(one.mode),
        "throughput under a closed load": f"{one.closed_qps:.5g} qps",
    }


def pair_facts(one: PairRecord) -> dict[str, str]:
    """What the two engines are, and how each was measured."""
    facts = {"device": one.device, "blocks": str(one.blocks)}
    for role, engine in one.engines.items():
        facts |= {f"{role} {name}": text for name, text in _engine(engine).items()}
    for role, mode in one.modes.items():
        facts |= {f"{role} {name}": text for name, text in _mode(mode).items()}
    return facts


def _extent(then: AgainstRecord) -> str:
    sessions = [counted(then.sessions, "session")] if then.sessions else []
    return ", ".join([counted(then.runs, "run"), *sessions, counted(then.rounds, "round")])


def _costs(one: MeasurementRecord) -> dict[str, str]:
    """What the engine costs beside its queries; older records know less of it."""
    if one.costs:
        return {title: words.removeprefix(f"{title} ") for title, words in cost_words(one).items()}
    sizes = {name.replace("_", " "): f"{size:,} bytes" for name, size in one.device_memory.items()}
    return {"energy per query": _measured(one.energy_per_query_mj, "mJ"), **sizes}


def _sessions(one: MeasurementRecord) -> dict[str, str]:
    facts: dict[str, str] = {}
    for number, session in enumerate(one.sessions, 1):
        which = f"session {number} " if len(one.sessions) > 1 else ""
        warm_up = {f"{which}warm-up {key}": _text(v) for key, v in session.warm_up.items()}
        facts |= {**warm_up, f"{which}first query": f"{session.cold_start_ms:.4g} ms"}
        if session.kernels:
            digest = f" {session.kernels_digest}" if session.kernels_digest else ""
            facts[f"{which}kernels"] = session.kernels + digest
    medians = one.session_medians
    if len(medians) > 1:
        shown = ", ".join(f"{value:.5g}" for value in medians)
        facts["medians of sessions"] = f"{shown} ms ({max(medians) / min(medians) - 1:.2%} apart)"
    return facts


def _engine(engine: EngineRecord) -> dict[str, str]:
    return {
        "engine": engine.name,
        "backend": engine.backend,
        "built from": engine.digest,
        "plan": engine.plan_sha256,
    }


def _mode(mode: Mapping[str, Any]) -> dict[str, str]:
    return {name.replace("_", " "): _text(value) for name, value in mode.items()}


def _shapes(shapes: Mapping[str, Sequence[int]]) -> str:
    return ", ".join(f"{name} {'x'.join(map(str, shape))}" for name, shape in shapes.items())


def _pairs(values: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())


def _measured(value: Number, unit: str) -> str:
    return "not measured" if value is None else f"{value:.4g} {unit}"


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.5g}" if isinstance(value, float) else str(value)
