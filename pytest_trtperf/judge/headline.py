"""The first line of a failure: which number missed what, and by how much."""

from __future__ import annotations

from pytest_trtperf.analysis.costs import UNITS
from pytest_trtperf.analysis.percent import signed_percent
from pytest_trtperf.analysis.verdict import Reason
from pytest_trtperf.judge.ratios import is_ratio
from pytest_trtperf.record.verdict import VerdictRecord

_UNITS = {
    "throughput": "qps",
    "max_qps": "qps",
    **UNITS,
}
"""Of what is no time."""

_EVIDENT = (Reason.OVER_LIMIT, Reason.UNDER_LIMIT, Reason.SATURATED)
"""Reasons for which the numbers of a line say all."""


def headline(one: VerdictRecord, key: str, device: str) -> str:
    """The numbers of a verdict that failed; its message where it has none.

    A budget reads `P99 of latency 8.24 ms > 2 ms (NVIDIA H200)`, a comparison
    `gpu_compute median +9.8% (0.978 ms, was 0.891), tolerance 5%`. A measurement that has a name
    begins with it.

    Args:
        key: of the measurement, whose name follows `#`.
    """
    if one.value is None or one.limit is None:
        return one.message
    _, mark, name = key.rpartition("#")
    numbers = _numbers(one, one.value, one.limit, device)
    # A parameter of the test may have the mark in it, too.
    return f"{name}: {numbers}" if mark and not name.endswith("]") else numbers


def _numbers(one: VerdictRecord, value: float, limit: float, device: str) -> str:
    unit = "" if is_ratio(one.metric) else " " + _UNITS.get(one.metric, "ms")
    if one.change is None:
        sign = " <" if unit == " qps" else " >"
        between = sign if one.reason in _EVIDENT else ", limit"
        return (
            f"{one.metric} {_number(value)}{unit}{between} {_number(limit)}{unit} "
            f"({device}){_why(one)}"
        )
    reference, change = one.baseline, one.change
    if one.race and one.reason in _EVIDENT:
        value, reference, change = one.race.value, one.race.reference, one.race.change
    was = "" if reference is None else f", {_before(one)} {_number(reference)}"
    numbers = f"({_number(value)}{unit}{was}), {_allowed(one.kind, limit)}"
    return f"{one.metric} {signed_percent(change)} {numbers}{_why(one)}"


def _allowed(kind: str, limit: float) -> str:
    return f"limit {signed_percent(limit)}" if kind == "pair" else f"tolerance {100 * limit:.3g}%"


def _before(one: VerdictRecord) -> str:
    return "the reference" if one.kind == "pair" else "was"


def _why(one: VerdictRecord) -> str:
    """Why it failed, where that is not what the numbers say."""
    if one.reason in _EVIDENT:
        return ""
    if one.reason == Reason.ENVIRONMENT:
        return ": the machine is slower, not the engine"
    if one.reason == Reason.SOFTWARE:
        return ": other software is slower, not the engine"
    return f": undecided ({one.reason.replace('_', ' ')})"


def _number(value: float) -> str:
    return f"{value:.4g}" if abs(value) < 1e4 else f"{value:.0f}"
