"""Beside a fixed calculation: what the machine did is not the engine's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_trtperf.analysis.change import Baseline, Change, Level
from pytest_trtperf.analysis.gates import Gate, closed_load_gates, judge_gate
from pytest_trtperf.analysis.spread import SessionFigure, StoredRun
from pytest_trtperf.analysis.verdict import Status
from tests.analysis.rounds import Round

GATES = closed_load_gates({"latency"})
TOLERANCE = 0.05


def rounds(level: float = 1.0, seed: int = 0, noise: float = 0.003) -> list[Round]:
    return [Round(ms) for ms in level * np.exp(np.random.default_rng(seed).normal(0, noise, 5))]


def change(
    gate: Gate, now: list[Round], before: list[Round], machine: float | None = None
) -> Change:
    """Two fresh sessions of the same rounds against a baseline."""
    sessions = [SessionFigure.of(gate.values(before))]
    baseline = Baseline([StoredRun("a", tuple(sessions * 3))])
    return judge_gate(gate, [now, now], baseline, Level(TOLERANCE), machine=machine)


def reasons(engine: float, machine: float) -> set[tuple[Status, str]]:
    """Of an engine and a machine that take so many times as long as they did."""
    now, before = rounds(engine * machine), rounds(seed=1)
    verdicts = [change(gate, now, before, machine).verdict for gate in GATES]
    return {(verdict.status, verdict.reason.replace("under", "over")) for verdict in verdicts}


def test_the_same_on_the_same_machine_passes() -> None:
    assert reasons(engine=1.0, machine=1.0) == {(Status.PASS, "within_limit")}


@pytest.mark.parametrize("machine", [0.98, 1.0, 1.02, 1.3])
def test_a_slower_engine_fails_whatever_the_machine_did(machine: float) -> None:
    assert reasons(engine=1.4, machine=machine) == {(Status.FAIL, "over_limit")}


@pytest.mark.parametrize("machine", [1.1, 1.2, 2.0])
@pytest.mark.parametrize("felt", [1.0, 1.4])
def test_a_slower_machine_is_no_regression(machine: float, felt: float) -> None:
    engine = machine ** (felt - 1)
    assert reasons(engine, machine) == {(Status.INCONCLUSIVE, "machine_changed")}


def test_a_faster_machine_does_not_hide_a_slower_engine() -> None:
    assert reasons(engine=1.3, machine=0.78) == {(Status.INCONCLUSIVE, "machine_changed")}


@pytest.mark.parametrize("gate", GATES, ids=lambda gate: gate.name)
def test_a_faster_machine_is_no_improvement(gate: Gate) -> None:
    now, before = rounds(0.7), rounds(seed=1)
    assert change(gate, now, before, machine=1.0).improved
    found = change(gate, now, before, machine=0.7)
    assert found.verdict.status is Status.PASS
    assert not found.improved


def test_the_message_says_what_the_calculation_takes() -> None:
    found = change(GATES[0], rounds(1.5), rounds(seed=1), machine=1.5)
    assert "a fixed calculation takes +50.0%" in found.verdict.message
    assert found.ratio == pytest.approx(1.5, rel=0.01)
    assert not found.suspicious


@given(
    st.lists(st.floats(0.8, 1.6), min_size=2, max_size=8),
    st.lists(st.floats(0.8, 1.6), min_size=2, max_size=8),
    st.sampled_from(GATES),
    st.floats(0.5, 2),
    st.floats(1, 1.5),
)
def test_a_slower_machine_never_makes_a_failure(
    now: list[float], before: list[float], gate: Gate, machine: float, further: float
) -> None:
    def fails(machine: float | None) -> bool:
        current, stored = ([Round(ms) for ms in side] for side in (now, before))
        return change(gate, current, stored, machine).verdict.status is Status.FAIL

    assert fails(None) or not fails(machine)
    assert fails(machine) or not fails(machine * further)
