"""Verdicts as they are recorded."""

from __future__ import annotations

import math

import pytest

from pytest_trtperf.analysis.verdict import Reason, Status, Verdict
from pytest_trtperf.judge.verdict_records import Relative, verdict_record


@pytest.mark.parametrize("status", Status)
def test_budget_is_recorded_with_its_bounds(status: Status) -> None:
    verdict = Verdict(status, Reason.OVERLAPS_LIMIT, "numbers", 2.0, 1.9, None, 2.5)
    record = verdict_record("budget", "P99 of latency", verdict, "words")
    assert record.to_builtins() == {
        "kind": "budget", "metric": "P99 of latency", "status": status.value,
        "reason": "overlaps_limit", "message": "words", "value": 2.0, "lower": 1.9, "upper": None,
        "limit": 2.5, "baseline": None, "change": None, "finds": None, "shift": None,
        "race": None, "failed": status is Status.FAIL,
    }  # fmt: skip


def test_comparison_is_recorded_in_shares() -> None:
    verdict = Verdict(Status.FAIL, Reason.OVER_LIMIT, "", 1.25, 1.125, 1.5, 1.05)
    relative = Relative(2.5, 2.0, 1.25, 1.125, 1.5, limit=0.05)
    record = verdict_record("baseline", "latency median", verdict, "words", relative)
    assert (record.value, record.baseline, record.change) == (2.5, 2.0, 0.25)
    assert (record.lower, record.upper, record.limit) == (0.125, 0.5, 0.05)


@pytest.mark.parametrize("endless", [math.inf, math.nan])
def test_what_json_does_not_have_is_left_out(endless: float) -> None:
    verdict = Verdict(Status.INCONCLUSIVE, Reason.TOO_FEW_ROUNDS, "", 1.25, None, None, 1.05)
    relative = Relative(2.5, 2.0, 1.25, 0.0, endless, limit=endless)
    record = verdict_record("pair", "latency median", verdict, "words", relative)
    assert (record.lower, record.upper, record.limit) == (-1.0, None, None)
