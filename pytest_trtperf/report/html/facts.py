"""What was measured, how and with what: the facts of a record by name, as the page lists them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pytest_trtperf.record.model import (
    EngineRecord,
    MaxQpsRecord,
    MeasurementRecord,
    Number,
    PairRecord,
)


def measurement_facts(one: MeasurementRecord) -> dict[str, str]:
    """The engine, how it was measured, and what the baseline was recorded with."""
    facts = {
        "device": one.device,
        **_engine(one.engine),
        "shapes": _shapes(one.shapes),
        **_mode(one.mode),
        **{f"warm-up {name}": _text(value) for name, value in one.warm_up.items()},
        "cold start": f"{one.cold_start_ms:.4g} ms",
        "time to steady": _measured(one.time_to_steady_s, "s"),
        "energy per query": _measured(one.energy_per_query_mj, "mJ"),
        **{name.replace("_", " "): f"{size:,} bytes" for name, size in one.device_memory.items()},
        "queries": f"{sum(round.queries for round in one.rounds):,}",
        "rounds": f"{len(one.rounds)} kept, {len(one.set_aside)} set aside",
        "baseline": one.baseline,
    }
    if then := one.against:
        facts |= {
            "baseline recorded": f"{then.recorded} ({then.runs} runs, {then.rounds} rounds)",
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
