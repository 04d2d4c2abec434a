"""The share of the error that each of several gates has."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from pytest_trtperf.analysis.gates import Gate, closed_load_gates, judge_gate
from pytest_trtperf.analysis.regression import LOOKS
from pytest_trtperf.analysis.verdict import Status
from tests.analysis.rounds import Round

GATES = closed_load_gates({"latency"})
NOW_MS = (1.031, 1.052, 1.043, 1.038, 1.047)
BEFORE_MS = (0.995, 1.004, 1.0, 1.002, 0.998)


@pytest.mark.parametrize("gate", GATES, ids=lambda gate: gate.name)
@pytest.mark.parametrize("gates", [1, 2, 3])
def test_looks_and_gates_share_an_error_of_1_percent(gate: Gate, gates: int) -> None:
    now, before = ([Round(ms) for ms in side] for side in (NOW_MS, BEFORE_MS))
    change = judge_gate(gate, now, [before], 0.05, gates=gates)
    welch = stats.ttest_ind(
        np.log(gate.values(now)), np.log(gate.values(before)), equal_var=False
    ).confidence_interval(1 - 2 * 0.01 / len(LOOKS) / gates)  # the error is that of one side
    assert change.lower == pytest.approx(np.exp(welch.low), rel=1e-9)
    assert change.upper == pytest.approx(np.exp(welch.high), rel=1e-9)


def test_a_change_that_fails_alone_is_open_as_one_of_three() -> None:
    now, before = [Round(ms) for ms in NOW_MS], [[Round(ms) for ms in BEFORE_MS]]
    alone, one_of_three = (judge_gate(GATES[0], now, before, 0.023, gates=n) for n in (1, 3))
    assert alone.verdict.status is Status.FAIL
    assert one_of_three.verdict.status is Status.INCONCLUSIVE
