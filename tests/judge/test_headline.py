"""The first line of a failure has the number."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_trtperf.judge.headline import headline
from pytest_trtperf.record.verdict import RaceRecord, VerdictRecord

RACE = RaceRecord(
    value=0.978, reference=0.89, change=0.0989, lower=0.09, upper=0.11, extent="4 blocks", source=""
)


REGRESSED = "gpu_compute median +9.8% (0.978 ms, was 0.8907), tolerance 5%"


def failed(**changes: Any) -> VerdictRecord:
    fields: dict[str, Any] = {
        "kind": "budget", "metric": "P99 of latency", "status": "fail", "reason": "over_limit",
        "message": "all of it", "value": 8.2412, "limit": 2.0, "failed": True,
    }  # fmt: skip
    return VerdictRecord(**{**fields, **changes})


def regressed(**changes: Any) -> VerdictRecord:
    fields = {
        "kind": "baseline", "metric": "gpu_compute median", "value": 0.978, "baseline": 0.8907,
        "change": 0.098, "limit": 0.05,
    }  # fmt: skip
    return failed(**{**fields, **changes})


@pytest.mark.parametrize(
    ("one", "line"),
    [
        (failed(), "P99 of latency 8.241 ms > 2 ms (NVIDIA H200)"),
        (
            failed(metric="throughput", value=81234.5, limit=90000.0, reason="under_limit"),
            "throughput 81234 qps < 90000 qps (NVIDIA H200)",
        ),
        (
            failed(metric="device memory", value=512.04, limit=500.0),
            "device memory 512 MiB > 500 MiB (NVIDIA H200)",
        ),
        (
            failed(reason="too_few_queries"),
            "P99 of latency 8.241 ms, limit 2 ms (NVIDIA H200): undecided (too few queries)",
        ),
        (regressed(), REGRESSED),
        (regressed(race=RACE), "gpu_compute median +9.9% (0.978 ms, was 0.89), tolerance 5%"),
        (
            regressed(metric="throughput", value=1002.0, baseline=1210.0, change=-0.172),
            "throughput -17.2% (1002 qps, was 1210), tolerance 5%",
        ),
        (
            regressed(change=42796.01, limit=0.025),
            "gpu_compute median 42797x (0.978 ms, was 0.8907), tolerance 2.5%",
        ),
        (
            regressed(reason="environment"),
            f"{REGRESSED}: the machine is slower, not the engine",
        ),
        (
            regressed(reason="software"),
            f"{REGRESSED}: other software is slower, not the engine",
        ),
        (
            regressed(reason="software", race=RACE),
            f"{REGRESSED}: other software is slower, not the engine",
        ),
        (
            regressed(kind="pair", limit=-0.05),
            "gpu_compute median +9.8% (0.978 ms, the reference 0.8907), limit -5.0%",
        ),
        (failed(value=None), "all of it"),
    ],
)
def test_headline_has_the_numbers(one: VerdictRecord, line: str) -> None:
    assert headline(one, "test_x.py::test_net", "NVIDIA H200") == line


@pytest.mark.parametrize(
    ("key", "line"),
    [
        ("test_x.py::test_net#b16", f"b16: {REGRESSED}"),
        ("test_x.py::test_net[a#1]", REGRESSED),
        ("test_x.py::test_net[a#1]#b16", f"b16: {REGRESSED}"),
    ],
)
def test_a_measurement_with_a_name_begins_with_it(key: str, line: str) -> None:
    assert headline(regressed(), key, "NVIDIA H200") == line
