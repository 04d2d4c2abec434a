"""What a page says of other processes beside what failed."""

from __future__ import annotations

from pytest_trtperf.record.verdict import FindingRecord, RaceRecord
from pytest_trtperf.report.environment import busy_line
from tests.report.test_terminal import compared, measured


def contended(share, **verdict):
    finding = FindingRecord(code="contended", message="others ran", share=share)
    return measured(findings=[finding], verdicts=[compared(**verdict)])


FAILED = {"status": "fail", "reason": "over_limit", "failed": True}


def test_what_failed_beside_other_processes_says_so():
    passed = contended(0.9)
    assert busy_line([passed]) is None
    assert busy_line([passed, measured(verdicts=[compared(**FAILED)])]) is None
    line = busy_line([passed, contended(0.3, **FAILED), contended(0.8, **FAILED)])
    assert line == (
        "other processes took up to 80% of the time beside what failed: measure again on a free "
        "machine before you trust the sizes"
    )


def test_a_race_holds_beside_other_processes():
    race = RaceRecord(
        value=1.2, reference=1.0, change=0.2, lower=0.1, upper=0.3, extent="", source=""
    )
    line = busy_line([contended(0.8, **FAILED, race=race)])
    assert line is not None
    assert line.endswith(
        ": the failure holds in spite of it, since engines in turns are disturbed alike"
    )
