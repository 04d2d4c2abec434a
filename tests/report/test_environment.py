"""The lines that count tests which something else than their engine made slower."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from pytest_trtperf.analysis.verdict import Reason, Status, Verdict
from pytest_trtperf.judge.verdict_records import Relative, verdict_record
from pytest_trtperf.report.environment import environment_lines


def measured(key: str, slower: float, reason: Reason, metric: str = "gpu_compute median") -> Any:
    higher = metric == "throughput"
    value = 100 / (1 + slower) if higher else 100 * (1 + slower)
    verdict = Verdict(Status.PASS, reason, "", value, None, None, 1.05, higher)
    # The change is what the engine has; the machine's part is not in it.
    relative = Relative(value, 100.0, 1.0, 1.0, 1.0, limit=0.05)
    record = verdict_record("baseline", metric, verdict, "", relative)
    return SimpleNamespace(key=f"t.py::{key}", verdicts=[record])


def test_nothing_is_said_where_nothing_changed() -> None:
    assert environment_lines([measured("a", 0.2, Reason.WITHIN_LIMIT)]) == []


def test_they_are_counted_with_their_size() -> None:
    lines = environment_lines(
        [
            measured("a", 0.05, Reason.ENVIRONMENT),
            measured("b", 0.1, Reason.ENVIRONMENT, "throughput"),
            measured("c", 0.07, Reason.ENVIRONMENT),
            measured("d", 0.5, Reason.WITHIN_LIMIT),
            measured("e", 0.3, Reason.SOFTWARE),
        ]
    )
    environment, software = (line.partition(", and ")[0] for line in lines)
    assert environment == (
        "ENVIRONMENT: 3 of 5 measurements are slower than the baseline, by +7.0% at the median, "
        "+5.0% to +10.0%"
    )
    assert software == "SOFTWARE: 1 of 5 measurements is slower than the baseline, by +30.0%"
    assert lines[0].endswith("(a, b, c)")
