"""Rounds beside a fixed calculation: what the machine did is not the engine's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_trtperf.analysis.gates import Gate, closed_load_gates, compare
from pytest_trtperf.analysis.verdict import Status, keeps_limit

GATES = closed_load_gates({"latency"})
TOLERANCE = 0.05


@dataclass(frozen=True)
class Round:
    """An engine that takes so many milliseconds, beside a yardstick that takes so many."""

    ms: float
    yardstick_ms: float
    queries: int = 1000

    @property
    def throughput(self) -> float:
        return 1e3 / self.ms

    @property
    def quantiles(self) -> dict[str, list[float]]:
        return {"latency": [self.ms] * 21}


def rounds(engine: float = 1.0, machine: float = 1.0, seed: int = 0) -> list[Round]:
    """Five rounds; the machine makes both take longer."""
    noise = np.exp(np.random.default_rng(seed).normal(0, 0.003, (2, 5)))
    return [Round(engine * machine * a, 0.25 * machine * b) for a, b in noise.T]


def reasons(now: list[Round]) -> set[tuple[Status, str]]:
    verdicts = [
        compare(gate, now, [rounds(seed=1)], TOLERANCE, yardstick=True).verdict for gate in GATES
    ]
    return {(verdict.status, verdict.reason.replace("under", "over")) for verdict in verdicts}


@pytest.mark.parametrize("gate", GATES, ids=lambda gate: gate.name)
def test_a_yardstick_is_the_unit_of_time(gate: Gate) -> None:
    # of the same engine, on a machine that is twice as slow
    once, twice = gate.values_in_yardsticks([Round(1.0, 0.5), Round(2.0, 1.0)])
    assert once == pytest.approx(twice)
    assert once == (500.0 if gate.kind == "throughput" else 2.0)


def test_the_same_on_the_same_machine_passes() -> None:
    assert reasons(rounds()) == {(Status.PASS, "within_limit")}


def test_a_slower_engine_on_the_same_machine_fails() -> None:
    assert reasons(rounds(engine=1.2)) == {(Status.FAIL, "over_limit")}


@pytest.mark.parametrize("machine", [1.2, 2.0])
def test_a_slower_machine_is_no_regression(machine: float) -> None:
    assert reasons(rounds(machine=machine)) == {(Status.INCONCLUSIVE, "machine_changed")}


def test_a_slower_engine_on_a_slower_machine_fails() -> None:
    assert reasons(rounds(engine=1.2, machine=1.3)) == {(Status.FAIL, "over_limit")}


def test_an_engine_that_feels_a_slower_machine_more_is_no_regression() -> None:
    assert reasons(rounds(engine=1.2**0.4, machine=1.2)) == {
        (Status.INCONCLUSIVE, "machine_changed")
    }


def test_a_faster_machine_does_not_hide_a_slower_engine() -> None:
    assert reasons(rounds(engine=1.2, machine=0.8)) == {(Status.INCONCLUSIVE, "machine_changed")}


def test_what_the_estimate_would_fail_is_no_regression_either() -> None:
    before = [[Round(ms, 0.25) for ms in (0.985, 1.0, 1.015, 0.99, 1.01)]]
    now = [Round(1.08 * ms, 0.27) for ms in (0.99, 1.015, 1.0, 0.985, 1.01)]
    alone = compare(GATES[0], now, before, TOLERANCE).verdict
    assert (alone.status, keeps_limit(alone)) == (Status.INCONCLUSIVE, False)
    verdict = compare(GATES[0], now, before, TOLERANCE, yardstick=True).verdict
    assert (verdict.status, verdict.reason) == (Status.INCONCLUSIVE, "machine_changed")


def test_a_faster_machine_is_no_improvement() -> None:
    for gate in GATES:
        change = compare(gate, rounds(machine=0.7), [rounds(seed=1)], TOLERANCE, yardstick=True)
        assert change.verdict.status is Status.PASS
        assert not change.improved
        alone = compare(gate, rounds(machine=0.7), [rounds(seed=1)], TOLERANCE)
        assert alone.improved


def test_the_message_has_the_change_in_yardsticks() -> None:
    change = compare(GATES[0], rounds(machine=1.5), [rounds(seed=1)], TOLERANCE, yardstick=True)
    assert "beside a fixed calculation the change is +0.0 % [-0." in change.verdict.message
    assert change.ratio == pytest.approx(1.5, rel=0.01)


@given(
    st.lists(st.floats(0.8, 1.6), min_size=2, max_size=8),
    st.lists(st.floats(0.8, 1.6), min_size=2, max_size=8),
    st.sampled_from(GATES),
)
def test_it_fails_nothing_that_would_not_fail_without(
    now: list[float], before: list[float], gate: Gate
) -> None:
    current = [Round(ms, 0.25 * ms) for ms in now]
    runs = [[Round(ms, 0.25) for ms in before]]
    alone = compare(gate, current, runs, TOLERANCE).verdict.status
    with_it = compare(gate, current, runs, TOLERANCE, yardstick=True).verdict.status
    # an engine that follows its yardstick, against one that had a steady one
    assert with_it in (alone, Status.INCONCLUSIVE)
