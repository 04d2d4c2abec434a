"""What the page shows of a measurement, a search, a pair or a series once its row is opened.

The browser draws the charts, so this is numbers and texts; times are milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from pytest_trtperf.analysis.layers import compare_layers
from pytest_trtperf.analysis.summary import QUANTILES
from pytest_trtperf.engine.dimensions import sweeps_batches
from pytest_trtperf.record.base import Number
from pytest_trtperf.record.model import (
    MaxQpsRecord,
    MeasurementRecord,
    PairRecord,
    RoundRecord,
    SweepRecord,
)
from pytest_trtperf.record.verdict import FindingRecord, VerdictRecord
from pytest_trtperf.report.html.facts import max_qps_facts, measurement_facts, pair_facts

MEDIAN, P99 = QUANTILES.index(0.5), QUANTILES.index(0.99)

DEVICE = {
    "sm_clock_mhz": "SM clock, MHz",
    "memory_clock_mhz": "memory clock, MHz",
    "temperature_c": "temperature, °C",
    "power_w": "power, W",
}

OFTEN_CONSTANT = frozenset({"memory_clock_mhz"})


class Distribution(msgspec.Struct, frozen=True):
    """The 21 quantiles of a metric, here and in the baseline: the middle over the rounds."""

    now: list[float]
    then: list[float] | None


class OverTime(msgspec.Struct, frozen=True):
    """Rounds in the order of measuring, in seconds since the first began; `at` is their middle.

    `session` is the place of that of each. Of rounds that were set aside, `why` says what disturbed
    them; it is empty otherwise.
    """

    at: list[float]
    started: list[float]
    ended: list[float]
    session: list[int]
    queries: list[int]
    throughput: list[float]
    median: dict[str, list[float]]
    p99: dict[str, list[float]]
    set_aside: list[bool]
    why: list[str]


class DeviceLine(msgspec.Struct, frozen=True):
    """A number of the device at each look, seconds since the first round began."""

    name: str
    at: list[float]
    values: list[float]


class LayerLine(msgspec.Struct, frozen=True, array_like=True):
    """Name and median, here and in the baseline; None where the layer is not there."""

    name: str
    now: Number
    then: Number


class MeasurementDetails(msgspec.Struct, frozen=True, kw_only=True, tag="measurement"):
    """A measurement; `sweep_points` are the places of the other points of its sweep."""

    key: str
    verdicts: list[VerdictRecord]
    findings: list[FindingRecord]
    notes: list[str]
    differences: list[str]
    judged: str
    throughput: float
    distributions: dict[str, Distribution]
    over_time: OverTime
    device: list[DeviceLine]
    layers: list[LayerLine]
    summary: dict[str, dict[str, float]]
    facts: dict[str, str]
    then_throughput: Number
    then_has_layers: bool
    sweep: SweepRecord | None
    sweep_points: list[int] = []
    sweeps_batches: bool = False


class MaxQpsDetails(msgspec.Struct, frozen=True, kw_only=True, tag="max_qps"):
    """A search for the highest request rate."""

    key: str
    message: str
    verdicts: list[VerdictRecord]
    findings: list[FindingRecord]
    facts: dict[str, str]
    limit_ms: float
    rate: float
    lower: float
    upper: float
    trials: list[dict[str, Any]]


class PairDetails(msgspec.Struct, frozen=True, kw_only=True, tag="pair"):
    """Two engines measured in turns."""

    key: str
    message: str
    verdicts: list[VerdictRecord]
    findings: list[FindingRecord]
    facts: dict[str, str]
    ratios: dict[str, dict[str, float]]
    block_changes: dict[str, list[float]] = {}


def measurement_details(one: MeasurementRecord) -> MeasurementDetails:
    """What is shown of a measurement."""
    then = one.against
    rounds = sorted([*one.rounds, *one.set_aside], key=lambda one: one.started)
    return MeasurementDetails(
        key=one.key,
        verdicts=one.verdicts,
        findings=one.findings,
        notes=one.notes,
        differences=one.differences,
        judged=one.judged_metric,
        throughput=one.throughput,
        distributions={name: _distribution(one, name) for name in one.summary},
        over_time=_over_time(one, rounds),
        device=list(_device(rounds)),
        layers=_layers(one),
        summary={name: _rounded(figures) for name, figures in one.summary.items()},
        facts=measurement_facts(one),
        then_throughput=then.throughput if then else None,
        then_has_layers=bool(then and then.layers and one.layers),
        sweep=one.sweep,
        sweeps_batches=one.sweep is not None and sweeps_batches(one.sweep.variable),
    )


def max_qps_details(one: MaxQpsRecord) -> MaxQpsDetails:
    """What is shown of a search for the highest request rate."""
    return MaxQpsDetails(
        key=one.key, message=one.message, verdicts=one.verdicts, findings=one.findings,
        facts=max_qps_facts(one), limit_ms=one.limit_ms, rate=one.rate, lower=one.lower,
        upper=one.upper, trials=one.trials,
    )  # fmt: skip


def pair_details(one: PairRecord) -> PairDetails:
    """What is shown of two engines measured in turns."""
    return PairDetails(
        key=one.key, message=one.message, verdicts=one.verdicts, findings=one.findings,
        facts=pair_facts(one), ratios=one.ratios, block_changes=one.block_changes,
    )  # fmt: skip


def five_digits(value: float) -> float:
    """A number with five significant digits: more than a chart can show, and half the size."""
    return float(f"{value:.5g}")


def _distribution(one: MeasurementRecord, metric: str) -> Distribution:
    now = np.median([round.quantiles[metric] for round in one.rounds], axis=0)
    then = one.against.quantiles.get(metric) if one.against else None
    return Distribution(
        now=[five_digits(value) for value in now.tolist()],
        then=[five_digits(value) for value in then] if then else None,
    )


def _over_time(one: MeasurementRecord, rounds: Sequence[RoundRecord]) -> OverTime:
    start = rounds[0].started
    aside = {id(round) for round in one.set_aside}
    session = {
        id(round): place
        for place, each in enumerate(one.sessions)
        for round in (*each.rounds, *each.set_aside)
    }
    shown = [name for name in one.summary if all(name in round.quantiles for round in rounds)]
    return OverTime(
        at=[_to_the_millisecond((r.started + r.ended) / 2 - start) for r in rounds],
        started=[_to_the_millisecond(r.started - start) for r in rounds],
        ended=[_to_the_millisecond(r.ended - start) for r in rounds],
        session=[session[id(r)] for r in rounds],
        queries=[r.queries for r in rounds],
        throughput=[five_digits(r.throughput) for r in rounds],
        median={name: [five_digits(r.quantiles[name][MEDIAN]) for r in rounds] for name in shown},
        p99={name: [five_digits(r.quantiles[name][P99]) for r in rounds] for name in shown},
        set_aside=[id(r) in aside for r in rounds],
        why=["; ".join(r.disturbances) for r in rounds],
    )


def _device(rounds: Sequence[RoundRecord]) -> Iterable[DeviceLine]:
    start = rounds[0].started
    for name, label in DEVICE.items():
        looks = [
            (_to_the_millisecond(at - start), value)
            for r in rounds
            for at, state in ((r.started, r.before), (r.ended, r.after))
            if (value := state.get(name)) is not None
        ]
        varies = len({value for _, value in looks}) > 1
        if looks and (varies or name not in OFTEN_CONSTANT):
            yield DeviceLine(label, [at for at, _ in looks], [value for _, value in looks])
    at = [_to_the_millisecond((r.started + r.ended) / 2 - start) for r in rounds]
    contention = [r.contention for r in rounds if r.contention is not None]
    if len(contention) == len(rounds):
        yield DeviceLine(
            "other processes, %", at, [five_digits(100 * share) for share in contention]
        )
    yardstick = [r.yardstick_ms for r in rounds if r.yardstick_ms is not None]
    if len(yardstick) == len(rounds):
        yield DeviceLine("fixed calculation, ms", at, [five_digits(taken) for taken in yardstick])


def _layers(one: MeasurementRecord) -> list[LayerLine]:
    """By what they add where the baseline has layers, else by time; the largest first."""
    now = {layer.name: layer.median_ms for layer in one.layers}
    then = one.against.layers if one.against else {}
    if now and then:
        changes = compare_layers(then, now)
        return [LayerLine(c.name, _or_none(c.after_ms), _or_none(c.before_ms)) for c in changes]
    by_time = sorted(now.items(), key=lambda item: -item[1])
    return [LayerLine(name, five_digits(median), None) for name, median in by_time]


def _rounded(figures: Mapping[str, float]) -> dict[str, float]:
    return {name: five_digits(value) for name, value in figures.items()}


def _or_none(value: Number) -> Number:
    return None if value is None else five_digits(value)


def _to_the_millisecond(seconds: float) -> float:
    """Seconds with three decimals."""
    return round(seconds, 3)
