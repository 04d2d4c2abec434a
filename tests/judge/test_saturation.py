"""A load that breaks the device down, against a baseline that held the same rate."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_trtperf.baseline.schema import BaselineRound
from pytest_trtperf.judge.saturation import lost_rate
from pytest_trtperf.judge.subject import Subject
from tests.judge.compared import ENGINE

SUBJECT = Subject(
    test="t", key="t", module="t", baseline_dir="", device="cpu", engine=ENGINE,
    software={}, baseline=None, compares=True, records=True,
)  # fmt: skip


def rounds(throughput: float, count: int = 5, queries: int = 500) -> list[BaselineRound]:
    return [BaselineRound(queries=queries, throughput=throughput, quantiles={})] * count


def test_rate_that_the_baseline_held_is_lost() -> None:
    found = lost_rate(SUBJECT, 1000, rounds(644, 1), rounds(1000), contention=0.0)
    assert found is not None
    assert (found.kind, found.metric, found.status) == ("baseline", "throughput", "fail")
    assert (found.reason, found.failed) == ("saturated", True)
    assert (found.value, found.baseline) == pytest.approx((644, 1000))
    assert found.change == pytest.approx(-0.356)
    assert found.limit == 0
    assert found.message == (
        "t: the rate of 1000 qps is lost: 644 qps were reached, and responses grow without end, "
        "where the baseline held 1000 qps (on cpu)"
    )


@pytest.mark.parametrize(
    ("stored", "queries", "is_lost"),
    [
        (901, 500, True),  # 2 % and four standard deviations of 2500 arrivals
        (899, 500, False),
        (965, 50_000, False),
        (975, 50_000, True),
    ],
)
def test_baseline_that_was_saturated_itself_held_nothing(
    stored: float, queries: int, is_lost: bool
) -> None:
    found = lost_rate(SUBJECT, 1000, rounds(644, 1), rounds(stored, 5, queries), contention=0.0)
    assert (found is not None) == is_lost


@pytest.mark.parametrize(("contention", "is_lost"), [(0.35, True), (0.36, False), (1.0, False)])
def test_other_processes_may_have_taken_what_is_missing(contention: float, is_lost: bool) -> None:
    here = replace(SUBJECT, key="k")
    found = lost_rate(here, 1000, rounds(644, 1), rounds(1000), contention)
    assert (found is not None) == is_lost
